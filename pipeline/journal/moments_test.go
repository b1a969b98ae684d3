package journal

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/vfs"
)

// TestOldest: how old the oldest frame is that an output has not finished, over a
// quiet time, in turns, and over a restart.
func TestOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		j := open(t, small(m))
		a, b := cursor(t, j, "a"), cursor(t, j, "b")
		age := func(name string, want time.Duration) {
			t.Helper()
			got, waits := j.Oldest(name)
			if !waits {
				got = -1
			}
			if d := got - want; d < -2*time.Second || d > 2*time.Second || waits != (want >= 0) {
				t.Errorf("what %s has not taken is %s old, want %s", name, got, want)
			}
		}
		const nothing = -1
		one := func(c *Cursor) {
			t.Helper()
			e, err := c.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Done(e.Seq, delivered(e)); err != nil {
				t.Fatal(err)
			}
		}
		age("a", nothing)
		age("none", nothing)
		time.Sleep(3 * time.Hour) // a quiet host
		add(t, j, 1, 300)
		durably(t, j)
		age("a", 0)
		time.Sleep(time.Minute)
		add(t, j, 2, 300)
		durably(t, j)
		time.Sleep(time.Minute)
		age("a", 2*time.Minute)
		one(a)
		age("a", time.Minute)
		age("b", 2*time.Minute)
		one(a)
		age("a", nothing)
		one(b)
		age("b", time.Minute)
		for n := range uint64(100) { // some segments
			add(t, j, n+3, 300)
			durably(t, j)
			time.Sleep(time.Minute)
		}
		age("a", 100*time.Minute)
		age("b", 101*time.Minute)
		drain(t, a)
		shut(t, j)

		time.Sleep(time.Hour)
		j = open(t, small(m))
		defer shut(t, j)
		age("a", nothing)
		age("b", 161*time.Minute) // nobody took it up yet
		b = cursor(t, j, "b")
		for n := range 101 {
			// A segment has some ten frames, and the last may have been accepted until the restart.
			is := time.Duration(161-n) * time.Minute
			if old, _ := j.Oldest("b"); n < 80 && (old < is-15*time.Minute || old > is+15*time.Minute) {
				t.Errorf("frame %d is %s old, want %s", n+2, old, is)
			}
			one(b)
		}
		age("b", nothing)
	})
}

// TestMomentsOfDays: what is noted in days with an output away is bounded, and tells
// the age to a few hundredths.
func TestMomentsOfDays(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	begun := now
	j := &Journal{o: Options{}, cursors: []*Cursor{{state: cursorState{name: "a", seq: 1}}}}
	rnd := rand.New(rand.NewPCG(1, 2))
	truth := []time.Time{now} // by sequence
	for range 30_000 {
		now = now.Add(time.Second)
		if rnd.IntN(100) == 0 {
			now = now.Add(time.Duration(rnd.IntN(1200)) * time.Second) // the process stood still
		}
		for range rnd.IntN(3) {
			j.durable++
			truth = append(truth, now)
		}
		j.stand(now)
	}
	if len(j.moments) > mostMoments {
		t.Fatalf("%d moments are kept", len(j.moments))
	}
	for back := time.Duration(0); back < now.Sub(begun); back = back*5/4 + time.Second {
		seq := uint64(len(truth) - 1)
		for seq > 1 && now.Sub(truth[seq]) < back {
			seq--
		}
		is, want := now.Sub(j.acceptedAt(seq, now)), now.Sub(truth[seq])
		if off := is - want; off < -want/10-2*time.Second || off > want/10+2*time.Second {
			t.Errorf("frame %d is %s old, and %s is said", seq, want, is)
		}
	}
	j.cursors[0].state.seq = j.durable + 1
	if j.stand(now); len(j.moments) > 2 {
		t.Errorf("%d moments are kept that nobody needs", len(j.moments))
	}
}

package journal

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/vfs"
)

// TestMaxAge: what every cursor has passed goes when it is old, what waits stays
// however old it is, and a quiet journal does not keep the old beside the new.
func TestMaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		o := small(m)
		o.MaxAge = 8 * time.Hour
		j := open(t, o)
		a, b := cursor(t, j, "a"), cursor(t, j, "b")
		for n := range uint64(10) {
			add(t, j, n+1, 100)
			durably(t, j)
			time.Sleep(2 * time.Hour) // no segment is full: age alone ends it
		}
		synctest.Wait()
		if n := known(j); n != 10 {
			t.Fatalf("%d segments, and every frame was more than an hour after the one before", n)
		}
		drain(t, a)
		time.Sleep(2 * time.Second)
		if n := known(j); n != 10 {
			t.Errorf("%d segments are left of 10 that b waits for", n)
		}
		e, _, err := b.TryNext()
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Done(e.Seq, delivered(e)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if n := known(j); n != 9 {
			t.Errorf("%d segments, b has passed one of 10", n)
		}
		if got := drain(t, b); fmt.Sprint(got) != fmt.Sprint(upTo(2, 10)) {
			t.Errorf("b read %v", got)
		}
		time.Sleep(2 * time.Second)
		// The newest frame of each of the last four segments is younger than 8 hours.
		if n := known(j); n != 4 {
			t.Errorf("%d segments are left, 4 are not old", n)
		}
		shut(t, j)
		j = open(t, o)
		defer shut(t, j)
		cursor(t, j, "a")
		cursor(t, j, "b")
		time.Sleep(24 * time.Hour)
		if n := known(j); n != 1 {
			t.Errorf("a day after a restart %d segments are left, want the newest", n)
		}
		balanced(t, j)
	})
}

// A clock that goes back deletes nothing, and neither does a segment of the first
// version, which has no time.
func TestAgeNeedsATime(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	j := &Journal{o: Options{MaxAge: time.Hour, Now: func() time.Time { return now }}}
	for _, c := range []struct {
		name  string
		begun int64
		aged  bool
	}{
		{"no time", 0, false},
		{"in the future", now.Add(24 * time.Hour).Unix(), false},
		{"now", now.Unix(), false},
		{"old", now.Add(-2 * time.Hour).Unix(), true},
	} {
		if got := j.aged(&segment{begun: uint32(c.begun)}, time.Hour); got != c.aged {
			t.Errorf("%s: aged is %v", c.name, got)
		}
	}
}

// known is how many segments the journal has.
func known(j *Journal) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.segments)
}

package journal

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/vfs"
)

func tightOptions(fs vfs.FS) Options {
	o := small(fs)
	o.MaxSize = fixedSize + 10*o.SegmentSize
	return o
}

// TestDropOldest: an output that takes nothing holds nobody up, keeps its
// newest events and counts the others; the other output gets everything.
func TestDropOldest(t *testing.T) { synctest.Test(t, dropOldestTest) }

func dropOldestTest(t *testing.T) {
	m := vfs.NewMem()
	j := open(t, tightOptions(m))
	dead, live := cursor(t, j, "dead"), cursor(t, j, "live")
	dead.SetPolicy(Policy{WhenFull: DropOldest})
	const all = 500
	for n := range uint64(all) {
		add(t, j, n+1, 500)
		durably(t, j)
		if got := drain(t, live); len(got) != 1 || got[0] != n+1 {
			t.Fatalf("live read %v, want %d", got, n+1)
		}
		balanced(t, j)
		if size := total(t, m); size > j.o.MaxSize {
			t.Fatalf("the folder takes %d bytes of %d", size, j.o.MaxSize)
		}
	}
	b := j.Books()[0]
	if b.Counts.Dropped[BufferFull] == 0 || b.Buffered == 0 || b.Buffered+b.Counts.Dropped[BufferFull] != all {
		t.Fatalf("book %+v", b)
	}
	dropped := b.Counts.Dropped[BufferFull]
	shut(t, j)
	j = open(t, tightOptions(m))
	defer shut(t, j)
	dead = cursor(t, j, "dead")
	if got := drain(t, dead); fmt.Sprint(got) != fmt.Sprint(upTo(dropped+1, all)) {
		t.Errorf("after a restart dead read %v, %d were dropped", got, dropped)
	}
	balanced(t, j)
	for _, b := range j.Books() {
		if b.Output == "dead" && (b.Counts.Dropped[BufferFull] != dropped || b.Counts.Dropped[Corrupt] != 0 || b.Counts.Delivered != all-dropped) {
			t.Errorf("book %+v", b)
		}
	}
}

// TestDropNewest: an output that takes nothing keeps its oldest events.
func TestDropNewest(t *testing.T) { synctest.Test(t, dropNewestTest) }

func dropNewestTest(t *testing.T) {
	m := vfs.NewMem()
	j := open(t, tightOptions(m))
	defer shut(t, j)
	dead, live := cursor(t, j, "dead"), cursor(t, j, "live")
	dead.SetPolicy(Policy{WhenFull: DropNewest})
	const all = 500
	for n := range uint64(all) {
		add(t, j, n+1, 500)
		durably(t, j)
		if got := drain(t, live); len(got) != 1 || got[0] != n+1 {
			t.Fatalf("live read %v, want %d", got, n+1)
		}
		balanced(t, j)
	}
	if size := total(t, m); size > j.o.MaxSize {
		t.Fatalf("the folder takes %d bytes of %d", size, j.o.MaxSize)
	}
	got := drain(t, dead)
	if len(got) == 0 || fmt.Sprint(got) != fmt.Sprint(upTo(1, uint64(len(got)))) {
		t.Fatalf("dead read %v", got)
	}
	balanced(t, j)
	b := j.Books()[0]
	if b.Counts.Dropped[BufferFull]+b.Counts.Delivered != all || b.Counts.Dropped[BufferFull] == 0 {
		t.Errorf("book %+v", b)
	}
	// It has caught up: new events are for it again, from the next segment on.
	for n := range uint64(30) {
		add(t, j, all+n+1, 500)
		durably(t, j)
		drain(t, live)
	}
	if got := drain(t, dead); len(got) == 0 || got[len(got)-1] != all+30 {
		t.Errorf("after it has caught up dead read %v", got)
	}
	balanced(t, j)
}

// TestMaxLag: an output's own bound holds before the journal is full, and a
// blocking one stops acceptance at it.
func TestMaxLag(t *testing.T) { synctest.Test(t, maxLagTest) }

func maxLagTest(t *testing.T) {
	j := open(t, small(vfs.NewMem()))
	defer shut(t, j)
	c := cursor(t, j, "a")
	c.SetPolicy(Policy{WhenFull: DropOldest, MaxLag: 12 << 10})
	for n := range uint64(200) {
		add(t, j, n+1, 500)
		durably(t, j)
		balanced(t, j)
	}
	if got := drain(t, c); len(got) > 12<<10/500+8 || got[len(got)-1] != 200 {
		t.Errorf("read %d frames, up to %d", len(got), got[len(got)-1])
	}
	b := cursor(t, j, "b")
	b.SetPolicy(Policy{MaxLag: 12 << 10})
	for n := uint64(200); ; n++ {
		ctx, cancel := withTimeout(t)
		_, err := j.Append(ctx, Frame{Payload: item(n+1, 500), Records: 1})
		cancel()
		if err != nil {
			break
		}
		drain(t, c)
		if n > 300 {
			t.Fatal("max_lag of a blocking output stops nothing")
		}
	}
	if err := j.Blocked(); err == nil || !strings.HasPrefix(err.Error(), "output b is further behind than its max_lag") {
		t.Errorf("the journal waits for max_lag, and says %v", err)
	}
	drain(t, b)
	add(t, j, 1000, 500)
	durably(t, j)
}

// TestRandomPolicies plays outputs of each kind against a journal that is too
// small, with kills: the books balance at every step, what is read goes up, and
// at the end every record is delivered or counted.
func TestRandomPolicies(t *testing.T) {
	runs := 200
	if testing.Short() {
		runs = 20
	}
	for seed := range uint64(runs) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { policyRun(t, seed) }) })
	}
}

func policyRun(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 5))
	m := vfs.NewMem()
	policies := map[string]Policy{"live": {}, "old": {WhenFull: DropOldest}, "new": {WhenFull: DropNewest},
		"oldlag": {WhenFull: DropOldest, MaxLag: 12 << 10}, "newlag": {WhenFull: DropNewest, MaxLag: 12 << 10}}
	last := map[string]uint64{}
	var n uint64
	for range 4 {
		j := open(t, tightOptions(m))
		cs := map[string]*Cursor{}
		for _, name := range []string{"live", "old", "new", "oldlag", "newlag"} {
			cs[name] = cursor(t, j, name)
			cs[name].SetPolicy(policies[name])
		}
		// What it read before the kill and was not saved, it may hold others up with.
		if got := drain(t, cs["live"]); len(got) > 0 {
			last["live"] = got[len(got)-1]
		}
		for range rnd.IntN(200) {
			n++
			add(t, j, n, 20+rnd.IntN(900))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			err := j.Sync(ctx)
			cancel()
			if err != nil {
				t.Fatalf("acceptance waits for an output that may not hold it up: %v\n%s", err, sketch(j))
			}
			readSome(t, cs["live"], last, "live", 1<<30, rnd)
			if name := []string{"old", "new", "oldlag", "newlag"}[rnd.IntN(4)]; rnd.IntN(3) == 0 {
				readSome(t, cs[name], last, name, rnd.IntN(30), rnd)
			}
			balanced(t, j)
		}
		if rnd.IntN(2) == 0 {
			// The end of the process; what it had not saved is read again.
			k := m.Kill()
			shut(t, j)
			m = k
			clear(last)
			continue
		}
		shut(t, j)
		m = m.Kill()
	}
	j := open(t, tightOptions(m))
	defer shut(t, j)
	for name := range policies {
		drain(t, cursor(t, j, name))
	}
	for _, b := range j.Books() {
		if !b.Balanced() || b.Buffered+b.InFlight != 0 || b.Received != n || b.Counts.Dropped[Corrupt] != 0 {
			t.Errorf("%d were accepted: %+v", n, b)
		}
		if b.Output == "live" && b.Counts.Lost() != 0 {
			t.Errorf("live lost some: %+v", b)
		}
	}
}

// sketch shows who needs which segment.
func sketch(j *Journal) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := fmt.Sprintf("size %d of %d, durable %d\n", j.size, j.o.MaxSize, j.durable)
	for i := range j.segments {
		first, end := j.bounds(i)
		s += fmt.Sprintf("%d..%d size %d known %v:", first, end-1, j.segments[i].size, j.segments[i].known)
		for _, c := range j.cursors {
			if c.state.needs(first, end) {
				_, _, ok := c.unread(j.segments[i], first, end)
				s += fmt.Sprintf(" %s(unread %v)", c.state.name, ok)
			}
		}
		s += "\n"
	}
	for _, c := range j.cursors {
		s += fmt.Sprintf("%s seq %d next %d gap %d flights %d spans %v\n", c.state.name, c.state.seq, c.next, c.gap, len(c.flights), c.state.spans)
	}
	return s
}

func readSome(t *testing.T, c *Cursor, last map[string]uint64, name string, n int, rnd *rand.Rand) {
	t.Helper()
	if rnd.IntN(5) == 0 {
		c.Rewind()
	}
	for range n {
		e, ok, err := c.TryNext()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return
		}
		got := number(t, e.Payload)
		if got <= last[name] {
			t.Fatalf("%s read %d after %d", name, got, last[name])
		}
		if rnd.IntN(20) == 0 {
			c.Rewind() // as a sender does that was stopped
			return
		}
		last[name] = got
		if err := c.Done(e.Seq, delivered(e)); err != nil {
			t.Fatal(err)
		}
	}
}

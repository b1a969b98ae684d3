package journal

import (
	"context"
	"testing"

	"tallyman/pipeline/vfs"
)

// TestDiscard: a cursor that is let go of has a book that balances, keeps
// nothing on the disk, and does not come back after a restart.
func TestDiscard(t *testing.T) {
	m := vfs.NewMem()
	o := small(m)
	j := open(t, o)
	cursor(t, j, "gone")
	c := cursor(t, j, "kept")
	for range 5 {
		if _, err := j.Append(context.Background(), Frame{Payload: []byte("payload"), Records: 3, Generated: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := j.Waiting("gone"); n <= 0 || n != j.Waiting("kept") || j.Waiting("unknown") != 0 {
		t.Errorf("%d, %d and %d bytes wait", n, j.Waiting("kept"), j.Waiting("unknown"))
	}
	e, ok, err := c.TryNext()
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if _, err := j.Discard("kept"); err == nil {
		t.Error("a cursor that reads was discarded")
	}
	if err := c.Done(e.Seq, Tally{Records: Counts{Delivered: 3}, Generated: Counts{Delivered: 1}}); err != nil {
		t.Fatal(err)
	}
	if before, after := j.Waiting("gone"), j.Waiting("kept"); after >= before {
		t.Errorf("%d bytes wait for the one that has passed something, %d for the other", after, before)
	}
	b, err := j.Discard("gone")
	if err != nil || !b.Balanced() || b.Received != 15 || b.Counts.Dropped[OperatorDiscard] != 15 || b.GeneratedCounts.Dropped[OperatorDiscard] != 5 || b.Buffered != 0 {
		t.Errorf("the book %+v, %v", b, err)
	}
	if _, err := j.Discard("gone"); err == nil {
		t.Error("it was discarded twice")
	}
	j.Release("kept")
	j.Release("unknown")
	if got := j.Orphans(); len(got) != 1 || got[0] != "kept" {
		t.Errorf("the orphans are %v", got)
	}
	shut(t, j)

	j = open(t, o)
	defer shut(t, j)
	if got := j.Orphans(); len(got) != 1 || got[0] != "kept" {
		t.Errorf("after a restart the orphans are %v", got)
	}
	if b, err := j.Discard("kept"); err != nil || b.Counts.Delivered != 3 || b.Counts.Dropped[OperatorDiscard] != 12 || !b.Balanced() {
		t.Errorf("the orphan's book %+v, %v", b, err)
	}
	if c := cursor(t, j, "gone"); !c.Idle() {
		t.Error("one that comes back gets what was discarded")
	}
}

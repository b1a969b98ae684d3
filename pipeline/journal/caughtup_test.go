package journal

import (
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/vfs"
)

// A cursor that drops its newest frames and has caught up gets what comes next,
// and is idle.
func TestDropNewestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := small(vfs.NewMem())
		o.MaxSize = fixedSize + 16<<10 + 6*o.SegmentSize
		j := open(t, o)
		defer shut(t, j)
		c := cursor(t, j, "a")
		c.SetPolicy(Policy{WhenFull: DropNewest})
		for n := uint64(1); n <= 100; n++ {
			add(t, j, n, 200)
			durably(t, j)
		}
		if !j.Books()[0].Dropping {
			t.Fatal("it does not drop; make the test's journal smaller")
		}
		drain(t, c)
		time.Sleep(5 * time.Second) // the keeper looked
		if b := j.Books()[0]; b.Buffered+b.InFlight != 0 {
			t.Fatalf("book %+v", b)
		}
		if !c.Idle() {
			t.Error("nothing is left, and the cursor is not idle")
		}
		was := j.Books()[0].Counts.Dropped[BufferFull]
		add(t, j, 101, 200)
		durably(t, j)
		if now := j.Books()[0].Counts.Dropped[BufferFull]; now != was {
			t.Errorf("a frame that came after it had caught up was dropped")
		}
	})
}

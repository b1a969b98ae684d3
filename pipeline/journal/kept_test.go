package journal

import (
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/vfs"
)

func full(fs vfs.FS) Options {
	o := small(fs)
	o.MaxSize = 2*slotSize + 4096 + 4*o.SegmentSize
	return o
}

// kills: evict does not save first; keeper never saves
func TestSavedBeforeDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		j := open(t, full(m))
		c := cursor(t, j, "a")
		for n := range uint64(100) { // no second passes: only a deletion saves
			add(t, j, n+1, 300)
			durably(t, j)
			drain(t, c)
			k := m.Kill()
			j := open(t, full(k))
			drain(t, cursor(t, j, "a"))
			if b := j.Books()[0]; b.Counts.Lost() != 0 {
				t.Fatalf("after frame %d a kill makes delivered records lost: %+v", n+1, b.Counts)
			}
			shut(t, j)
		}
		time.Sleep(2 * time.Second)
		k := m.Kill()
		shut(t, j)
		j = open(t, full(k))
		defer shut(t, j)
		if got := drain(t, cursor(t, j, "a")); len(got) > 0 {
			t.Errorf("two seconds after the last was delivered, a kill gives again %v", got)
		}
	})
}

// kills: always slot 0; older slot wins; gen advances on failure
func TestTornState(t *testing.T) {
	m := vfs.NewMem()
	j := open(t, small(m))
	c := cursor(t, j, "a")
	for n := range uint64(6) {
		add(t, j, n+1, 10)
		durably(t, j)
		drain(t, c)
		if err := j.save(0); err != nil {
			t.Fatal(err)
		}
		for slot := range int64(2) {
			k := m.Kill()
			f, _ := k.Open(filepath.Join(dir, "state"), vfs.Write)
			if _, err := f.WriteAt(make([]byte, 40), slot*slotSize); err != nil {
				t.Fatal(err)
			}
			j := open(t, small(k))
			if got := drain(t, cursor(t, j, "a")); j.rebuilt && n > 0 || len(got) > 1 {
				t.Errorf("slot %d torn after save %d: rebuilt %v, read %v again", slot, n, j.rebuilt, got)
			}
			shut(t, j)
		}
	}
	shut(t, j)
}

// kills: orphans do not hold
func TestOrphanHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		j := open(t, full(m))
		cursor(t, j, "old")
		for n := range uint64(20) {
			add(t, j, n+1, 300)
		}
		durably(t, j)
		shut(t, j)
		j = open(t, full(m))
		a := cursor(t, j, "a")
		for n := range uint64(100) {
			ctx, cancel := withTimeout(t)
			_, err := j.Append(ctx, Frame{Payload: item(n+21, 300), Records: 1})
			cancel()
			if err != nil {
				break
			}
			synctest.Wait()
			drain(t, a)
		}
		if j.Blocked() == nil {
			t.Error("an orphan does not hold its frames")
		}
		got := drain(t, cursor(t, j, "old"))
		if len(got) < 20 || got[0] != 1 {
			t.Errorf("the orphan read %v", got)
		}
		shut(t, j)
	})
}

// kills: cursor ahead: number used again, and its totals
func TestCursorAhead(t *testing.T) {
	m := vfs.NewMem()
	j := open(t, small(m))
	a := cursor(t, j, "a")
	for n := range uint64(5) {
		add(t, j, n+1, 100)
		durably(t, j)
	}
	drain(t, a)
	shut(t, j)
	name := segments(t, m)[0]
	f, _ := m.Open(filepath.Join(dir, name), vfs.Write)
	size, _ := f.Size()
	if err := f.Truncate(size - 150); err != nil { // the last frame is gone
		t.Fatal(err)
	}
	j = open(t, small(m))
	b := cursor(t, j, "new")
	a = cursor(t, j, "a")
	add(t, j, 6, 10)
	durably(t, j)
	if got := drain(t, a); fmt.Sprint(got) != "[6]" {
		t.Errorf("a read %v", got)
	}
	drain(t, b)
	for _, bk := range j.Books() {
		if !bk.Balanced() || bk.Buffered != 0 || bk.Counts.Lost() != 0 || bk.Output == "a" && bk.Received != 6 {
			t.Errorf("book %+v", bk)
		}
	}
	shut(t, j)
}

// kills: lost: generated uncounted; resync skips window overlap
func TestLostAlerts(t *testing.T) {
	for pad := range 6 {
		m := vfs.NewMem()
		o := small(m)
		o.SegmentSize = 256 << 10
		j := open(t, o)
		cursor(t, j, "a")
		// The second frame begins pad bytes around a window of the search.
		for i, n := range []int{64<<10 - headerSize - 3 + pad + 1, 10} {
			if _, err := j.Append(t.Context(), Frame{Payload: item(uint64(i+1), n), Records: 2, Generated: 3}); err != nil {
				t.Fatal(err)
			}
			durably(t, j)
		}
		shut(t, j)
		name := segments(t, m)[0]
		f, _ := m.Open(filepath.Join(dir, name), vfs.Write)
		b := make([]byte, 4096)
		_, _ = f.ReadAt(b, 0)
		at := segmentHeaderSize + headerSize
		for string(b[at:at+4]) != string(frameMagic[:]) {
			at++
		}
		if _, err := f.WriteAt([]byte{0xff}, int64(at+20)); err != nil {
			t.Fatal(err)
		}
		j = open(t, o)
		got := drain(t, cursor(t, j, "a"))
		bk := j.Books()[0]
		if fmt.Sprint(got) != "[2]" || bk.Counts.Dropped[Corrupt] != 2 || bk.GeneratedCounts.Dropped[Corrupt] != 3 || bk.GeneratedBuffered != 0 {
			t.Errorf("pad %d: read %v, book %+v", pad, got, bk)
		}
		shut(t, j)
	}
}

package journal

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/vfs"
)

// The newest segment has no frame yet; the last frame of the one before is
// damaged. It was accepted (the newer header says so) and is uncounted.
func TestTailBeforeEmptySegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		j := open(t, small(m))
		cursor(t, j, "a")
		var k *vfs.Mem
		var n uint64
		for range 10 {
			n++
			add(t, j, n, 200)
			durably(t, j)
		}
		before := segments(t, m)[0]
		m.SetHook(func(op vfs.Op) error {
			if op.Kind == "write" && strings.HasSuffix(op.Name, ".seg") && !strings.HasSuffix(op.Name, before) && k == nil {
				f, _ := m.Open(op.Name, vfs.Read)
				b := make([]byte, 1)
				_, _ = f.ReadAt(b, 0)
				_ = f.Close()
				if b[0] != 0 { // header and snapshot are there, frames are not
					k = m.Kill()
				}
			}
			return nil
		})
		accepted := n
		for k == nil {
			accepted = n
			n++
			add(t, j, n, 200)
			durably(t, j)
		}
		m.SetHook(nil)
		shut(t, j)
		// damage the last frame's header
		f, _ := k.Open(filepath.Join(dir, before), vfs.Read)
		size, _ := f.Size()
		b := make([]byte, size)
		_, _ = f.ReadAt(b, 0)
		_ = f.Close()
		at := int64(bytes.LastIndex(b, frameMagic[:]))
		for _, body := range []bool{false, true} {
			k := k.Kill()
			if body {
				flip(t, k, before, at+headerSize+20)
			} else {
				flip(t, k, before, at+20)
			}
			j = open(t, small(k))
			got := drain(t, cursor(t, j, "a"))
			bk := j.Books()[0]
			if bk.Received != accepted || uint64(len(got))+bk.Counts.Dropped[Corrupt] != accepted || bk.Buffered != 0 {
				t.Errorf("body damaged %v: %d were accepted, %d read; book %+v", body, accepted, len(got), bk)
			}
			shut(t, j)
		}
	})
}

// Both slots lost, and a cursor that the snapshot does not know.
func TestRebuiltBase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		o := small(m)
		o.MaxSize = 2*slotSize + 4096 + 4*o.SegmentSize
		j := open(t, o)
		c := cursor(t, j, "a")
		for n := range uint64(60) {
			add(t, j, n+1, 300)
			durably(t, j)
			drain(t, c)
		}
		b := cursor(t, j, "b") // newer than the newest snapshot
		add(t, j, 61, 10)
		durably(t, j)
		drain(t, c)
		drain(t, b)
		shut(t, j)
		f, _ := m.Open(filepath.Join(dir, "state"), vfs.Write)
		if _, err := f.WriteAt(make([]byte, 2*slotSize), 0); err != nil {
			t.Fatal(err)
		}
		j = open(t, o)
		defer shut(t, j)
		got := drain(t, cursor(t, j, "b"))
		for _, bk := range j.Books() {
			if bk.Output == "b" && bk.Buffered != 0 {
				t.Errorf("b has read all %d there are, yet its book says: %+v", len(got), bk)
			}
		}
	})
}

// R10: Append takes a frame that never fits.
func TestNeverFits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		o := small(m)
		o.SegmentSize, o.MaxSize = 64<<10, 270<<10 // what the engine makes of max_size 288KiB, segment_size 64KiB, which config accepts
		j := open(t, o)
		c := cursor(t, j, "a")
		held := make([]byte, 5<<10) // what a coalescer holds
		if _, err := j.Append(t.Context(), Frame{Payload: item(1, 10), Records: 1, Marks: []Mark{{"held/in", held}}}); err != nil {
			t.Fatal(err)
		}
		durably(t, j)
		drain(t, c)
		_, err := j.Append(t.Context(), Frame{Payload: item(2, 133<<10), Records: 1})
		if err == nil {
			time.Sleep(time.Hour)
			if j.Blocked() != nil {
				t.Errorf("everything is delivered, an hour later: %v", j.Blocked())
			}
		}
		_ = j.Close()
	})
}

// The magic in a payload makes a resync quadratic.
func TestResyncCost(t *testing.T) {
	m := vfs.NewMem()
	o := small(m)
	o.SegmentSize, o.MaxSize = 16<<20, 1<<30
	j := open(t, o)
	cursor(t, j, "a")
	body := bytes.Repeat(frameMagic[:], 1<<18) // 1 MiB
	if _, err := j.Append(t.Context(), Frame{Payload: body, Records: 1}); err != nil {
		t.Fatal(err)
	}
	durably(t, j)
	add(t, j, 2, 10)
	durably(t, j)
	shut(t, j)
	f, _ := m.Open(filepath.Join(dir, segments(t, m)[0]), vfs.Read)
	b := make([]byte, 1000)
	_, _ = f.ReadAt(b, 0)
	at := bytes.Index(b[segmentHeaderSize+4:], frameMagic[:]) + segmentHeaderSize + 4
	flip(t, m, segments(t, m)[0], int64(at+20))
	start := time.Now()
	j = open(t, o)
	shut(t, j)
	if d := time.Since(start); d > time.Second {
		t.Errorf("opening one segment with 1 MiB of the magic in a damaged frame took %v", d)
	}
}

// A save that failed is not tried again.
func TestSaveRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		j := open(t, small(m))
		c := cursor(t, j, "a")
		for n := range uint64(5) {
			add(t, j, n+1, 10)
		}
		durably(t, j)
		var failed atomic.Int32
		m.SetHook(func(op vfs.Op) error {
			if op.Kind == "write" && strings.HasSuffix(op.Name, "state") && failed.Add(1) == 1 {
				return syscall.EIO
			}
			return nil
		})
		drain(t, c)
		time.Sleep(time.Hour)
		k := m.Kill()
		m.SetHook(nil)
		shut(t, j)
		j = open(t, small(k))
		defer shut(t, j)
		if got := drain(t, cursor(t, j, "a")); len(got) > 0 {
			t.Errorf("an hour after one failed save, a kill brings back %v", got)
		}
	})
}

// A failed fsync, then a kill, a restart, and only then a power cut: the
// kernel shows the pages and has not written them.
func TestFailedSyncThenKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		j := open(t, small(m))
		cursor(t, j, "a")
		add(t, j, 1, 10)
		durably(t, j)
		m.SetHook(vfs.FailAt("datasync", 1, 0, syscall.EIO))
		add(t, j, 2, 600)
		synctest.Wait()
		k := m.Kill() // the disk is bad, the operator restarts
		m.SetHook(nil)
		time.Sleep(time.Minute)
		shut(t, j)
		j = open(t, small(k))
		pos := string(j.Mark("position/in"))
		add(t, j, 3, 10)
		durably(t, j)
		bad := 0
		for seed := range uint64(20) {
			c := k.Crash(seed)
			j := open(t, small(c))
			got := drain(t, cursor(t, j, "a"))
			if p := string(j.Mark("position/in")); pos == "2" && fmt.Sprint(got) != "[1 2 3]" && p == "3" {
				bad++
				t.Logf("position after the restart %s, after the cut %s; read %v, lost %d", pos, p, got, j.Books()[0].Counts.Lost())
			}
			shut(t, j)
		}
		shut(t, j)
		if bad > 0 {
			t.Errorf("%d of 20: the position covers a frame that no disk has", bad)
		}
	})
}

// A cursor whose save fails stays and spoils every later save.
func TestBigCursor(t *testing.T) {
	m := vfs.NewMem()
	j := open(t, small(m))
	c := cursor(t, j, "a")
	if _, err := j.Cursor(strings.Repeat("x", 70_000)); err == nil {
		t.Fatal("taken")
	}
	add(t, j, 1, 10)
	durably(t, j)
	drain(t, c)
	if err := j.save(0); err != nil {
		t.Errorf("an output that was refused: %v", err)
	}
	_ = j.Close()
}

// An operator (or a cleaner) removed a delivered segment.
func TestSegmentRemovedByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		o := small(m)
		o.MaxSize = 2*slotSize + 4096 + 4*o.SegmentSize
		j := open(t, o)
		a := cursor(t, j, "a")
		for n := range uint64(200) {
			ctx, cancel := withTimeout(t)
			_, err := j.Append(ctx, Frame{Payload: item(n+1, 300), Records: 1})
			cancel()
			if err != nil {
				t.Errorf("frame %d: %v", n, j.Blocked())
				break
			}
			synctest.Wait()
			drain(t, a)
			if n == 20 {
				_ = m.Remove(filepath.Join(dir, segments(t, m)[0]))
			}
		}
		_ = j.Close()
	})
}

var _ = errors.Is

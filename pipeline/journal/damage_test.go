package journal

import (
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/vfs"
)

// While the journal closes, one transient fault refuses a group, and the
// next group is accepted after it: its position covers what was refused.
func TestCloseHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		j := open(t, small(m))
		cursor(t, j, "a")
		add(t, j, 1, 10)
		durably(t, j)
		gate := make(chan struct{})
		var fired atomic.Bool
		m.SetHook(func(op vfs.Op) error {
			if op.Kind == "write" && strings.HasSuffix(op.Name, ".seg") && fired.CompareAndSwap(false, true) {
				<-gate
				return syscall.EIO
			}
			return nil
		})
		var refused error
		if _, err := j.Append(t.Context(), Frame{Payload: item(2, 10), Records: 1, Marks: []Mark{{"position/in", []byte("2")}},
			Done: func(err error) { refused = err }}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the writer syncs frame 2
		add(t, j, 3, 10)
		closed := make(chan error)
		go func() { closed <- j.Close() }()
		synctest.Wait()
		close(gate)
		if err := <-closed; err != nil {
			t.Fatal(err)
		}
		m.SetHook(nil)
		j = open(t, small(m))
		defer shut(t, j)
		got := drain(t, cursor(t, j, "a"))
		if p := string(j.Mark("position/in")); refused != nil && p == "3" {
			t.Errorf("frame 2 was refused (%v), yet the position is %s; read %v, book %+v", refused, p, got, j.Books()[0].Counts)
		}
	})
}

// Delivered segments, the one with the only durable marks among them, are
// deleted before the next one exists.
func TestLastSegmentEvicted(t *testing.T) {
	for _, c := range []struct {
		kind string
		err  error
	}{{"allocate", syscall.ENOSPC}, {"create", syscall.EMFILE}} {
		t.Run(c.kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := vfs.NewMem()
				o := small(m)
				o.CommitBytes = 4 << 10 // twelve frames have room while the disk refuses
				j := open(t, o)
				a := cursor(t, j, "a")
				for n := range uint64(12) { // fills a segment
					add(t, j, n+1, 200)
					durably(t, j)
				}
				drain(t, a)
				m.SetHook(vfs.FailAt(c.kind, 1, 0, c.err))
				for n := range uint64(12) {
					add(t, j, n+13, 200)
					synctest.Wait()
					drain(t, a)
				}
				time.Sleep(5 * time.Second)
				pos := string(j.Mark("position/in"))
				k := m.Kill()
				m.SetHook(nil)
				durably(t, j)
				shut(t, j)
				j = open(t, small(k))
				defer shut(t, j)
				if got := string(j.Mark("position/in")); got != pos {
					t.Errorf("the durable position was %q before the kill and is %q after it; segments %v", pos, got, segments(t, k))
				}
			})
		})
	}
}

// Same with MinFree.
func TestMinFreeEvictsLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		o := small(m)
		o.MinFree = 1 << 20
		o.CommitBytes = 4 << 10 // twelve frames have room while the disk is full
		j := open(t, o)
		a := cursor(t, j, "a")
		for n := range uint64(12) {
			add(t, j, n+1, 200)
			durably(t, j)
		}
		drain(t, a)
		m.SetSpace(1 << 20) // somebody else filled the disk
		for n := range uint64(12) {
			add(t, j, n+13, 200)
			synctest.Wait()
			drain(t, a)
		}
		time.Sleep(5 * time.Second)
		pos := string(j.Mark("position/in"))
		k := m.Kill()
		m.SetSpace(0)
		durably(t, j)
		shut(t, j)
		k.SetSpace(0)
		j = open(t, small(k))
		defer shut(t, j)
		if got := string(j.Mark("position/in")); got != pos {
			t.Errorf("the durable position was %q and is %q after a kill; segments %v", pos, got, segments(t, k))
		}
	})
}

// The snapshot of a segment without a frame is not used though it is all
// there is.
func TestSnapshotOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		j := open(t, small(m))
		a := cursor(t, j, "a")
		for n := range uint64(12) {
			add(t, j, n+1, 200)
			durably(t, j)
		}
		drain(t, a)
		pos := string(j.Mark("position/in"))
		var k *vfs.Mem
		creates := 0
		writes := map[string]int{}
		m.SetHook(func(op vfs.Op) error {
			if !strings.HasSuffix(op.Name, ".seg") {
				return nil
			}
			switch op.Kind {
			case "create":
				if creates++; creates == 1 {
					return syscall.ENOSPC // evicts what is delivered
				}
			case "write":
				if writes[op.Name]++; creates == 2 && writes[op.Name] == 2 && k == nil {
					k = m.Kill() // before the first frame of the new segment
				}
			}
			return nil
		})
		for n := range uint64(12) {
			add(t, j, n+13, 200)
			durably(t, j)
			drain(t, a)
		}
		m.SetHook(nil)
		shut(t, j)
		if k == nil {
			t.Fatal("not reached")
		}
		j = open(t, small(k))
		defer shut(t, j)
		if got := string(j.Mark("position/in")); got == "" {
			t.Errorf("the position was %q and is %q after a kill; segments %v", pos, got, segments(t, k))
		}
	})
}

// A create whose SyncDir and Remove fail leaves a second segment of the same
// number; after a restart the real one may be taken for the older.
func TestTwoOfOneNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := 0
		for range 20 {
			m := vfs.NewMem()
			j := open(t, small(m))
			cursor(t, j, "a")
			fails := 0
			m.SetHook(func(op vfs.Op) error {
				if (op.Kind == "syncdir" || op.Kind == "remove") && fails < 2 {
					fails++
					return syscall.EIO
				}
				return nil
			})
			for n := range uint64(5) {
				add(t, j, n+1, 200)
				durably(t, j)
			}
			m.SetHook(nil)
			k := m.Kill()
			shut(t, j)
			j = open(t, small(k))
			if got := drain(t, cursor(t, j, "a")); len(got) != 5 {
				bad++
				t.Logf("read %v, position %q, segments %v", got, j.Mark("position/in"), segments(t, k))
			}
			shut(t, j)
		}
		if bad > 0 {
			t.Errorf("%d of 20: accepted frames are gone, uncounted", bad)
		}
	})
}

func flip(t *testing.T, fs vfs.FS, name string, at int64) {
	t.Helper()
	f, err := fs.Open(filepath.Join(dir, name), vfs.Write)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

// One flipped bit in the newest segment's snapshot forgets the position of
// every input that was idle since.
func TestSnapshotFlip(t *testing.T) {
	m := vfs.NewMem()
	j := open(t, small(m))
	cursor(t, j, "a")
	if _, err := j.Append(t.Context(), Frame{Payload: item(1, 10), Records: 1, Marks: []Mark{{"position/idle", []byte("77")}, {"held/idle", []byte("half")}}}); err != nil {
		t.Fatal(err)
	}
	for n := range uint64(30) {
		add(t, j, n+2, 200)
		durably(t, j)
	}
	shut(t, j)
	names := segments(t, m)
	flip(t, m, names[len(names)-1], segmentHeaderSize+headerSize+3)
	j = open(t, small(m))
	defer shut(t, j)
	if got := string(j.Mark("position/idle")); got != "77" {
		t.Errorf("position of the idle input: %q, held %q", got, j.Mark("held/idle"))
	}
}

// R5: Remove worked, SyncDir did not: nothing is ever deleted again.
func TestEvictAfterFailedSyncDir(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		o := small(m)
		o.MaxSize = 2*slotSize + 4096 + 4*o.SegmentSize
		j := open(t, o)
		a := cursor(t, j, "a")
		removed, failed := false, false
		m.SetHook(func(op vfs.Op) error {
			if op.Kind == "remove" {
				removed = true
			}
			if op.Kind == "syncdir" && removed && !failed {
				failed = true
				return syscall.EIO
			}
			return nil
		})
		for n := range uint64(200) {
			ctx, cancel := withTimeout(t)
			_, err := j.Append(ctx, Frame{Payload: item(n+1, 300), Records: 1})
			cancel()
			if err != nil {
				time.Sleep(time.Hour)
				if j.Blocked() == nil {
					continue
				}
				t.Errorf("after %d frames, all delivered, an hour later: %v; segments on disk %d of %d known", n, j.Blocked(), len(segments(t, m)), len(j.segments))
				break
			}
			synctest.Wait()
			drain(t, a)
		}
		m.SetHook(nil)
		shut(t, j)
	})
}

// While a disk fails every sync, each try leaves a whole segment behind.
func TestAbandonedPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		j := open(t, small(m)) // 1 MiB
		a := cursor(t, j, "a")
		add(t, j, 1, 100)
		durably(t, j)
		m.SetHook(func(op vfs.Op) error { // the header can be written, frames cannot: a disk without fallocate that is full
			if op.Kind == "write" && strings.HasSuffix(op.Name, ".seg") {
				f, err := m.Open(op.Name, vfs.Read)
				if err == nil {
					b := make([]byte, 1)
					_, _ = f.ReadAt(b, 0)
					_ = f.Close()
					if b[0] != 0 {
						return syscall.ENOSPC
					}
				}
			}
			return nil
		})
		add(t, j, 2, 100)
		time.Sleep(10 * time.Minute)
		m.SetHook(nil)
		time.Sleep(10 * time.Minute)
		if err := j.Blocked(); err != nil {
			t.Errorf("the disk is well again, two frames of 100 bytes wait, and: %v (%d segments, %d bytes)", err, len(segments(t, m)), j.Size())
		}
		drain(t, a)
		time.Sleep(time.Minute)
		shut(t, j)
	})
}

// A segment that cannot be read holds its output for ever, and the newest
// one refuses the start.
func TestUnreadable(t *testing.T) {
	{
		m := vfs.NewMem()
		j := open(t, small(m))
		cursor(t, j, "a")
		for n := range uint64(60) {
			add(t, j, n+1, 300)
			durably(t, j)
		}
		shut(t, j)
		names := segments(t, m)
		t.Run("middle", func(t *testing.T) {
			j := open(t, small(m))
			defer shut(t, j)
			m.SetHook(func(op vfs.Op) error {
				if op.Kind == "read" && strings.HasSuffix(op.Name, names[2]) {
					return syscall.EIO
				}
				return nil
			})
			defer m.SetHook(nil)
			c := cursor(t, j, "a")
			var last error
			n := 0
			for range 1000 {
				e, ok, err := c.TryNext()
				if err != nil {
					last = err
					c.Rewind()
					continue
				}
				if !ok {
					break
				}
				n++
				_ = c.Done(e.Seq, delivered(e))
			}
			if b := j.Books()[0]; b.Buffered > 0 {
				t.Errorf("read %d, then for ever: %v; book %+v", n, last, b)
			}
		})
		t.Run("newest", func(t *testing.T) {
			m.SetHook(func(op vfs.Op) error {
				if op.Kind == "read" && strings.HasSuffix(op.Name, names[len(names)-1]) {
					return syscall.EIO
				}
				return nil
			})
			defer m.SetHook(nil)
			j, err := Open(small(m))
			if err != nil {
				t.Errorf("damage refuses the start: %v", err)
				return
			}
			shut(t, j)
		})
	}
}

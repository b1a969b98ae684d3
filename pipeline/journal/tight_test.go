package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/vfs"
)

// oracle2 is what must be true of a journal whatever happens to it: frames
// 1..acked are there, in order, each once per reading, and a cursor gives again
// at most what it had not finished.
type oracle2 struct {
	cut   atomic.Bool // the power went in this life: nothing that happens since counts
	given uint64      // the last number that was appended
	acked uint64      // the last number that was durable: its Sync returned
	done  map[string]uint64
}

// TestTightCrashes runs random operations on the crashing file system, cuts
// the power at a random operation of the disk, and goes on with what is left.
func TestTightCrashes(t *testing.T) {
	runs := 400
	if testing.Short() {
		runs = 30
	}
	for seed := range uint64(runs) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { crashRun2(t, seed) }) })
	}
}

var errCut2 = errors.New("power cut")

func crashRun2(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 7))
	m := vfs.NewMem()
	o := &oracle2{done: map[string]uint64{"a": 0, "b": 0}}
	for range 8 {
		m = o.life(t, rnd, m)
	}
	// A last clean life: everything that was acknowledged is read.
	o.cut.Store(false)
	j := open(t, tight(m))
	defer shut(t, j)
	o.resume(t, j)
	for name, c := range map[string]*Cursor{"a": cursor(t, j, "a"), "b": cursor(t, j, "b")} {
		o.read(t, name, c, 1<<30, rnd)
		if o.done[name] < o.acked {
			t.Fatalf("%s read up to %d, but %d was durable", name, o.done[name], o.acked)
		}
	}
	balanced(t, j)
}

// life opens the journal, works on it until the power goes at a random disk
// operation (or it is closed), and returns the disk as it was left.
func (o *oracle2) life(t *testing.T, rnd *rand.Rand, m *vfs.Mem) *vfs.Mem {
	o.cut.Store(false)
	var after *vfs.Mem
	left, cut := 1+rnd.IntN(200), rnd.Uint64()
	rnd2, faulty := rand.New(rand.NewPCG(cut, 3)), rnd.IntN(2) == 0
	kill := rnd.IntN(2) == 0
	var opened atomic.Bool
	var mu sync.Mutex // operations come from the journal's goroutines too
	m.SetHook(func(op vfs.Op) error {
		if op.Kind == "read" || op.Kind == "readdir" {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		if left--; left > 0 {
			if faulty && opened.Load() && rnd2.IntN(25) == 0 {
				switch op.Kind {
				case "allocate", "create", "write", "datasync", "syncdir", "truncate", "remove":
					if strings.HasSuffix(op.Name, ".seg") || op.Kind == "syncdir" {
						return syscall.EIO
					}
				}
			}
			return nil
		}
		if after == nil {
			o.cut.Store(true)
			if kill {
				after = m.Kill()
			} else {
				after = m.Crash(cut)
			}
		}
		return errCut2
	})
	j, err := Open(tight(m))
	opened.Store(true)
	if err != nil {
		if after == nil || !errors.Is(err, errCut2) {
			t.Fatal(err)
		}
		return after
	}
	o.work(t, rnd, j)
	if err := j.Close(); err != nil && after == nil {
		t.Fatal(err)
	}
	m.SetHook(nil)
	if after == nil {
		return m.Kill()
	}
	return after
}

// resume takes up the source where the position says, as an input does.
func (o *oracle2) resume(t *testing.T, j *Journal) {
	t.Helper()
	var at uint64
	if p := j.Mark("position/in"); len(p) > 0 {
		if _, err := fmt.Sscan(string(p), &at); err != nil {
			t.Fatal(err)
		}
	}
	if at < o.acked {
		t.Fatalf("the position is %d, but %d was durable", at, o.acked)
	}
	if at > o.given {
		t.Fatalf("the position is %d, but only %d were appended", at, o.given)
	}
	o.given, o.acked = at, at
}

func (o *oracle2) work(t *testing.T, rnd *rand.Rand, j *Journal) {
	o.resume(t, j)
	a, err := j.Cursor("a")
	if err != nil {
		return // the power is gone
	}
	b, err := j.Cursor("b")
	if err != nil {
		return
	}
	for range 1 + rnd.IntN(150) {
		switch rnd.IntN(6) {
		case 0, 1, 2:
			f := Frame{Payload: item(o.given+1, 1+rnd.IntN(900)), Records: 1,
				Marks: []Mark{{"position/in", fmt.Appendf(nil, "%d", o.given+1)}}}
			if len(f.Payload) < 8 {
				f.Payload = item(o.given+1, 8)
			}
			ctx, cancel := withTimeout2(t)
			_, err := j.Append(ctx, f)
			cancel()
			if err != nil {
				return
			}
			o.given++
			synctest.Wait()
		case 3:
			ctx, cancel := withTimeout2(t)
			err := j.Sync(ctx)
			cancel()
			if err != nil || o.cut.Load() {
				return
			}
			o.acked = o.given
		case 4:
			o.read(t, "a", a, 1+rnd.IntN(5), rnd)
		case 5:
			o.read(t, "b", b, 1+rnd.IntN(20), rnd)
		}
		balanced(t, j)
	}
}

// read reads up to n frames and finishes them; sometimes it rewinds first.
func (o *oracle2) read(t *testing.T, name string, c *Cursor, n int, rnd *rand.Rand) {
	t.Helper()
	if rnd.IntN(4) == 0 {
		c.Rewind()
	}
	for range n {
		e, ok, err := c.TryNext()
		if err != nil {
			var p *fs.PathError
			if errors.As(err, &p) && errors.Is(p.Err, errCut2) {
				return
			}
			t.Fatal(err)
		}
		if !ok {
			return
		}
		if o.cut.Load() {
			return
		}
		got := number(t, e.Payload)
		if got > o.done[name]+1 {
			t.Fatalf("%s read %d after %d: a frame is missing", name, got, o.done[name])
		}
		o.done[name] = max(o.done[name], got)
		if err := c.Done(e.Seq, delivered(e)); err != nil {
			t.Fatal(err)
		}
	}
}

func tight(fs vfs.FS) Options {
	o := small(fs)
	o.MaxSize = 2*slotSize + 4096 + 4*o.SegmentSize
	return o
}

func withTimeout2(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), 3*time.Second)
}

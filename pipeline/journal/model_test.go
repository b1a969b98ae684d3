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

// oracle is what must be true of a journal whatever happens to it: frames
// 1..acked are there, in order, each once per reading, and a cursor gives again
// at most what it had not finished.
type oracle struct {
	pack  bool        // payloads are compressed
	tight bool        // a journal of four segments, on a disk that fails now and then
	cut   atomic.Bool // the power went in this life: nothing that happens since counts
	given uint64      // the last number that was appended
	acked uint64      // the last number that was durable: its Sync returned
	done  map[string]uint64
}

// TestRandomCrashes runs random operations on the crashing file system, cuts
// the power at a random operation of the disk, and goes on with what is left.
func TestRandomCrashes(t *testing.T) {
	runs := 300
	if testing.Short() {
		runs = 30
	}
	for seed := range uint64(runs) {
		for _, tight := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d/tight=%v", seed, tight), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { crashRun(t, seed, tight) })
			})
		}
	}
}

func (o *oracle) options(fs vfs.FS) Options {
	opts := small(fs)
	opts.Compress = o.pack
	if o.tight {
		opts.MaxSize = fixedSize + 4*opts.SegmentSize
	}
	return opts
}

var errCut = errors.New("power cut")

func crashRun(t *testing.T, seed uint64, tight bool) {
	rnd := rand.New(rand.NewPCG(seed, 7))
	m := vfs.NewMem()
	o := &oracle{tight: tight, pack: seed%2 == 1, done: map[string]uint64{"a": 0, "b": 0}}
	for range 8 {
		m = o.life(t, rnd, m)
	}
	// A last clean life: everything that was acknowledged is read.
	o.cut.Store(false)
	j := open(t, o.options(m))
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
func (o *oracle) life(t *testing.T, rnd *rand.Rand, m *vfs.Mem) *vfs.Mem {
	o.cut.Store(false)
	var after *vfs.Mem
	left, cut := 1+rnd.IntN(200), rnd.Uint64()
	faults, faulty := rand.New(rand.NewPCG(cut, 3)), o.tight && rnd.IntN(2) == 0
	var opened atomic.Bool
	kill := rnd.IntN(2) == 0
	var mu sync.Mutex // operations come from the journal's goroutines too
	m.SetHook(func(op vfs.Op) error {
		if op.Kind == "read" || op.Kind == "readdir" {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		if left--; left > 0 {
			seg := op.Kind != "open" && strings.HasSuffix(op.Name, ".seg") || op.Kind == "syncdir"
			if faulty && seg && opened.Load() && faults.IntN(25) == 0 {
				return syscall.EIO
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
		return errCut
	})
	j, err := Open(o.options(m))
	opened.Store(true)
	if err != nil {
		if after == nil || !errors.Is(err, errCut) {
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
func (o *oracle) resume(t *testing.T, j *Journal) {
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

func (o *oracle) work(t *testing.T, rnd *rand.Rand, j *Journal) {
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
			ctx, cancel := withTimeout(t)
			_, err := j.Append(ctx, f)
			cancel()
			if err != nil {
				return
			}
			o.given++
			synctest.Wait()
		case 3:
			ctx, cancel := withTimeout(t)
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
func (o *oracle) read(t *testing.T, name string, c *Cursor, n int, rnd *rand.Rand) {
	t.Helper()
	if rnd.IntN(4) == 0 {
		c.Rewind()
	}
	for range n {
		e, ok, err := c.TryNext()
		if err != nil {
			var p *fs.PathError
			if errors.As(err, &p) && errors.Is(p.Err, errCut) {
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

// TestNamedFaults fails the kth operation of each kind and checks that what was
// acknowledged is there afterwards, whether or not the operation came back.
func TestNamedFaults(t *testing.T) {
	for _, kind := range []string{"create", "write", "allocate", "datasync", "syncdir", "truncate", "remove"} {
		for _, fault := range []error{syscall.EIO, syscall.ENOSPC, syscall.EDQUOT} {
			for k := 1; k <= 4; k++ {
				t.Run(fmt.Sprintf("%s/%v/%d", kind, fault, k), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { faultRun(t, kind, fault, k) })
				})
			}
		}
	}
}

func faultRun(t *testing.T, kind string, fault error, k int) {
	m := vfs.NewMem()
	o := small(m)
	o.MaxSize = fixedSize + 4*o.SegmentSize
	j := open(t, o)
	c := cursor(t, j, "a")
	m.SetHook(vfs.FailAt(kind, k, 1, fault))
	var n uint64
	for range 60 {
		n++
		add(t, j, n, 300)
		durably(t, j)
		if got := drain(t, c); len(got) != 1 || got[0] != n {
			t.Fatalf("read %v, want %d", got, n)
		}
	}
	balanced(t, j)
	m.SetHook(nil)
	for seed := range uint64(5) {
		k := m.Crash(seed)
		j := open(t, small(k))
		if p := string(j.Mark("position/in")); p != fmt.Sprint(n) {
			t.Errorf("the position is %s, want %d", p, n)
		}
		shut(t, j)
	}
	shut(t, j)
}

// withTimeout bounds a call that a dead disk would hold for ever.
func withTimeout(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), 3*time.Second)
}

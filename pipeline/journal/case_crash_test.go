package journal

import (
	"bytes"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/vfs"
)

// point is one place at which the process is killed or the power cut.
type point struct {
	step, phase string
	damage      bool   // a frame that waits is damaged before
	fail        string // the step that fails once before
}

// crashPoints are the steps of a journal's life at which a crash may matter.
func crashPoints() []point {
	var all []point
	add := func(steps []string, phases []string, p point) {
		for _, step := range steps {
			for _, phase := range phases {
				p.step, p.phase = step, phase
				all = append(all, p)
			}
		}
	}
	around := []string{"before", "after"}
	add([]string{"first ancestor mkdir", "ancestor mkdir", "folder mkdir", "lock create", "state create"}, around, point{})
	add([]string{"segment create", "segment allocate", "head sync", "folder sync after a create", "frame sync", "seal truncate", "state sync",
		"segment unlink", "folder sync after an unlink", "tail truncate", "tail sync"}, around, point{})
	add([]string{"lock write", "head write", "frame write", "state write", "tail write"}, []string{"before", "amid", "after"}, point{})
	add([]string{"quarantine mkdir", "quarantine create", "quarantine sync", "quarantine folder sync"}, around, point{damage: true})
	add([]string{"quarantine write"}, []string{"before", "amid", "after"}, point{damage: true})
	add([]string{"abandoned segment truncate"}, around, point{fail: "frame sync"})
	return all
}

// TestCrashPoints stops the journal at every named point, by a kill and by
// power cuts that leave different parts of what was not synced, once and twice
// in a row: what was accepted is there, in order, and the books balance.
func TestCrashPoints(t *testing.T) {
	cuts := uint64(7)
	if testing.Short() {
		cuts = 3
	}
	points := crashPoints()
	if len(points) < 12 {
		t.Errorf("only %d points", len(points))
	}
	for _, p := range points {
		t.Run(p.phase+" "+p.step, func(t *testing.T) {
			for times := 1; times <= 2; times++ {
				for seed := range cuts {
					synctest.Test(t, func(t *testing.T) { crashAt(t, p, times, seed) })
				}
			}
		})
	}
}

// crasher is one run of a case. Seed 0 is a kill, others are power cuts.
type crasher struct {
	oracle
	p       point
	seed    uint64
	lost    map[uint64]bool // frames that were damaged on purpose
	mu      sync.Mutex
	left    *vfs.Mem // what the crash left
	nth     int      // the point's occurrence at which it happens; 0: never
	pending string   // the step that is to fail once
}

func crashAt(t *testing.T, p point, times int, seed uint64) {
	c := &crasher{p: p, seed: seed, lost: map[uint64]bool{}}
	c.done = map[string]uint64{"a": 0}
	m := vfs.NewMem()
	first := p.step == "first ancestor mkdir" || p.step == "ancestor mkdir" || p.step == "folder mkdir"
	if !first {
		c.life(t, m)
		m = m.Kill()
	}
	for n := range times {
		if p.damage {
			c.damage(t, m)
		}
		if p.step == "tail truncate" { // there is something to cut off only after a kill
			c.p, c.seed, c.nth = point{step: "seal truncate", phase: "before"}, 0, 1
			c.life(t, m)
			m, c.left, c.p = c.left, nil, p
		}
		if c.seed = seed; n < times-1 && seed%2 == 0 {
			c.seed = 0 // a kill first, and then the power goes
		}
		c.nth, c.pending = 1, p.fail
		if n > 0 && seed%2 == 1 && p.step != "tail truncate" {
			c.nth = 2
		}
		c.life(t, m)
		if c.left == nil && n > 0 { // it happens once in a life
			c.nth = 1
			m = m.Kill()
			if p.damage {
				c.damage(t, m)
			}
			c.pending = p.fail
			c.life(t, m)
		}
		if c.left == nil {
			t.Fatalf("%s %s, crash %d, seed %d: the point was not reached", p.phase, p.step, n+1, seed)
		}
		m, c.left = c.left, nil
	}
	c.nth, c.pending = 0, ""
	c.life(t, m) // opens, reads what there is, goes on and closes
	j := open(t, c.options(m))
	defer shut(t, j)
	c.resume(t, j)
	a := cursor(t, j, "a")
	c.read(t, a, 1<<30)
	if c.done["a"] != c.acked {
		t.Fatalf("%s %s, seed %d: read up to %d, and %d is durable", p.phase, p.step, seed, c.done["a"], c.acked)
	}
	b := j.Books()[0]
	if !b.Balanced() || b.Counts.Lost() != uint64(len(c.lost)) || b.Buffered != 0 || b.Received != c.acked {
		t.Fatalf("%s %s, seed %d: %d frames, %d damaged: book %+v", p.phase, p.step, seed, c.acked, len(c.lost), b)
	}
}

func (c *crasher) options(fs vfs.FS) Options {
	o := small(fs)
	o.Quarantine = 16 << 10
	o.MaxSize = fixedSize + o.Quarantine + 6*o.SegmentSize
	return o
}

// at is called around every operation; it cuts at the point.
func (c *crasher) at(m *vfs.Mem) func(step, phase string) error {
	return func(step, phase string) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		switch {
		case c.cut.Load():
			return errCut
		case phase == "before" && step != "" && step == c.pending:
			c.pending = ""
			return syscall.EIO
		case c.nth == 0 || step != c.p.step || phase != c.p.phase:
			return nil
		}
		if c.nth--; c.nth > 0 {
			return nil
		}
		c.cut.Store(true)
		if c.left = m.Kill(); c.seed > 0 {
			c.left = m.Crash(c.seed)
		}
		return errCut
	}
}

// life opens the journal, works through every step there is, and closes it. It
// leaves frames that the cursor has not read.
func (c *crasher) life(t *testing.T, m *vfs.Mem) {
	t.Helper()
	c.cut.Store(false)
	j, err := Open(c.options(watch(m, c.at(m))))
	if err != nil {
		if !c.cut.Load() {
			t.Fatal(err)
		}
		return
	}
	c.work(t, j)
	if err := j.Close(); err != nil && !c.cut.Load() {
		t.Fatal(err)
	}
}

func (c *crasher) work(t *testing.T, j *Journal) {
	t.Helper()
	c.resume(t, j)
	a, err := j.Cursor("a")
	if err != nil {
		return
	}
	for n := range 70 {
		if n%7 == 6 && n < 50 { // then the last twenty stay
			c.read(t, a, 1<<30)
			time.Sleep(1100 * time.Millisecond) // the bubble's clock: the cursors are saved
		}
		ctx, cancel := withTimeout(t)
		f := Frame{Payload: item(c.given+1, 300), Records: 1, Marks: []Mark{{"position/in", fmt.Appendf(nil, "%d", c.given+1)}}}
		_, err := j.Append(ctx, f)
		if err == nil {
			c.given++
			err = j.Sync(ctx)
		}
		cancel()
		if c.cut.Load() {
			return
		}
		if err != nil {
			t.Fatalf("%s %s: frame %d: %v", c.p.phase, c.p.step, c.given, err)
		}
		c.acked = c.given
		balanced(t, j)
	}
}

// read reads and finishes up to n frames.
func (c *crasher) read(t *testing.T, cur *Cursor, n int) {
	t.Helper()
	for range n {
		e, ok, err := cur.TryNext()
		if c.cut.Load() || err == nil && !ok {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		got, next := number(t, e.Payload), c.done["a"]+1
		for c.lost[next] && got > next {
			next++
		}
		if got > next {
			t.Fatalf("%s %s, seed %d: read %d, and %d is missing", c.p.phase, c.p.step, c.seed, got, next)
		}
		c.done["a"] = max(c.done["a"], got)
		if err := cur.Done(e.Seq, delivered(e)); err != nil {
			t.Fatal(err)
		}
	}
}

// damage flips a bit in a frame that is accepted and not yet read.
func (c *crasher) damage(t *testing.T, m *vfs.Mem) {
	t.Helper()
	n := c.done["a"] + 2
	for c.lost[n] {
		n++
	}
	if n >= c.acked {
		t.Fatalf("nothing waits: read %d of %d", c.done["a"], c.acked)
	}
	for _, name := range segments(t, m) {
		if at := bytes.Index(bytesIn(t, m, filepath.Join(dir, name)), item(n, 300)); at >= 0 {
			flip(t, m, name, int64(at)+100)
			f, err := m.Open(filepath.Join(dir, name), vfs.Write)
			if err == nil {
				err = f.Datasync() // a cut does not take the damage back
			}
			if err != nil {
				t.Fatal(err)
			}
			c.lost[n] = true
			return
		}
	}
	t.Fatalf("frame %d is nowhere", n)
}

package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// How often the garbage is collected. By Go's own rule, whenever the heap has
// doubled, a small heap under load is collected ten times a second, which is an
// eighth of all work. So under load the heap may grow to a bound that hardly is
// more than the process has anyway; above it, and when there is little to do, the
// rule is Go's.
const (
	heapBound = 40 << 20 // of all memory of the runtime, as GOMEMLIMIT counts
	heapFloor = 8 << 20  // what of that is no live heap
	often     = time.Second
)

// pace is what the collector is told.
type pace struct {
	percent int   // as GOGC
	limit   int64 // as GOMEMLIMIT
}

// usual is what Go does by itself.
var usual = pace{100, math.MaxInt64}

// paceOf returns the pace after a collection that left live bytes, since after the
// one before. The limit leaves as much room as the live heap has, so that it never
// is the limit that makes collections frequent.
func paceOf(since time.Duration, live uint64) pace {
	if since > often || live > math.MaxInt64/4 {
		return usual
	}
	return pace{400, max(heapBound, 2*int64(live)+heapFloor)}
}

// paceCollector follows the collections of the process until it is stopped. Where
// the environment says how often to collect, nothing is changed.
func paceCollector(env func(string) string) (stop func()) {
	if env("GOGC") != "" || env("GOMEMLIMIT") != "" {
		return func() {}
	}
	c := &pacer{now: time.Now, set: func(p pace) {
		debug.SetGCPercent(p.percent)
		debug.SetMemoryLimit(p.limit)
	}, after: func(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop },
		is: usual, live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = c.now()
	c.tell(paceOf(0, 0)) // the start leaves more behind than it keeps
	c.follow()
	return c.stop
}

// pacer sets the pace after each collection.
type pacer struct {
	now   func() time.Time
	set   func(pace)
	after func(time.Duration, func()) (stop func() bool)
	live  []metrics.Sample

	mu      sync.Mutex // guards what follows
	is      pace
	last    time.Time // of a collection
	unrest  func() bool
	stopped bool
}

// follow has collected called after the next collection: it then finds that
// nothing holds on to a piece of memory.
func (c *pacer) follow() {
	runtime.AddCleanup(new([64]byte), func(c *pacer) { c.collected() }, c)
}

func (c *pacer) collected() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return
	}
	now := c.now()
	metrics.Read(c.live)
	p := paceOf(now.Sub(c.last), c.live[0].Value.Uint64())
	c.last = now
	c.tell(p)
	c.follow()
}

// tell sets the pace, unless it is nearly the same: to set it stops the world for
// a moment. One that lets the heap grow holds only while collections are frequent.
func (c *pacer) tell(p pace) {
	if p.percent != c.is.percent || p.limit-c.is.limit > heapBound/8 || c.is.limit-p.limit > heapBound/8 {
		c.is = p
		c.set(p)
	}
	if c.unrest != nil {
		c.unrest()
	}
	if c.unrest = nil; p != usual {
		c.unrest = c.after(often, c.rest)
	}
}

// rest goes back to the usual pace: no collection came for long enough.
func (c *pacer) rest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopped && c.now().Sub(c.last) >= often {
		c.tell(usual)
	}
}

func (c *pacer) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	c.tell(usual)
}

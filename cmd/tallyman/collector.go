package main

import (
	"bytes"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"sync"
	"time"
)

// How often the garbage is collected. By Go's own rule, whenever the heap has
// doubled, a small heap under load is collected ten times a second, which is an
// eighth of all work. So under load the heap may grow to a bound that hardly is
// more than the process has anyway; above it, and when there is little to do, the
// rule is Go's. The bound holds then too: a process that gets little of the
// processor collects as seldom as one with little to do.
const (
	bound     = 63 << 20 // of what is resident, the pages of the program's file among it
	heapBound = 40 << 20 // of all memory of the runtime, as GOMEMLIMIT counts, however much of files is resident
	heapSlack = 8 << 20  // what a collection counts as live that is not any more, at most
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
// one before, where files bytes of files are resident. The limit leaves a large heap as
// much room as it has alive, and a sixteenth of that for what the runtime needs beside,
// so that it is not the limit that makes collections frequent. What is made while a
// collection runs counts as live: with little of the processor that is a third of a
// small heap.
func paceOf(since time.Duration, live, files uint64) pace {
	if live > math.MaxInt64/4 || files > math.MaxInt64/4 {
		return usual
	}
	p := pace{400, max(heapBound, bound-int64(files), 2*int64(live)+int64(live)/16-heapSlack)}
	if since > often {
		p.percent = usual.percent
	}
	return p
}

// usualFiles is what is resident of the program's file under load, for a system that
// does not say it.
const usualFiles = 17 << 20

// residentFiles reads how many bytes of files are resident (proc(5), statm).
func residentFiles() uint64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return usualFiles
	}
	f := bytes.Fields(b)
	if len(f) < 3 {
		return usualFiles
	}
	n, err := strconv.ParseUint(string(f[2]), 10, 32)
	if err != nil {
		return usualFiles
	}
	return n * uint64(os.Getpagesize())
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
		files: residentFiles, is: usual, live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = c.now()
	c.tell(paceOf(0, 0, c.files())) // the start leaves more behind than it keeps
	c.follow()
	return c.stop
}

// pacer sets the pace after each collection.
type pacer struct {
	now   func() time.Time
	set   func(pace)
	after func(time.Duration, func()) (stop func() bool)
	files func() uint64
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
	p := paceOf(now.Sub(c.last), c.live[0].Value.Uint64(), c.files())
	c.last = now
	c.tell(p)
	c.follow()
}

// tell sets the pace, unless it is nearly the same: to set it stops the world for
// a moment. One that lets the heap grow holds only while collections are frequent.
func (c *pacer) tell(p pace) {
	if p.percent != c.is.percent || p.limit-c.is.limit > bound/32 || c.is.limit-p.limit > bound/32 {
		c.is = p
		c.set(p)
	}
	if c.unrest != nil {
		c.unrest()
	}
	if c.unrest = nil; p.percent != usual.percent {
		c.unrest = c.after(often, c.rest)
	}
}

// rest goes back to the usual pace, below the same limit: no collection came for long
// enough.
func (c *pacer) rest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopped && c.now().Sub(c.last) >= often {
		c.tell(pace{usual.percent, c.is.limit})
	}
}

func (c *pacer) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	c.tell(usual)
}

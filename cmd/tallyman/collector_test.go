package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"testing"
	"time"
)

func TestPaceOf(t *testing.T) {
	for _, c := range []struct {
		name  string
		since time.Duration
		live  uint64
		files uint64
		want  pace
	}{
		{"under load with a small heap", 50 * time.Millisecond, 6 << 20, 17 << 20, pace{400, 46 << 20}},
		{"as much as leaves less room below the bound", 50 * time.Millisecond, 25 << 20, 17 << 20, pace{400, 46 << 20}},
		{"more of files", 50 * time.Millisecond, 6 << 20, 22 << 20, pace{400, 41 << 20}},
		{"as much of files as there is room", 50 * time.Millisecond, 6 << 20, 80 << 20, pace{400, heapBound}},
		{"under load with a large heap", 50 * time.Millisecond, 100 << 20, 17 << 20, pace{400, 198<<20 + 1<<18}},
		{"little to do", 2 * time.Second, 6 << 20, 17 << 20, pace{100, 46 << 20}},
		{"little of the processor, with a large heap", 2 * time.Second, 100 << 20, 17 << 20, pace{100, 198<<20 + 1<<18}},
		{"no heap that there is", 0, math.MaxUint64, 17 << 20, usual},
		{"no files that there are", 0, 6 << 20, math.MaxUint64, usual},
	} {
		if got := paceOf(c.since, c.live, c.files); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// Collections are followed by a look at what they left, and their end by the usual
// pace.
func TestThePaceFollowsTheCollections(t *testing.T) {
	said, done := make(chan pace), make(chan struct{})
	defer close(done)
	var now atomic.Int64
	var rest func()
	c := &pacer{now: func() time.Time { return time.Unix(0, now.Load()) }, is: usual, set: func(p pace) {
		select {
		case said <- p:
		case <-done:
		}
	},
		after: func(_ time.Duration, f func()) func() bool { rest = f; return func() bool { return true } },
		files: func() uint64 { return 17 << 20 }, last: time.Unix(0, 0), live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
	c.follow()
	for _, step := range []struct {
		after time.Duration
		busy  bool
	}{{0, true}, {time.Minute, false}, {time.Millisecond, true}} {
		now.Add(int64(step.after))
		var p pace
		for heard := false; !heard; { // one that comes before the pacer waits for it again is not seen
			runtime.GC()
			select {
			case p = <-said:
				heard = true
			default:
				runtime.Gosched()
			}
		}
		if (p.percent != usual.percent) != step.busy || p.limit < bound-17<<20 || p.limit == usual.limit {
			t.Errorf("%v after the one before: %+v", step.after, p)
		}
	}
	c.mu.Lock() // the last one is through
	again := rest
	c.mu.Unlock()
	now.Add(int64(often))
	go again()
	if p := <-said; p.percent != usual.percent || p.limit == usual.limit {
		t.Errorf("without another collection: %+v", p)
	}
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
}

func TestThePaceOfTheEnvironmentIsKept(t *testing.T) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		before := debug.SetGCPercent(77)
		stop := paceCollector(func(n string) string {
			if n == name {
				return "off"
			}
			return ""
		})
		stop()
		if got := debug.SetGCPercent(before); got != 77 {
			t.Errorf("%s is set, and the percentage is %d", name, got)
		}
	}
}

// TestResidentFiles: it is what status says, within what a test maps meanwhile.
func TestResidentFiles(t *testing.T) {
	got, want := int64(residentFiles()), int64(ofFiles(t))<<10
	if d := got - want; d > 4<<20 || -d > 4<<20 {
		t.Errorf("%d bytes of files are resident, and status says %d", got, want)
	}
}

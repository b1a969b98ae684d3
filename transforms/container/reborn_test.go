package container

import (
	"testing"
	"time"
)

// TestAPidThatTheKernelGaveOutAgain gives the table two events of one pid and one
// parent, and wants two lives where the kernel tells of a process that began
// between them.
func TestAPidThatTheKernelGaveOutAgain(t *testing.T) {
	const ms = int64(time.Millisecond)
	for name, c := range map[string]struct {
		began int64 // of the second event's process, 0 where the kernel does not say
		same  bool
	}{
		"the kernel says nothing":               {0, true},
		"it began before the first":             {900 * ms, true},
		"it began with the first, as it stamps": {1000*ms + slack, true},
		"it began between":                      {1300 * ms, false},
	} {
		tb := newTable(64, &registry{byID: map[string]*container{}})
		first := tb.observe(&seen{t: 1000 * ms, pid: 30, ppid: 20, kernel: true})
		again := tb.observe(&seen{t: 1400 * ms, pid: 30, ppid: 20, kernel: true, kin: kin{found: foundOne, began: c.began}})
		if (first == again) != c.same {
			t.Errorf("%s: one life %v", name, first == again)
		}
		if !c.same && (first.end != c.began || tb.alive(0, 30, 1400*ms) != again || tb.alive(0, 30, 1000*ms) != first) {
			t.Errorf("%s: the first ends at %d, want %d", name, first.end, c.began)
		}
	}
}

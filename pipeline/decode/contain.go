package decode

import (
	"fmt"
	"runtime/debug"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// some passes on the events from index i on, and returns the index of the first
// that it left. A decoder reads what strangers write: where it has a defect that
// one line can reach, that line must not end the process, which would read it again
// after every restart. So a panic takes its record alone, which is kept whole.
func (s *Stage) some(events []event.Event, i int, out *event.Batch) (next int) {
	from := len(out.Events)
	defer func() {
		why := recover()
		if why == nil {
			return
		}
		clear(out.Events[from:])
		out.Events = append(out.Events[:from], s.whole(&events[i], s.fallen(why), out))
		next = i + 1
	}()
	for ; i < len(events); i++ {
		from = len(out.Events)
		s.pass(&events[i], out, depth)
	}
	return len(events)
}

// idle lets time pass for a decoder. What it holds stays held where that panics.
func (s *Stage) idle(d *one, h plugin.HoldingDecoder, out *event.Batch) {
	from := len(out.Events)
	defer func() {
		if why := recover(); why != nil {
			clear(out.Events[from:])
			out.Events = out.Events[:from]
			_ = s.fallen(why) // it is counted and said; there is no record that it is of
		}
	}()
	s.at = d
	h.Idle(out)
	s.follow(out, from, depth)
}

// fallen counts a panic of the decoder that had a record, and says the first of it
// with its stack, which is what a report needs.
func (s *Stage) fallen(why any) error {
	d := s.at
	if d == nil {
		panic(why) // it is ours
	}
	d.panics.Inc()
	clear(s.inner)
	s.inner = s.inner[:0]
	if !d.fell {
		d.fell = true
		s.env.Log.Error("a decoder has a defect: it ended on a record, which is kept whole; please report this", "error", why, "stack", string(debug.Stack()))
	}
	return fmt.Errorf("a defect of the decoder: %v", why)
}

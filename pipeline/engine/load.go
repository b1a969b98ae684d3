package engine

import (
	"tallyman/pipeline/event"
	"tallyman/pipeline/journal"
)

// mostAhead is how many frames are read beyond one that does not come to its end:
// the tallies of all of them lie in memory until it does, here and in the cursor,
// and after a kill all of them are delivered again.
const mostAhead = 1 << 14

// load is what is under way to a destination at one time: the events of some
// frames, and what became of each frame so far.
type load struct {
	batch  event.Batch
	frames []framed
	parcel parcel
	bytes  int
}

// framed is one frame of a load.
type framed struct {
	seq   uint64
	tally journal.Tally
}

// parcel are events with the frame that each is of.
type parcel struct {
	events []event.Event
	frames []int32 // per event, its place in load.frames; nil for events of none
}

func (p parcel) len() int { return len(p.events) }

func (p parcel) cut(from, to int) parcel {
	if p.frames == nil {
		return parcel{p.events[from:to], nil}
	}
	return parcel{p.events[from:to], p.frames[from:to]}
}

// reset empties the load and keeps its memory.
func (l *load) reset() {
	l.batch.Reset()
	l.frames, l.bytes = l.frames[:0], 0
	clear(l.parcel.events)
	l.parcel = parcel{l.parcel.events[:0], l.parcel.frames[:0]}
}

// count adds what an event of a frame stands for to one column.
func (l *load) count(frame int32, e *event.Event, column func(*journal.Counts) *uint64) {
	t := &l.frames[frame].tally
	if e.Records > 0 {
		*column(&t.Records) += uint64(e.Records)
	} else {
		*column(&t.Generated)++
	}
}

func filtered(c *journal.Counts) *uint64     { return &c.Filtered }
func delivered(c *journal.Counts) *uint64    { return &c.Delivered }
func unconfirmed(c *journal.Counts) *uint64  { return &c.Unconfirmed }
func deadLettered(c *journal.Counts) *uint64 { return &c.DeadLettered }

package engine

import (
	"bytes"
	"unsafe"

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
	texts  texts
	frames []framed
	chosen []event.Event // those of batch that meet `when`, where there is one
	parcel parcel        // the events of batch, or chosen
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
	l.texts.free()
	l.frames, l.bytes = l.frames[:0], 0
	clear(l.chosen)
	l.chosen = l.chosen[:0]
	l.parcel = parcel{nil, l.parcel.frames[:0]}
}

// count adds what events of a frame stand for to one column.
func (l *load) count(frame int32, events []event.Event, column func(*journal.Counts) *uint64) {
	t := &l.frames[frame].tally
	records, generated := column(&t.Records), column(&t.Generated)
	for i := range events {
		if n := events[i].Records; n > 0 {
			*records += uint64(n)
		} else {
			*generated++
		}
	}
}

func filtered(c *journal.Counts) *uint64     { return &c.Filtered }
func delivered(c *journal.Counts) *uint64    { return &c.Delivered }
func unconfirmed(c *journal.Counts) *uint64  { return &c.Unconfirmed }
func deadLettered(c *journal.Counts) *uint64 { return &c.DeadLettered }

// How much memory for texts a load has, once there was one. A frame of an audit log has some
// hundred KB.
const (
	leastTexts = 16 << 10
	mostTexts  = 1 << 20
)

// texts is the memory in which the texts of a load's events lie. It serves the next load, when
// every event of this one is settled: an output keeps nothing of an event beyond Send, and what
// is told of one later is a copy.
type texts struct {
	block []byte
	spoil bool // as Surroundings says
}

// hold returns a copy of b that is good until free.
func (t *texts) hold(b []byte) string {
	at := len(t.block)
	if cap(t.block)-at < len(b) {
		size := min(max(2*cap(t.block), len(b), leastTexts), mostTexts)
		if size < len(b) || size == cap(t.block) {
			return string(b) // what one load needs is not kept for all that follow
		}
		t.block, at = make([]byte, 0, size), 0 // what was held lies where it lay
	}
	t.block = append(t.block, b...)
	return unsafe.String(unsafe.SliceData(t.block[at:]), len(b))
}

// free takes back what was held.
func (t *texts) free() {
	if t.spoil {
		copy(t.block, bytes.Repeat([]byte{spoilt}, len(t.block)))
	}
	t.block = t.block[:0]
}

// spoilt is what stands where a test has what is read too late: no UTF-8.
const spoilt = 0xfe

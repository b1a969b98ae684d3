package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
)

// manyAcks is after how many finished frames the cursors are saved without
// waiting for the second to end.
const manyAcks = 10_000

// patience is how often the disk may fail to give a frame before it counts as
// damaged.
const patience = 5

// Entry is one frame as a cursor hands it out.
type Entry struct {
	Seq                uint64
	Payload            []byte // until the next call of Next, TryNext or Rewind
	Records, Generated uint32
}

// Cursor is one output's place in the journal. Next, TryNext and Rewind belong
// to one goroutine; Done may come from any.
type Cursor struct {
	j *Journal

	state   cursorState // guarded by j.mu
	flights []flight    // guarded by j.mu: frames from state.seq on that were read, in order
	room    []flight    // guarded by j.mu: the memory that flights lies in, empty

	policy Policy // guarded by j.mu
	next   uint64 // guarded by j.mu: what is read next
	at     totals // guarded by j.mu: of the frames before next, but for a gap that was not measured yet
	gap    uint64 // guarded by j.mu: where that gap begins, 0 for none

	seg  *segment // the reading goroutine's own
	scan scan
	un   unpacker
}

// flight is a frame that was read and is not behind the cursor yet.
type flight struct {
	seq, next          uint64 // next is the one after it; a gap is one flight
	records, generated uint64
	done               bool
	given              bool // a span: counted where it was made
	tally              Tally
}

// Cursor returns the cursor of that name, made when the journal does not know
// it: it then begins after everything that was accepted so far. It is durable
// when it returns.
func (j *Journal) Cursor(name string) (*Cursor, error) {
	j.mu.Lock()
	for _, c := range j.cursors {
		if c.state.name == name {
			j.mu.Unlock()
			return c, nil
		}
	}
	known := false
	c := &Cursor{j: j, state: cursorState{name: name, seq: j.durable + 1, base: j.accepted, at: j.accepted}}
	if j.rebuilt && len(j.segments) > 0 {
		j.know(0)
		first := j.segments[0]
		c.state.seq, c.state.base, c.state.at = first.first, first.before, first.before
	}
	for i := range j.adopted {
		if j.adopted[i].name == name {
			c.state, known = j.adopted[i], true
			j.adopted = append(j.adopted[:i], j.adopted[i+1:]...)
			break
		}
	}
	c.next, c.at = c.state.seq, c.state.at
	j.cursors = append(j.cursors, c)
	j.mu.Unlock()
	if err := j.save(0); err != nil {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.cursors = slices.DeleteFunc(j.cursors, func(o *Cursor) bool { return o == c })
		if known {
			j.adopted = append(j.adopted, c.state)
		}
		return nil, err
	}
	return c, nil
}

// Orphans returns the names of cursors that the journal keeps and nobody took
// up since it was opened. What they have not read stays on the disk.
func (j *Journal) Orphans() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var names []string
	for i := range j.adopted {
		names = append(names, j.adopted[i].name)
	}
	return names
}

// Forget drops an orphan and returns its book as it stood.
func (j *Journal) Forget(name string) (Book, error) {
	j.mu.Lock()
	for i := range j.adopted {
		if j.adopted[i].name != name {
			continue
		}
		b := book(&j.adopted[i], j.accepted)
		j.adopted = append(j.adopted[:i], j.adopted[i+1:]...)
		j.announce()
		j.mu.Unlock()
		return b, j.save(0)
	}
	j.mu.Unlock()
	return Book{}, fmt.Errorf("the journal has no orphaned cursor %q", name)
}

// Next waits for the next frame that is durable and returns it.
func (c *Cursor) Next(ctx context.Context) (Entry, error) {
	for {
		c.j.mu.Lock()
		changed, closing := c.j.changed, c.j.closing
		c.j.mu.Unlock()
		e, ok, err := c.TryNext()
		if ok || err != nil {
			return e, err
		}
		if closing {
			return Entry{}, ErrClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Entry{}, ctx.Err()
		}
	}
}

// place is where a cursor reads: one segment, up to a byte and a sequence.
type place struct {
	next   uint64 // the sequence that is read
	seg    *segment
	end    int64
	limit  uint64 // the segment holds nothing for this cursor from here on
	sealed bool   // nothing is added to it any more
	none   bool   // there is nothing to read
}

// place finds where the cursor reads next, past what it gives up.
func (c *Cursor) place() place {
	j := c.j
	j.mu.Lock()
	defer j.mu.Unlock()
	limit := c.jump(j.durable + 1)
	p := place{next: c.next, limit: limit, none: c.next >= limit}
	if c.next > j.durable {
		c.measure(j.durable+1, j.accepted)
	}
	for i := len(j.segments) - 1; i >= 0; i-- {
		s := j.segments[i]
		if s.first > c.next && i > 0 {
			p.limit = min(p.limit, s.first)
			continue
		}
		p.seg, p.end, p.sealed = s, s.end, s != j.active
		if s.end == 0 {
			p.end = s.size
		}
		break
	}
	return p
}

// jump moves over the spans at the cursor and returns where it has to stop
// reading: at the next span, or at limit. j.mu is held.
func (c *Cursor) jump(limit uint64) uint64 {
	for i := 0; i < len(c.state.spans); i++ {
		sp := c.state.spans[i]
		switch {
		case sp.to != 0 && sp.to <= c.next:
			continue
		case sp.from > c.next:
			return min(limit, sp.from)
		case sp.to == 0:
			return c.next
		}
		c.measure(sp.from, sp.before)
		n := sp.lost(totals{})
		c.fly(flight{seq: sp.from, next: sp.to, records: n.records, generated: n.generated, done: true, given: true})
		c.next, c.at = sp.to, sp.after
		c.advance() // may remove spans from the front
		i = -1
	}
	return limit
}

// TryNext returns the next frame if one is durable already. What is damaged is
// passed over and counted as lost.
func (c *Cursor) TryNext() (Entry, bool, error) {
	for {
		p := c.place()
		if p.none {
			if p.sealed {
				c.pass() // an open file would keep the room of a deleted one
			}
			return Entry{}, false, nil
		}
		e, ok, err := c.step(p)
		if ok || err != nil {
			return e, ok, err
		}
	}
}

// step reads one frame at p; ok is false when there was none to hand out.
func (c *Cursor) step(p place) (Entry, bool, error) {
	var f found
	err := io.EOF
	if p.seg != nil {
		if c.seg != p.seg {
			c.pass()
			file, err := p.seg.open(&c.j.o)
			if err != nil {
				return Entry{}, false, fmt.Errorf("journal: %w", err)
			}
			c.seg, c.scan = p.seg, scan{seg: p.seg, file: file, off: segmentHeaderSize, body: c.scan.body, window: c.scan.window[:0], patience: patience, failed: c.scan.failed}
		}
		c.scan.end, c.scan.from = p.end, p.next
		f, err = c.scan.next()
	}
	var payload []byte
	if err == nil && f.seq < p.limit && f.body != nil {
		if payload, err = c.un.payload(&f.header, f.body); err != nil {
			c.j.o.Log.Error("a payload of the journal does not unfold", "segment", p.seg.name, "offset", f.off, "error", err)
			f.body, err = nil, nil
		}
	}
	switch {
	case err == nil && f.seq < p.limit && (f.body == nil || f.skipped > 0):
		c.inspect(p.seg, &f)
	case p.seg != nil && errors.Is(err, io.EOF) && p.sealed && p.next < p.limit:
		c.inspectEnd(p.seg)
	}
	c.j.mu.Lock()
	defer c.j.mu.Unlock()
	if c.next != p.next {
		return Entry{}, false, nil // given up while it was read
	}
	if errors.Is(err, io.EOF) || (err == nil && f.seq >= p.limit) {
		c.skip(p.limit)
		return Entry{}, false, nil
	}
	if err != nil {
		return Entry{}, false, fmt.Errorf("journal: %w", err)
	}
	return c.take(&f, payload)
}

// take hands out a frame that was read, or settles what cannot be handed out.
// j.mu is held.
func (c *Cursor) take(f *found, payload []byte) (Entry, bool, error) {
	c.skip(f.seq)
	c.measure(f.seq, f.before)
	fl := flight{seq: f.seq, next: f.seq + 1, records: uint64(f.records), generated: uint64(f.generated)}
	c.next, c.at = f.seq+1, f.before.plus(f.records, f.generated)
	switch {
	case f.body == nil:
		c.lost(&fl)
	case uint32(len(f.body)) == f.marks && f.records == 0 && f.generated == 0:
		fl.done = true
	}
	c.fly(fl)
	if fl.done {
		c.advance()
	}
	return Entry{Seq: f.seq, Payload: payload, Records: f.records, Generated: f.generated}, !fl.done, nil
}

// skip goes on at seq; what lies between is a gap whose size the next frame
// tells. j.mu is held.
func (c *Cursor) skip(seq uint64) {
	if c.gap == 0 && seq > c.next {
		c.gap = c.next
	}
	c.next = max(c.next, seq)
}

// measure ends a gap: before are the totals at seq. j.mu is held.
func (c *Cursor) measure(seq uint64, before totals) {
	if c.gap == 0 {
		return
	}
	fl := flight{seq: c.gap, next: seq, records: before.records - c.at.records, generated: before.generated - c.at.generated}
	c.gap, c.at = 0, before
	c.lost(&fl)
	c.fly(fl)
	c.advance()
}

// lost settles a flight as damaged. j.mu is held.
func (c *Cursor) lost(fl *flight) {
	fl.done = true
	fl.tally.Records.Dropped[Corrupt] = fl.records
	fl.tally.Generated.Dropped[Corrupt] = fl.generated
	if fl.records+fl.generated == 0 {
		return // only marks, which the next snapshot has again
	}
	c.j.m.corrupt.Add(fl.records)
	c.j.o.Log.Error("a part of the journal is damaged; its records are counted as lost",
		"output", c.state.name, "first_sequence", fl.seq, "last_sequence", fl.next-1, "records", fl.records, "alerts", fl.generated)
}

// Done says what became of a frame that was handed out. Frames may be finished
// in any order; the cursor moves over the finished prefix. A tally that does not
// add up to the frame is refused: that would be a false book.
func (c *Cursor) Done(seq uint64, t Tally) error {
	c.j.mu.Lock()
	defer c.j.mu.Unlock()
	i, found := slices.BinarySearchFunc(c.flights, seq, func(f flight, seq uint64) int { return cmp.Compare(f.seq, seq) })
	if found && !c.flights[i].done {
		fl := &c.flights[i]
		if t.Records.Sum() != fl.records || t.Generated.Sum() != fl.generated {
			return fmt.Errorf("frame %d stands for %d records and %d of our events; the tally says %d and %d",
				seq, fl.records, fl.generated, t.Records.Sum(), t.Generated.Sum())
		}
		fl.done, fl.tally = true, t
		c.advance()
		return nil
	}
	return fmt.Errorf("frame %d is not in flight", seq)
}

// fly adds a flight behind the others. j.mu is held.
func (c *Cursor) fly(f flight) {
	if len(c.flights) == cap(c.flights) {
		room := make([]flight, len(c.flights), max(8, 2*len(c.flights)))
		copy(room, c.flights)
		c.flights, c.room = room, room[:0]
	}
	c.flights = append(c.flights, f)
}

// advance moves the cursor over the finished prefix. j.mu is held.
func (c *Cursor) advance() {
	n := 0
	for n < len(c.flights) && c.flights[n].done {
		fl := &c.flights[n]
		c.state.counts.add(&fl.tally.Records)
		c.state.made.add(&fl.tally.Generated)
		c.state.at.records += fl.records
		c.state.at.generated += fl.generated
		c.state.seq = fl.next
		if fl.given {
			c.state.counts.Dropped[BufferFull] += fl.records
			c.state.made.Dropped[BufferFull] += fl.generated
			c.state.spans = slices.DeleteFunc(c.state.spans, func(s span) bool { return s.to != 0 && s.to <= fl.next })
		}
		n++
	}
	if n == 0 {
		return
	}
	// Not moved to the front: many may be in flight, and one after the other ends.
	if c.flights = c.flights[n:]; len(c.flights) == 0 {
		c.flights = c.room
	}
	// The first frame that is finished is saved at once, so that a process that is
	// killed again and again does not deliver the same for ever.
	if c.j.acks += n; c.j.acks >= manyAcks || !c.j.worked {
		c.j.worked = true
		select {
		case c.j.many <- struct{}{}:
		default:
		}
	}
	c.j.announce()
}

// Rewind hands out again, from the next call on, what was handed out and not
// finished.
func (c *Cursor) Rewind() {
	c.leave()
	c.j.mu.Lock()
	defer c.j.mu.Unlock()
	c.flights = c.room
	c.next, c.at, c.gap = c.state.seq, c.state.at, 0
}

// Idle reports whether everything durable has been handed out and finished, or is
// given up.
func (c *Cursor) Idle() bool {
	c.j.mu.Lock()
	defer c.j.mu.Unlock()
	return len(c.flights) == 0 && !c.state.needs(c.state.seq, c.j.durable+1)
}

// pass leaves a segment behind. One that every cursor has read stays on the disk until its room
// is needed, but not in the memory of the host: that would fill with what nobody reads, and what
// is written next would take new memory in place of this.
func (c *Cursor) pass() {
	if c.seg != nil && c.j.hasRead(c.seg) {
		c.seg.uncache()
	}
	c.leave()
}

// hasRead reports whether every cursor has read a segment to its end.
func (j *Journal) hasRead(s *segment) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	i := slices.Index(j.segments, s)
	if i < 0 {
		return false
	}
	_, end := j.bounds(i)
	return !slices.ContainsFunc(j.cursors, func(c *Cursor) bool { return c.next < end })
}

// leave closes the segment that is being read.
func (c *Cursor) leave() {
	if c.seg != nil {
		c.seg.release(&c.j.o)
		c.seg = nil
	}
}

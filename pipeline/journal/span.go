package journal

import "slices"

// WhenFull says what happens to an output's events when there is no room.
type WhenFull uint8

// What an output may do. The zero value waits.
const (
	Block      WhenFull = iota // acceptance waits for the output
	DropOldest                 // its oldest events go
	DropNewest                 // it does not get new ones until it has caught up
)

// Policy is how much of the journal an output may hold back, and what happens
// then.
type Policy struct {
	WhenFull WhenFull
	MaxLag   int64 // bytes of segments that it has not finished; 0: as much as there is
}

// span is a range of sequences that an output gives up. Its records count as
// dropped from the moment it is made.
type span struct {
	from, to      uint64 // to is one past the end; 0 while it is open
	before, after totals // at from and at to
}

// lost returns what a span stands for, given the totals of everything accepted.
func (s *span) lost(all totals) totals {
	if s.to != 0 {
		all = s.after
	}
	return totals{all.records - s.before.records, all.generated - s.before.generated}
}

// give adds a span to those of a cursor; one that continues the last extends
// it, unless the reader has jumped over the last already. j.mu is held.
func (c *Cursor) give(sp span) {
	s := &c.state
	if n := len(s.spans); n > 0 && s.spans[n-1].to == sp.from && c.next <= s.spans[n-1].from {
		s.spans[n-1].to, s.spans[n-1].after = sp.to, sp.after
		return
	}
	at := len(s.spans)
	for at > 0 && s.spans[at-1].from > sp.from {
		at--
	}
	s.spans = append(s.spans, span{})
	copy(s.spans[at+1:], s.spans[at:])
	s.spans[at] = sp
}

// needs reports whether a cursor still has to read something from first up to,
// but not including, end.
func (s *cursorState) needs(first, end uint64) bool {
	at := max(first, s.seq)
	for i := range s.spans {
		if sp := &s.spans[i]; sp.from <= at && (sp.to == 0 || sp.to > at) {
			if sp.to == 0 {
				return false
			}
			at = sp.to
		}
	}
	return at < end
}

// open returns the span that has no end yet, nil when there is none.
func (s *cursorState) open() *span {
	if n := len(s.spans); n > 0 && s.spans[n-1].to == 0 {
		return &s.spans[n-1]
	}
	return nil
}

// SetPolicy says what happens when the cursor's output holds back too much.
func (c *Cursor) SetPolicy(p Policy) {
	c.j.mu.Lock()
	defer c.j.mu.Unlock()
	c.policy = p
}

// bounds returns the sequences of segment i: its first, and one past its last.
// j.mu is held.
func (j *Journal) bounds(i int) (first, end uint64) {
	end = j.durable + 1
	if i+1 < len(j.segments) {
		end = j.segments[i+1].first
	}
	if next := j.segments[i].next; next != 0 {
		end = min(end, next)
	}
	return j.segments[i].first, end
}

// lag returns the bytes of the segments that a cursor still needs. j.mu is held.
func (j *Journal) lag(s *cursorState) int64 {
	var n int64
	for i := range j.segments {
		if s.needs(j.bounds(i)) {
			n += j.segments[i].size
		}
	}
	return n
}

// govern applies the policies before a segment begins whose first frame is h and
// that takes need bytes. It reports whether some output makes acceptance wait.
// j.mu is held.
func (j *Journal) govern(h *header, need int64) (wait bool) {
	for _, c := range j.cursors {
		lag := j.lag(&c.state)
		over := c.policy.MaxLag > 0 && lag > c.policy.MaxLag
		switch c.policy.WhenFull {
		case Block:
			wait = wait || over
		case DropOldest:
			for over && j.dropOldest(c) {
				over = j.lag(&c.state) > c.policy.MaxLag
			}
		case DropNewest:
			open := c.state.open()
			switch {
			case open == nil && lag > 0 && lag+need > j.mostLag(c):
				c.give(span{from: h.seq, before: h.before})
				j.note(c, "new events are not kept for this output until it has caught up")
			case open != nil && lag <= j.mostLag(c)/2:
				j.end(c, open, h.seq, h.before)
			}
		}
	}
	return wait
}

// end closes an open span at seq. j.mu is held.
func (j *Journal) end(c *Cursor, open *span, seq uint64, before totals) {
	open.to, open.after = seq, before
	j.note(c, "new events are kept for this output again")
}

// caughtUp ends what outputs drop as soon as they have caught up, not only when a
// segment begins: on a quiet host that may be tomorrow. What was accepted until
// now stays dropped. It reports whether there was one.
func (j *Journal) caughtUp() (some bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range j.cursors {
		if open := c.state.open(); open != nil && open.from <= j.durable+1 && j.lag(&c.state) <= j.mostLag(c)/2 {
			j.end(c, open, j.durable+1, j.accepted)
			some = true
		}
	}
	if some {
		j.announce()
	}
	return some
}

// mostLag is what a cursor may hold back: its max_lag, or all but the room of
// the two segments that flow past it. j.mu is held.
func (j *Journal) mostLag(c *Cursor) int64 {
	if c.policy.MaxLag > 0 {
		return c.policy.MaxLag
	}
	return j.soft() - fixedSize - j.o.Quarantine - 2*j.o.SegmentSize
}

// note logs a change of a policy's state.
func (j *Journal) note(c *Cursor, what string) {
	j.o.Log.Warn(what, "output", c.state.name, "undelivered_bytes", j.lag(&c.state))
}

// dropOldest gives up the oldest segment that only c's like need: outputs that
// drop their oldest events. It reports whether there was one. j.mu is held.
func (j *Journal) dropOldest(c *Cursor) bool {
	for i := range j.segments {
		first, end := j.bounds(i)
		if j.segments[i] == j.active || !c.state.needs(first, end) {
			continue
		}
		if j.drop(c, i) {
			return true
		}
	}
	return false
}

// drop gives up what c has not read of segment i. It reports false when a frame
// of it is in flight, or when the totals at its ends are not known. j.mu is held.
func (j *Journal) drop(c *Cursor, i int) bool {
	first, end := j.bounds(i)
	j.know(i)
	from, before, ok := c.unread(j.segments[i], first, end)
	after := j.accepted
	if end <= j.durable {
		if j.know(i + 1); i+1 >= len(j.segments) || !j.segments[i+1].known || j.segments[i+1].first != end {
			return false
		}
		after = j.segments[i+1].before
	}
	if !ok {
		return false
	}
	if c.state.open() == nil && len(c.state.spans) == 0 {
		j.note(c, "the oldest events of this output are dropped to make room")
	}
	c.cover(span{from: from, to: end, before: before, after: after})
	j.announce()
	return true
}

// cover gives up what of sp is not given up yet. j.mu is held.
func (c *Cursor) cover(sp span) {
	for _, old := range slices.Clone(c.state.spans) {
		if old.from >= sp.to {
			break
		}
		if old.to != 0 && old.to <= sp.from {
			continue
		}
		if old.from > sp.from {
			c.give(span{from: sp.from, to: old.from, before: sp.before, after: old.before})
		}
		if old.to == 0 || old.to >= sp.to {
			return
		}
		sp.from, sp.before = old.to, old.after
	}
	c.give(sp)
}

// know reads the totals before segment i from its header, once. j.mu is held.
func (j *Journal) know(i int) {
	if i >= len(j.segments) || j.segments[i].known {
		return
	}
	s := j.segments[i]
	f, err := s.open(&j.o)
	if err != nil {
		return
	}
	defer s.release(&j.o)
	if err := s.readHeader(f); err != nil {
		j.o.Log.Warn("the header of a journal segment is not readable", "segment", s.name, "error", err)
	}
}

// unread returns where in a segment the part begins that the cursor has not
// handed out; false when a frame of the segment is in flight, or the totals
// there are not known. j.mu is held.
func (c *Cursor) unread(s *segment, first, end uint64) (uint64, totals, bool) {
	for i := range c.flights {
		if fl := &c.flights[i]; !fl.done && fl.seq < end && fl.next > first {
			return 0, totals{}, false
		}
	}
	if c.next > first {
		// What is finished behind an open frame would be read again after a kill.
		return c.next, c.at, c.gap == 0 && c.next < end && c.next == c.state.seq
	}
	return first, s.before, s.known
}

// sacrifice makes room by the policies when nothing is delivered: the oldest
// segment that only outputs need which drop their oldest events, else the newest
// that no output needs which waits. j.mu is held.
func (j *Journal) sacrifice() bool {
	for i := range j.segments {
		if j.giveUp(i, func(w WhenFull) bool { return w == DropOldest }) {
			return true
		}
	}
	for i := len(j.segments) - 2; i >= 0; i-- {
		if j.giveUp(i, func(w WhenFull) bool { return w != Block }) {
			return true
		}
	}
	return false
}

// giveUp drops segment i for every cursor that needs it, if all of them may and
// can. It reports whether the segment is free now. j.mu is held.
func (j *Journal) giveUp(i int, may func(WhenFull) bool) bool {
	if i == len(j.segments)-1 {
		return false // it would not be free: victim
	}
	j.know(i)
	first, end := j.bounds(i)
	held := j.heldBy(first, end, func(c *Cursor) bool {
		_, _, ok := c.unread(j.segments[i], first, end)
		return !may(c.policy.WhenFull) || !ok
	})
	if held {
		return false
	}
	dropped := false
	for _, c := range j.cursors {
		if c.state.needs(first, end) {
			if !j.drop(c, i) {
				return false
			}
			dropped = true
		}
	}
	return dropped
}

// heldBy reports whether a cursor that needs the range meets the condition;
// orphans always do.
func (j *Journal) heldBy(first, end uint64, is func(*Cursor) bool) bool {
	for _, c := range j.cursors {
		if c.state.needs(first, end) && is(c) {
			return true
		}
	}
	for i := range j.adopted {
		if j.adopted[i].needs(first, end) {
			return true
		}
	}
	return false
}

// victim returns the index of the oldest segment that no cursor needs, -1 for
// none. j.mu is held.
//
// The newest segment stays: it holds the only durable marks.
func (j *Journal) victim() int {
	for i := range len(j.segments) - 1 {
		if first, end := j.bounds(i); !j.heldBy(first, end, func(*Cursor) bool { return true }) {
			return i
		}
	}
	return -1
}

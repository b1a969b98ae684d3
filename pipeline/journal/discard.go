package journal

import (
	"fmt"
	"slices"
)

// Discard removes a cursor that nobody reads with, be it an orphan's or one that
// was taken up, and returns its last book: what it had not finished counts as
// dropped by an operator. Nothing of the journal is kept for it from then on,
// which is durable when Discard returns.
func (j *Journal) Discard(name string) (Book, error) {
	b, err := j.remove(name)
	if err != nil {
		return b, err
	}
	b.Counts.Dropped[OperatorDiscard] += b.Buffered
	b.GeneratedCounts.Dropped[OperatorDiscard] += b.GeneratedBuffered
	b.Buffered, b.GeneratedBuffered = 0, 0
	return b, j.save(0)
}

// remove takes a cursor out of the journal and returns its book as it stood.
func (j *Journal) remove(name string) (Book, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if i := slices.IndexFunc(j.cursors, func(c *Cursor) bool { return c.state.name == name }); i >= 0 {
		c := j.cursors[i]
		if len(c.flights) > 0 {
			return Book{}, fmt.Errorf("the journal's cursor %q has frames in flight", name)
		}
		j.cursors = slices.Delete(j.cursors, i, i+1)
		j.announce()
		return book(&c.state, j.accepted), nil
	}
	if i := slices.IndexFunc(j.adopted, func(s cursorState) bool { return s.name == name }); i >= 0 {
		b := book(&j.adopted[i], j.accepted)
		j.adopted = slices.Delete(j.adopted, i, i+1)
		j.announce()
		return b, nil
	}
	return Book{}, fmt.Errorf("the journal has no cursor %q", name)
}

// Release makes a cursor that nobody reads with an orphan again: what it has not
// finished stays until somebody takes it up, or discards it.
func (j *Journal) Release(name string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	i := slices.IndexFunc(j.cursors, func(c *Cursor) bool { return c.state.name == name && len(c.flights) == 0 })
	if i < 0 {
		return
	}
	j.adopted = append(j.adopted, j.cursors[i].state)
	j.cursors = slices.Delete(j.cursors, i, i+1)
}

// Waiting returns about how many bytes of the journal a cursor has not passed,
// 0 for one that is not known. Of a segment that it stands in it has passed as
// much as of the segment's frames.
func (j *Journal) Waiting(name string) int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := j.durable + 1
	for _, c := range j.cursors {
		if c.state.name == name {
			at = c.state.seq
		}
	}
	for i := range j.adopted {
		if j.adopted[i].name == name {
			at = j.adopted[i].seq
		}
	}
	var n float64
	for i, s := range j.segments {
		first, end := s.first, j.durable+1
		if i+1 < len(j.segments) {
			end = j.segments[i+1].first
		}
		if first = max(first, at); first < end {
			size := s.size
			if s.end > 0 {
				size = s.end
			}
			n += float64(size) * float64(end-first) / float64(end-s.first)
		}
	}
	return int64(n)
}

package journal

import (
	"errors"
	"fmt"
	"io"
)

// Appended returns the newest sequence that Append gave out; it may not be on
// stable storage yet.
func (j *Journal) Appended() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.seq - 1
}

// Replay calls fn with every frame from the sequence from on that is on stable
// storage and has a payload, in order, until there is none or fn returns an
// error, which it returns. The payload is a view until fn returns. It has no
// cursor and keeps nothing from being deleted: what is gone or damaged is passed
// over, and is not counted as lost, which is for cursors to do.
func (j *Journal) Replay(from uint64, fn func(seq uint64, payload []byte) error) error {
	r := replay{j: j, next: from}
	defer r.un.close()
	for {
		s, end, limit, ok := r.place()
		if !ok {
			return nil
		}
		if s == nil {
			r.next = limit
			continue
		}
		if err := r.read(s, end, limit, fn); err != nil {
			return err
		}
	}
}

// replay is a place in the journal.
type replay struct {
	j    *Journal
	next uint64
	un   unpacker
}

// place returns the segment that holds the next frame, if any does, up to which
// byte it may be read and at which sequence it ends; ok is false when there is
// nothing more to read.
func (r *replay) place() (s *segment, end int64, limit uint64, ok bool) {
	r.j.mu.Lock()
	defer r.j.mu.Unlock()
	limit = r.j.durable + 1
	for i := len(r.j.segments) - 1; i >= 0; i-- {
		s = r.j.segments[i]
		if s.first <= r.next || i == 0 {
			break
		}
		limit, s = min(limit, s.first), nil
	}
	if s != nil {
		if end = s.end; end == 0 {
			end = s.size
		}
	}
	return s, end, limit, r.next < limit
}

// read hands over what a segment holds before limit.
func (r *replay) read(s *segment, end int64, limit uint64, fn func(seq uint64, payload []byte) error) error {
	file, err := s.open(&r.j.o)
	if err != nil {
		return fmt.Errorf("journal: replay: %w", err)
	}
	defer s.release(&r.j.o)
	sc := scan{seg: s, file: file, off: segmentHeaderSize, end: end, from: r.next}
	for {
		f, err := sc.next()
		if errors.Is(err, io.EOF) || err == nil && f.seq >= limit {
			r.next = limit
			return nil
		}
		if err != nil {
			return fmt.Errorf("journal: replay: %w", err)
		}
		r.next = f.seq + 1
		sc.from = r.next
		if f.body == nil || int(f.marks) == len(f.body) {
			continue
		}
		payload, err := r.un.payload(&f.header, f.body)
		if err != nil {
			continue // as good as damaged
		}
		if err := fn(f.seq, payload); err != nil {
			return err
		}
	}
}

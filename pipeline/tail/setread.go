package tail

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// maxTurns is how many turns a Read takes before it looks at the time.
const maxTurns = 1024

// Read adds the next lines to b, from as many files as have some.
func (s *Set) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	s.chunks.reuse()
	var timeout <-chan time.Time
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.due()
		busy, err := s.round(b)
		if len(b.Events) > 0 || err != nil || wait <= 0 {
			s.mark(b)
			return err
		}
		if timeout == nil {
			timer := time.NewTimer(wait)
			defer timer.Stop()
			timeout = timer.C
		}
		if done, err := s.pause(ctx, timeout, busy); done {
			s.mark(b)
			return err
		}
	}
}

// pause waits for news, unless there are some, and reports whether Read is done.
func (s *Set) pause(ctx context.Context, timeout <-chan time.Time, busy bool) (bool, error) {
	if busy {
		select {
		case <-timeout:
			return true, nil
		default:
			return false, nil
		}
	}
	select {
	case <-timeout:
		return true, nil
	case <-ctx.Done():
		return true, ctx.Err()
	case <-s.wake:
		return false, nil
	}
}

// round gives files their turns until b is full or nothing is left, and reports
// whether something is.
func (s *Set) round(b *event.Batch) (busy bool, err error) {
	for range maxTurns {
		m := s.next()
		if m == nil {
			return false, s.end(err)
		}
		again, first, failed := s.turn(m, b)
		if again {
			s.back(m, first)
		}
		if failed != nil {
			if err = failed; s.o.Once {
				return true, plugin.Retry(err)
			}
		}
		if len(b.Events) >= setRecords {
			return true, nil
		}
	}
	return true, nil
}

// next takes the first file that waits for its turn.
func (s *Set) next() *member {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) > 0 {
		m := s.queue[0]
		s.queue[0] = nil
		s.queue = s.queue[1:]
		m.queued = false
		if !m.lost && !m.done {
			return m
		}
	}
	s.queue = nil
	return nil
}

// back puts a file in the queue again: first where its chunk is not used up, so
// that there is one such chunk at most.
func (s *Set) back(m *member, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if first && !m.queued && !m.lost {
		m.queued = true
		s.queue = slices.Insert(s.queue, 0, m)
		return
	}
	s.enqueue(m)
}

// end says what it means that no file has more to read.
func (s *Set) end(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	failing, done := 0, 0
	for _, m := range s.list {
		if m.fails.Load() > 0 {
			failing++
		}
		if m.done {
			done++
		}
	}
	switch {
	case s.o.Once && done == len(s.list):
		return io.EOF
	case err != nil && failing == len(s.list):
		return plugin.Retry(err)
	}
	return nil
}

// turn reads one chunk of a file. It reports whether the file is to have another
// turn, and whether that comes first.
func (s *Set) turn(m *member, b *event.Batch) (again, first bool, err error) {
	if s.o.Now().Before(m.until) {
		return false, false, nil // the watcher puts it back
	}
	s.turns++
	from := len(b.Events)
	if err = s.unpark(m); err == nil {
		again, first, err = s.steps(m, b)
	}
	if len(m.fields) > 0 {
		for i := from; i < len(b.Events); i++ {
			e := &b.Events[i]
			own := e.Fields
			e.Fields = append(b.Take(m.fields, len(own)), own...)
		}
	}
	s.losses = append(s.losses, m.t.noticed()...)
	switch {
	case errors.Is(err, io.EOF):
		m.done = true
	case errors.Is(err, errLink):
		s.refuse(m)
		return false, false, nil
	case err != nil:
		s.fail(m, err)
		return s.o.Once, false, err
	}
	if m.fails.Load() > 0 {
		m.fails.Store(0)
	}
	s.give(m)
	if m.t.lines.Waits() && !m.joins {
		m.joins = true
		s.joins = append(s.joins, m)
	}
	if !again && m.t.file(0) == nil {
		s.forget(m)
	}
	return again, first, nil
}

// steps goes on in a file until its chunk is used up, or b is full.
func (s *Set) steps(m *member, b *event.Batch) (again, first bool, err error) {
	for {
		moved, err := m.t.step(b)
		if err != nil || !moved {
			return false, false, err
		}
		f := m.t.file(0)
		// Where files have to be closed for others, one that stands within a line
		// would begin that line again with each turn, for ever.
		if f == nil || f.rest == "" && (m.t.lines.Pending() == 0 || s.open.Load() < int64(s.o.Open)) {
			return true, false, nil
		}
		if len(b.Events) >= setRecords {
			return true, true, nil
		}
	}
}

// fail leaves a file alone for a while; the others go on.
func (s *Set) fail(m *member, err error) {
	n := m.fails.Add(1)
	if n == 1 {
		s.o.Log.Warn("a file cannot be read; it is tried again", "path", m.path, "error", err)
	}
	s.failures.Inc()
	if !s.o.Once { // there the error is returned, and the caller waits
		m.until = s.o.Now().Add(min(time.Second<<min(n-1, 6), time.Minute))
	}
}

// forget follows a file no more when nothing is at its path and nothing is left
// of it.
func (s *Set) forget(m *member) {
	if _, err := os.Stat(m.path); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	if p := &m.t.given; p.left() > 0 && m.t.start != nil && m.t.start.Ino != 0 {
		m.t.lost(event.RotatedAway, p.left(), "the file is gone, with what was not read of it")
		s.losses = append(s.losses, m.t.noticed()...)
	}
	s.seen.remember(m.t.given)
	s.drop(m)
}

// drop takes a file out of the Set.
func (s *Set) drop(m *member) {
	m.t.park()
	m.t.setParked(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	m.lost, s.moved = true, true
	delete(s.members, m.path)
	delete(s.said, m.path)
	s.list = slices.DeleteFunc(s.list, func(o *member) bool { return o == m })
}

// give notes how far a file was read.
func (s *Set) give(m *member) {
	if m.t.file(0) == nil || !m.t.place() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m.last, s.moved = m.t.given, true
	m.pos = appendMember(m.pos[:0], m.path, &m.last)
}

// mark puts the position on b when it has moved, and what was lost meanwhile.
func (s *Set) mark(b *event.Batch) {
	b.Losses, s.losses = append(b.Losses, s.losses...), s.losses[:0]
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.moved {
		return
	}
	s.moved = false
	s.enc = openSet(s.enc[:0], s.since)
	for _, m := range s.list {
		s.enc = append(s.enc, m.pos...)
	}
	s.enc = sealSet(s.seen.appendTo(s.enc))
	b.Position = s.enc
}

// noticed returns what was lost since the last call.
func (t *Tail) noticed() []event.Loss {
	t.losing.Lock()
	defer t.losing.Unlock()
	list := t.losses
	t.losses = nil
	return list
}

// refuse follows a link no more that leads out of the known folders.
func (s *Set) refuse(m *member) {
	s.drop(m)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuseLink(m.path)
}

// refuseLink counts and says it once; s.mu is held.
func (s *Set) refuseLink(path string) {
	if s.once(path) {
		s.refused.Inc()
		s.o.Log.Warn("a symbolic link leads out of the known folders and is not followed; name the folder in roots to allow it", "path", path)
	}
}

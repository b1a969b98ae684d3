package runtimes

// How the store makes room.

import (
	"context"
	"slices"
	"time"
)

// lighten takes account of what c adds, and drops its labels where all is full;
// the lock is held.
func (s *Store) lighten(e *entry, from *partner, c *Container) {
	was := 0
	for _, p := range e.parts {
		if p.from == from {
			was = p.says.size()
		}
	}
	if c.size() > was && s.bytes-was+c.size() > maxBytes && len(c.Labels) > 0 {
		c.Labels = nil
		s.truncated.Inc()
	}
	e.bytes += c.size() - was
	s.bytes += c.size() - was
}

// begin notes the short form of a new id; the lock is held, as below.
func (s *Store) begin(id string) {
	if len(id) <= shortID {
		return
	}
	if _, twice := s.short[id[:shortID]]; twice {
		id = id[:shortID]
		s.short[id] = ""
		return
	}
	s.short[id[:shortID]] = id
}

// forget removes a container.
func (s *Store) forget(id string) {
	if e := s.byID[id]; e != nil {
		s.bytes -= e.bytes
	}
	delete(s.byID, id)
	if len(id) <= shortID {
		return
	}
	short := id[:shortID]
	if s.short[short] == id {
		delete(s.short, short)
		return
	}
	var rest []string // there were several; that is so rare that all are looked through
	for other := range s.byID {
		if len(other) > shortID && other[:shortID] == short {
			rest = append(rest, other)
		}
	}
	switch len(rest) {
	case 0:
		delete(s.short, short)
	case 1:
		s.short[short] = rest[0]
	}
}

// drop makes room by forgetting the container that is gone for longest; false
// where none is gone.
func (s *Store) drop() bool {
	for len(s.left) > 0 {
		l := s.left[0]
		s.left = s.left[1:]
		if e := s.byID[l.id]; e != nil && e.whole.Gone.Equal(l.gone) {
			s.forget(l.id)
			return true
		}
	}
	return false
}

// expire forgets what is gone for long enough.
func (s *Store) expire(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.byID)
	s.left = slices.DeleteFunc(s.left, func(l leaving) bool {
		e := s.byID[l.id]
		if e == nil || !e.whole.Gone.Equal(l.gone) {
			return true
		}
		if now.Sub(l.gone) < s.keep {
			return false
		}
		s.forget(l.id)
		return true
	})
	s.podLeft = slices.DeleteFunc(s.podLeft, func(l leaving) bool {
		if now.Sub(l.gone) < s.keep {
			return false
		}
		s.dropPod(l.id)
		return true
	})
	if n != len(s.byID) {
		s.turn()
	}
}

// sweepEvery is how late a container may be forgotten.
const sweepEvery = 15 * time.Second

// sweep forgets, now and then, until ctx is done.
func (s *Store) sweep(ctx context.Context, pause func(context.Context, time.Duration)) {
	for ctx.Err() == nil {
		s.expire(s.now())
		pause(ctx, sweepEvery)
	}
}

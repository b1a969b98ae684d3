package runtimes

// Where the facts are kept, and how those of several sources become one.

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tallyman/pipeline/meter"
)

// shortID is the length of the ids that engines print.
const shortID = 12

// leaving is a container that is forgotten at a time, if it is still gone then.
type leaving struct {
	id   string
	gone time.Time
}

// Store holds the containers that are there, and those that were a short while
// ago. It is safe for use by several goroutines.
type Store struct {
	max  int
	keep time.Duration
	now  func() time.Time

	gen     atomic.Uint64
	missing chan string // ids that were looked for in vain

	mu      sync.RWMutex // guards what follows
	byID    map[string]*entry
	short   map[string]string // the first twelve digits -> id; "": there are several
	left    []leaving         // oldest first
	bytes   int               // of all containers and pods, about
	pods    map[string]*Pod   // by uid
	podLeft []leaving
	changed chan struct{}

	refused   *meter.Counter
	truncated *meter.Counter
}

func newStore(o *Options) *Store {
	s := &Store{max: o.Max, keep: o.Keep, now: o.Now, missing: make(chan string, 256),
		byID: map[string]*entry{}, short: map[string]string{}, pods: map[string]*Pod{}, changed: make(chan struct{})}
	o.Meter.Func("tallyman_runtime_containers", "Containers whose name, image and labels are known from the runtimes, with those that are gone for less than ten minutes.",
		meter.KindGauge, func() float64 {
			s.mu.RLock()
			defer s.mu.RUnlock()
			return float64(len(s.byID))
		})
	s.refused = o.Meter.Counter("tallyman_runtime_refused_total", "Containers that were not kept because as many as are kept are running.")
	s.truncated = o.Meter.Counter("tallyman_runtime_truncated_total", "Containers and pods with names or labels so many or so long that they were cut.")
	return s
}

// Lookup returns the container with an id, or with the first twelve digits of
// one where no other begins so; nil where it is not known, or not yet. It does
// not allocate.
func (s *Store) Lookup(id string) *Container {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.byID[id]
	if e == nil && len(id) == shortID {
		e = s.byID[s.short[id]]
	}
	if e == nil {
		return nil
	}
	return e.whole
}

// Want asks the sources for a container that Lookup did not have, without
// waiting for it. Those that only look now and then look at once.
func (s *Store) Want(id string) {
	select {
	case s.missing <- id:
	default: // so many are asked for that the sources look anyway
	}
}

// Generation counts the changes, from 1; while it stays, Lookup's answers stay.
func (s *Store) Generation() uint64 { return 1 + s.gen.Load() }

// Changed returns a channel that is closed at the next change.
func (s *Store) Changed() <-chan struct{} {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.changed
}

// Each calls fn with every container, in no order. fn must not call the Store.
func (s *Store) Each(fn func(*Container)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, e := range s.byID {
		fn(e.whole)
	}
}

// turn tells that something changed; the lock is held.
func (s *Store) turn() {
	s.gen.Add(1)
	close(s.changed)
	s.changed = make(chan struct{})
}

// put takes what a source says of a container, which is the store's from then
// on. What the same source said before is forgotten.
func (s *Store) put(from *partner, c *Container) {
	if c.ID == "" || len(c.ID) > maxName {
		return
	}
	if c.bound() {
		s.truncated.Inc()
	}
	c.UserUID = from.user
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byID[c.ID]
	if e == nil {
		if len(s.byID) >= s.max && !s.drop() {
			s.refused.Inc()
			return
		}
		e = &entry{}
		s.byID[c.ID] = e
		s.begin(c.ID)
	}
	s.lighten(e, from, c)
	at := slices.IndexFunc(e.parts, func(p part) bool { return p.from == from })
	if at >= 0 {
		if old := e.parts[at].says; c.Gone.IsZero() && !old.Gone.IsZero() {
			c.Gone, c.InitPID = old.Gone, 0 // an answer that was under way when it was removed
		}
		e.parts[at].says = c
	} else {
		e.parts = append(e.parts, part{from, c})
		slices.SortStableFunc(e.parts, func(a, b part) int { return int(a.from.rank) - int(b.from.rank) })
	}
	s.join(e)
}

// change replaces what a source says of a container by what edit makes of a
// copy; nothing happens where the source did not tell of it.
func (s *Store) change(from *partner, id string, edit func(*Container)) {
	if c := s.of(from, id); c != nil {
		edit(c)
		s.put(from, c)
	}
}

// gone notes that a container was removed.
func (s *Store) gone(from *partner, id string, at time.Time) {
	s.change(from, id, func(c *Container) {
		if c.InitPID = 0; c.Gone.IsZero() {
			c.Gone = at
		}
	})
}

// revive notes that a container that was said to be gone is there.
func (s *Store) revive(from *partner, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byID[id]
	if e == nil {
		return
	}
	for i, p := range e.parts {
		if p.from == from && !p.says.Gone.IsZero() {
			c := *p.says
			c.Gone = time.Time{}
			e.parts[i].says = &c
			s.join(e)
		}
	}
}

// of returns a copy of what a source said of a container, nil for nothing.
func (s *Store) of(from *partner, id string) *Container {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if e := s.byID[id]; e != nil {
		for _, p := range e.parts {
			if p.from == from {
				c := *p.says
				return &c
			}
		}
	}
	return nil
}

// only notes that of all containers that a source told of, those without a
// place in ids were removed.
func (s *Store) only(from *partner, ids map[string]bool, at time.Time) {
	var list []string
	s.mu.RLock()
	for id, e := range s.byID {
		if !ids[id] && slices.ContainsFunc(e.parts, func(p part) bool { return p.from == from && p.says.Gone.IsZero() }) {
			list = append(list, id)
		}
	}
	s.mu.RUnlock()
	for _, id := range list {
		s.gone(from, id, at)
	}
}

// dispatch hands the ids that were looked for in vain to the sources, until ctx
// is done.
func (s *Store) dispatch(ctx context.Context, list func() []*runner) {
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-s.missing:
			for _, r := range list() {
				if a, ok := r.from.(asker); ok && s.Lookup(id) == nil {
					a.ask(id)
				}
			}
		}
	}
}

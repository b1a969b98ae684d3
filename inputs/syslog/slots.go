package syslog

import (
	"net/netip"
	"sync"
	"time"
)

// evictAfter is how long a connection must have waited within a message or a
// handshake before it is closed to make room for another.
const evictAfter = 10 * time.Second

// slots are the connections that there may be.
type slots struct {
	most, perPeer int

	mu     sync.Mutex // guards what follows
	all    map[*conn]struct{}
	byPeer map[netip.Addr]int // connections of each address
}

func newSlots(most, perPeer int) *slots {
	return &slots{most: most, perPeer: perPeer, all: map[*conn]struct{}{}, byPeer: map[netip.Addr]int{}}
}

// verdict is what became of a new connection.
type verdict uint8

const (
	admitted verdict = iota
	noRoom
	noPeerRoom
)

// take gives c a slot. Victim is the connection that has lost its slot for that,
// nil for none.
func (s *slots) take(c *conn, now time.Time) (v verdict, victim *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case c.from.IsValid() && s.byPeer[c.from] >= s.perPeer:
		if victim = s.slowest(now, func(o *conn) bool { return o.from == c.from }); victim == nil {
			return noPeerRoom, nil
		}
	case len(s.all) >= s.most:
		if victim = s.slowest(now, func(*conn) bool { return true }); victim == nil {
			return noRoom, nil
		}
	}
	if victim != nil {
		s.drop(victim)
	}
	s.all[c] = struct{}{}
	if c.from.IsValid() {
		s.byPeer[c.from]++
	}
	return admitted, victim
}

// slowest returns the connection among those that has waited longest for the end
// of a message, nil where none has waited long.
func (s *slots) slowest(now time.Time, among func(*conn) bool) *conn {
	var found *conn
	least := now.Add(-evictAfter).UnixNano()
	for c := range s.all {
		if at := c.waiting.Load(); at != 0 && at <= least && among(c) {
			found, least = c, at
		}
	}
	return found
}

// drop takes the slot of c back; s.mu is held.
func (s *slots) drop(c *conn) {
	if _, ok := s.all[c]; !ok {
		return
	}
	delete(s.all, c)
	if c.from.IsValid() {
		if s.byPeer[c.from]--; s.byPeer[c.from] == 0 {
			delete(s.byPeer, c.from)
		}
	}
}

// free takes the slot of c back.
func (s *slots) free(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(c)
}

// stop ends the waiting of every connection. The input's context is done, so that
// those that still come do not begin to wait.
func (s *slots) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.all {
		c.hurry()
	}
}

// closeAll closes every connection.
func (s *slots) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.all {
		_ = c.raw.Close() // its goroutine ends with that
	}
}

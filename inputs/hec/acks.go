package hec

import (
	"sync"
	"time"
)

// acks are the acknowledgements that were given and not asked for yet. A number is
// only handed out when its events are on stable storage, so that asking for it
// says true, once, as Splunk does.
type acks struct {
	now      func() time.Time
	most     int
	channels int
	idle     time.Duration

	mu  sync.Mutex // guards what follows
	all map[string]*channel
}

// channel is one sender's.
type channel struct {
	next uint64
	open map[uint64]struct{}
	used time.Time
}

// give returns the next number of a channel; false where there are too many
// channels.
func (a *acks) give(name string) (uint64, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c, ok := a.channel(name)
	if !ok {
		return 0, false
	}
	id := c.next
	c.next++
	c.open[id] = struct{}{}
	if len(c.open) > a.most {
		delete(c.open, id-uint64(a.most))
		for old := range c.open { // asked for out of order: any old one goes
			if len(c.open) <= a.most {
				break
			}
			if old+uint64(a.most) <= id {
				delete(c.open, old)
			}
		}
	}
	return id, true
}

// room reports whether a channel is there, or may come.
func (a *acks) room(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, ok := a.channel(name)
	return ok
}

func (a *acks) channel(name string) (*channel, bool) {
	now := a.now()
	c := a.all[name]
	if c == nil {
		if len(a.all) >= a.channels {
			for other, o := range a.all {
				if now.Sub(o.used) > a.idle {
					delete(a.all, other)
				}
			}
		}
		if len(a.all) >= a.channels {
			return nil, false
		}
		c = &channel{open: map[uint64]struct{}{}}
		a.all[name] = c
	}
	c.used = now
	return c, true
}

// ask answers whether the events of each number are on stable storage, and
// forgets those that are.
func (a *acks) ask(name string, ids []uint64) []bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	said := make([]bool, len(ids))
	c := a.all[name]
	if c == nil {
		return said
	}
	c.used = a.now()
	for i, id := range ids {
		if _, said[i] = c.open[id]; said[i] {
			delete(c.open, id)
		}
	}
	return said
}

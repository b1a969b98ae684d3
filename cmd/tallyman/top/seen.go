package top

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// mostContainers bounds the containers that are remembered.
const mostContainers = 1000

// seen is the account of the events that were watched.
type seen struct {
	mu         sync.Mutex
	containers map[string]*container
	events     uint64
	missed     uint64
}

// container is what was seen of one.
type container struct {
	ID, Name, Image, Action string
	Events, Alerts          uint64
	Last                    time.Time
}

func newSeen() *seen { return &seen{containers: map[string]*container{}} }

// add takes an event into the account of its container.
func (s *seen) add(now time.Time, e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events++
	s.missed += e.Missed
	if e.ID == "" {
		return
	}
	c := s.containers[e.ID]
	if c == nil {
		s.forget()
		c = &container{ID: e.ID}
		s.containers[e.ID] = c
	}
	c.Events++
	if e.Alert {
		c.Alerts++
	}
	if e.Name != "" {
		c.Name = e.Name
	}
	if e.Image != "" {
		c.Image = e.Image
	}
	c.Action, c.Last = e.Action, now
}

// forget makes room for one more: the one that was quiet longest goes.
func (s *seen) forget() {
	if len(s.containers) < mostContainers {
		return
	}
	oldest := ""
	for id, c := range s.containers {
		if oldest == "" || c.Last.Before(s.containers[oldest].Last) {
			oldest = id
		}
	}
	delete(s.containers, oldest)
}

// list returns a copy of the accounts, by id.
func (s *seen) list() (list []container, events, missed uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(s.containers)) {
		list = append(list, *s.containers[id])
	}
	return list, s.events, s.missed
}

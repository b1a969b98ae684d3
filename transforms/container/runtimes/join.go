package runtimes

// How what several sources say of one container becomes one.

import (
	"reflect"
)

// rank says whose word goes first: an engine knows its container best, and a
// user's engine is heard only where no other knows the container.
type rank uint8

const (
	rankEngine rank = iota
	rankFiles
	rankKube
	rankUser
)

// partner is a source as the store knows it.
type partner struct {
	rank rank
	user uint32
}

// part is what one source says of a container.
type part struct {
	from *partner
	says *Container // its Gone is this source's
}

// entry is one container; its parts are in the order of their ranks.
type entry struct {
	parts []part
	whole *Container
	bytes int // of all parts
}

// join makes one container of what the sources say; the lock is held.
func (s *Store) join(e *entry) {
	c := *e.parts[0].says
	for _, p := range e.parts[1:] {
		if p.from.rank != rankUser {
			c.fill(p.says)
		}
	}
	if c.Pod != nil {
		if p := s.pods[c.Pod.UID]; p != nil && e.parts[0].from.rank != rankUser {
			c.Pod = p
		}
		c.Workload = nil
	}
	if e.whole != nil && reflect.DeepEqual(e.whole, &c) {
		return
	}
	if !c.Gone.IsZero() && (e.whole == nil || !e.whole.Gone.Equal(c.Gone)) {
		s.left = append(s.left, leaving{c.ID, c.Gone})
	}
	e.whole = &c
	s.turn()
}

// fill takes from o what c does not have. Whether it is gone is the first
// source's word.
func (c *Container) fill(o *Container) {
	for _, f := range [...]struct {
		at *string
		s  string
	}{{&c.Name, o.Name}, {&c.Runtime, o.Runtime}, {&c.ImageDigest, o.ImageDigest}, {&c.ImageID, o.ImageID}, {&c.CgroupParent, o.CgroupParent}} {
		if *f.at == "" {
			*f.at = f.s
		}
	}
	if c.Image == "" && o.Image != "" {
		c.ImageRef, c.Image, c.ImageTag = o.ImageRef, o.Image, o.ImageTag
	}
	if len(c.Labels) == 0 {
		c.Labels = o.Labels
	}
	if c.Privileged == nil {
		c.Privileged = o.Privileged
	}
	if c.Start == 0 {
		c.Start = o.Start
	}
	if c.InitPID == 0 {
		c.InitPID = o.InitPID
	}
	if c.Created.IsZero() {
		c.Created = o.Created
	}
	if c.Started.IsZero() {
		c.Started = o.Started
	}
	if c.Pod == nil {
		c.Pod = o.Pod
	}
	if c.Workload == nil {
		c.Workload = o.Workload
	}
}

package json

import (
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// shared is what events share, rendered once: lanes and frames give the same set
// to hundreds of events.
type shared struct {
	number int          // no two have the same
	set    event.Fields // kept, so that no other set can lie at its place
	groups []group
	offset bool // log.file.path is in it, beside which log.offset stands
	bad    bool // it cannot be used: a text is no UTF-8
}

// group is what is shared below one top-level name.
type group struct {
	first  int // the first leaf of the name in the plan, whether it is shared or not
	span   bits
	fields []*event.Field
	text   []byte // `"host":{…}`, or when dotted the members in a row
}

// knownSets is how many sets are known: one per input or log file.
const knownSets = 8

// share takes up a set, and renders it unless it is one of those before. It uses
// what gather and quick use and so comes before them.
func (c *Encoder) share(set event.Fields) {
	if len(set) == len(c.same.set) && (len(set) == 0 || &set[0] == &c.same.set[0]) {
		return
	}
	for i, s := range c.sets {
		if len(set) == len(s.set) && (len(set) == 0 || &set[0] == &s.set[0]) {
			copy(c.sets[1:i+1], c.sets[:i])
			c.sets[0], c.same = s, s
			return
		}
	}
	c.made++
	c.same = &shared{set: set, number: c.made}
	c.sets = append([]*shared{c.same}, c.sets[:min(len(c.sets), knownSets-1)]...)
	for i := range set {
		f := &set[i]
		if f.IsZero() || f.Key == schema.None || int(f.Key) >= len(c.plan.rank) || !c.takes(f) {
			continue
		}
		c.same.offset = c.same.offset || f.Key == schema.LogFilePath
		g := c.same.group(c.plan, int(c.plan.rank[f.Key]))
		g.fields = append(g.fields, f)
	}
	for i := range c.same.groups {
		g := &c.same.groups[i]
		c.have, c.blob = bits{}, bits{}
		c.list = c.list[:0]
		for _, f := range g.fields {
			c.link(int(c.plan.rank[f.Key]), f)
		}
		text := c.object(nil, &event.Event{})
		g.text = text[1 : len(text)-1]
	}
	c.list = c.list[:0]
	c.same.bad = c.bad
}

// group returns the group that a leaf belongs to, made at first use.
func (s *shared) group(p *plan, rank int) *group {
	top := p.top[rank]
	for i := range s.groups {
		if s.groups[i].first == top.first {
			return &s.groups[i]
		}
	}
	g := group{first: top.first}
	for r := top.first; r <= top.last; r++ {
		g.span.set(r)
	}
	s.groups = append(s.groups, g)
	return &s.groups[len(s.groups)-1]
}

// text returns what is shared below the name whose first leaf is rank.
func (s *shared) text(rank int) []byte {
	for i := range s.groups {
		if s.groups[i].first == rank {
			return s.groups[i].text
		}
	}
	return nil
}

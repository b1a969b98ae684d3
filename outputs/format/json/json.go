// Package json renders an event as one JSON object with the names of the Elastic
// Common Schema, nested or dotted (SCHEMA.md sections 1, 11 and 12). It knows the
// table of the schema and what an event holds; it knows no framing and no
// destination.
//
// The order of the keys is fixed: @timestamp, message, ecs, event, host, then
// the other top-level names by the alphabet; inside an object the order of the
// reference. Whatever the event holds, the result is valid JSON in valid UTF-8.
package json

import (
	"crypto/sha256"
	"slices"
	"unicode/utf8"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// Encoder renders events as JSON. It implements plugin.Encoder.
type Encoder struct {
	plan  *plan
	part  *part     // nil where all of an event is written
	at    []chain   // per leaf of the plan: its first and last entry of list
	list  []entry   // what the event holds, gathered
	have  bits      // the leaves that the event has
	own   bits      // those of them that the event itself has, not what it shares
	esc   []int     // the leaves whose text was no UTF-8
	bad   bool      // a text was no UTF-8, and esc does not know it
	same  *shared   // what the event shares, rendered
	sets  []*shared // those of the last events, the newest first
	made  int       // how many sets were rendered
	forms shapes
	blob  bits     // the first leaf of each top-level name that is appended as same has it
	date  [2]date  // of @timestamp and event.created
	mem   []member // the members of one map
	buf   []byte   // the bytes that are hashed

	size  []int // per leaf, what it took in bytes
	room  []int // per leaf, what it may take while short is set
	short bool  // leaves keep within their room, and tags says that something is missing
}

// chain is a list inside entries: places of its first and last entry.
type chain struct{ first, last int32 }

// entry is one value of one leaf; a nil field is answered from the event's head.
type entry struct {
	field *event.Field
	next  int32 // the next entry of the same leaf, -1 for none
}

// New returns an encoder; dotted asks for one flat object with dotted names.
func New(dotted bool) *Encoder {
	p := newPlan(dotted)
	n := len(p.leaves)
	return &Encoder{plan: p, at: make([]chain, n), same: &shared{}, size: make([]int, n), room: make([]int, n)}
}

// Append implements plugin.Encoder; it never fails.
func (c *Encoder) Append(dst []byte, e *event.Event) ([]byte, error) {
	if c.short = false; c.part != nil {
		part := c.part.cut(e)
		e = &part
	}
	dst, done := c.cast(dst, e)
	if done {
		return dst, nil
	}
	start := len(dst)
	if c.quick(e); !c.bad {
		dst = c.object(dst, e)
	}
	if c.bad {
		c.gather(e)
		dst = c.object(dst[:start], e)
	}
	clear(c.list) // the event's memory is the caller's
	return dst, nil
}

// quick gathers without a look at the texts and with what the event shares as it
// was rendered before. Where a text is no UTF-8 c.bad says so, then or when the
// object is appended, and all of it is to be done by gather.
func (c *Encoder) quick(e *event.Event) {
	c.list, c.esc, c.bad = c.list[:0], c.esc[:0], false
	c.share(e.Shared)
	if c.bad = c.same.bad; c.bad {
		return
	}
	c.have, c.blob = bits{}, bits{}
	c.at[c.plan.rank[schema.TallymanEscaped]].first = -1 // these may be had without an entry
	c.at[c.plan.rank[schema.Tags]].first = -1
	for i := range e.Fields {
		if f := &e.Fields[i]; !f.IsZero() && f.Key != schema.None && int(f.Key) < len(c.plan.rank) && c.takes(f) {
			c.link(int(c.plan.rank[f.Key]), f)
		}
	}
	c.head(e, false)
	c.own = c.have
	for i := range c.same.groups {
		g := &c.same.groups[i]
		if !c.own.meets(&g.span) {
			c.have.set(g.first)
			c.blob.set(g.first)
			continue
		}
		for _, f := range g.fields {
			rank := int(c.plan.rank[f.Key])
			if !c.own.has(rank) || c.plan.leaves[rank].form == formMap && e.Fields.GetNamed(f.Key, f.Name()).IsZero() {
				c.link(rank, f)
			}
		}
	}
}

// object appends what was gathered.
func (c *Encoder) object(dst []byte, e *event.Event) []byte {
	dst = append(dst, '{')
	fresh := true // nothing stands in the open object yet
	var path []int32
	for rank := c.have.next(-1); rank >= 0; rank = c.have.next(rank) {
		if c.blob.has(rank) {
			for range path {
				dst = append(dst, '}')
			}
			if !fresh {
				dst = append(dst, ',')
			}
			dst, path, fresh = append(dst, c.same.text(rank)...), nil, false
			continue
		}
		l := &c.plan.leaves[rank]
		common := 0
		for common < len(path) && common < len(l.path) && path[common] == l.path[common] {
			common++
		}
		for range path[common:] {
			dst = append(dst, '}')
		}
		if !fresh {
			dst = append(dst, ',')
		}
		for _, n := range l.path[common:] {
			dst = append(dst, c.plan.objects[n]...)
		}
		path, fresh = l.path, false
		at := len(dst)
		if dst = c.leaf(dst, e, l, rank); c.short && len(dst)-at > c.room[rank] {
			dst = c.shorten(dst[:at], e, l, rank)
		}
		c.size[rank] = len(dst) - at
	}
	for range path {
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

// gather lists what the event holds by leaf. A key that the event has itself
// hides what it shares under the same key, as event.Get has it; in a map it is
// the name that hides the same name.
func (c *Encoder) gather(e *event.Event) {
	c.list, c.esc = c.list[:0], c.esc[:0]
	c.have, c.blob, c.bad = bits{}, bits{}, false
	c.at[c.plan.rank[schema.TallymanEscaped]].first = -1 // these may be had without an entry
	c.at[c.plan.rank[schema.Tags]].first = -1
	for i := range e.Fields {
		c.add(&e.Fields[i])
	}
	c.head(e, true)
	c.own = c.have
	for i := range e.Shared {
		f := &e.Shared[i]
		if int(f.Key) >= len(c.plan.rank) {
			continue
		}
		rank := int(c.plan.rank[f.Key])
		if !c.own.has(rank) || c.plan.leaves[rank].form == formMap && e.Fields.GetNamed(f.Key, f.Name()).IsZero() {
			c.add(f)
		}
	}
	if len(c.esc) > 0 {
		c.have.set(int(c.plan.rank[schema.TallymanEscaped]))
	}
}

// head adds what the head of the event answers, unless a field does.
func (c *Encoder) head(e *event.Event, check bool) {
	if !e.Time.IsZero() {
		c.add1(schema.Timestamp)
	}
	if !e.Seen.IsZero() {
		c.add1(schema.EventCreated)
	}
	if !e.ID.IsZero() {
		c.add1(schema.EventID)
	}
	if e.Dataset != "" && c.add1(schema.EventDataset) && check {
		c.check(int(c.plan.rank[schema.EventDataset]), e.Dataset)
	}
	if e.Raw != "" && c.add1(schema.EventOriginal) {
		c.add1(schema.EventHash)
		if check {
			c.check(int(c.plan.rank[schema.EventOriginal]), e.Raw)
		}
	}
	if c.same.offset {
		c.add1(schema.LogOffset)
	}
}

// add1 adds an entry that the head answers and reports whether it did.
func (c *Encoder) add1(k schema.Key) bool {
	rank := int(c.plan.rank[k])
	if c.have.has(rank) {
		return false
	}
	c.link(rank, nil)
	return true
}

func (c *Encoder) add(f *event.Field) {
	if f.IsZero() || f.Key == schema.None || int(f.Key) >= len(c.plan.rank) || !c.takes(f) {
		return
	}
	rank := int(c.plan.rank[f.Key])
	c.link(rank, f)
	c.check(rank, f.Str())
	if f.Name() != "" {
		c.check(rank, f.Name())
	}
}

func (c *Encoder) link(rank int, f *event.Field) {
	n := int32(len(c.list))
	c.list = append(c.list, entry{field: f, next: -1})
	if !c.have.has(rank) {
		c.have.set(rank)
		c.at[rank].first = n
	} else {
		c.list[c.at[rank].last].next = n
	}
	c.at[rank].last = n
}

// check notes a leaf whose text is no UTF-8: all of its texts are then written
// with the escape of SCHEMA rule 6, so that a reader who finds the name in
// tallyman.escaped knows how to read each of them.
func (c *Encoder) check(rank int, text string) {
	if !utf8.ValidString(text) && !slices.Contains(c.esc, rank) {
		c.esc = append(c.esc, rank)
	}
}

// leaf appends the name and the value of one leaf.
func (c *Encoder) leaf(dst []byte, e *event.Event, l *leaf, rank int) []byte {
	esc := len(c.esc) > 0 && slices.Contains(c.esc, rank)
	if l.form == formMap || l.form == formObjects {
		return c.members(dst, l, rank, esc)
	}
	dst = append(dst, l.name...)
	if l.key == schema.TallymanEscaped {
		return c.escaped(dst, rank, esc)
	}
	if c.short && l.key == schema.Tags {
		return c.tags(dst, rank, esc)
	}
	first := c.list[c.at[rank].first]
	if first.field == nil {
		return c.fromHead(dst, e, l.key, esc)
	}
	if l.form != formMany && first.next < 0 {
		return c.value(dst, first.field.Value(), l.native, esc)
	}
	dst = append(dst, '[')
	for n := c.at[rank].first; n >= 0; n = c.list[n].next {
		if n != c.at[rank].first {
			dst = append(dst, ',')
		}
		dst = c.value(dst, c.list[n].field.Value(), l.native, esc)
	}
	return append(dst, ']')
}

func (c *Encoder) fromHead(dst []byte, e *event.Event, k schema.Key, esc bool) []byte {
	switch k {
	case schema.Timestamp:
		return c.date[0].append(dst, e.Time)
	case schema.EventCreated:
		return c.date[1].append(dst, e.Seen)
	case schema.EventID:
		return append(e.ID.Append(append(dst, '"')), '"')
	case schema.EventDataset:
		return c.text(dst, e.Dataset, esc)
	case schema.EventOriginal:
		return c.text(dst, e.Raw, esc)
	case schema.EventHash:
		c.buf = append(c.buf[:0], e.Raw...)
		sum := sha256.Sum256(c.buf)
		dst = append(dst, '"')
		for _, b := range sum {
			dst = append(dst, digits[b>>4], digits[b&15])
		}
		return append(dst, '"')
	}
	return event.AppendInt(dst, e.Offset)
}

// escaped appends the list tallyman.escaped: what a decoder put there and the
// names of the fields that are escaped here.
func (c *Encoder) escaped(dst []byte, rank int, esc bool) []byte {
	dst = append(dst, '[')
	start := len(dst)
	from := c.at[rank].first
	for n := from; n >= 0; n = c.list[n].next {
		dst = c.text(append(dst, ','), c.list[n].field.Str(), esc)
	}
	for _, r := range c.esc {
		name := c.plan.leaves[r].key.String()
		known := false
		for n := from; n >= 0 && !known; n = c.list[n].next {
			known = c.list[n].field.Str() == name
		}
		if !known {
			dst = c.text(append(dst, ','), name, false)
		}
	}
	if len(dst) > start {
		dst = append(dst[:start], dst[start+1:]...) // the first comma
	}
	return append(dst, ']')
}

package json

import (
	mathbits "math/bits"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// Most events have the form of one before: the same fields in the same order,
// with other values. What stands between the values is then the same too, and is
// kept: a shape is made when its form comes for the second time. The values of a
// list that stand in a row are one place, however many they are.
//
// Of the values most are again those of the event before that had the same form:
// the user, the program, the folder, all constants. So a shape keeps the text of
// that event, and only the values that differ are rendered (fill.go).
type shape struct {
	set    int       // the shared set, by its number
	head   uint8     // what the head answers
	fields []fieldID // of the event, one for each row, in its order
	steps  []step
	text   []byte // the last event that had it, as it was rendered, and what blit may read behind it
	odd    bool   // it cannot be said by steps
}

// fieldID is a field without its value.
type fieldID struct {
	key  schema.Key
	list bool // all that follow with this key are in the row
	name string
}

// step is a value, behind a text that is the same in each event.
type step struct {
	before int32 // how long that text is
	n      int32 // how long the value is
	many   int32 // of how many values what stands there is, with fromMany
	key    schema.Key
	row    uint8 // of the event's own, unless the head answers
	from   from
	native bool
	plain  bool // what stands there is nothing but texts that stand for themselves
}

// from says where the value of a step comes from.
type from uint8

const (
	fromRow  from = iota // the only value of a row
	fromMany             // all values of a row, with commas
	fromHead             // the head answers key
)

const (
	shapeFields = 160  // an event with more rows has no shape; below maxRows
	maxRows     = 256  // what a step can name
	maxShapes   = 1024 // they are forgotten all at once

	// Making a shape costs as much as it saves in some events. Each event that had
	// one pays for a sixteenth of another, so that a stream without common forms
	// is not slower for it.
	learnCost, learnMost = 16, 64 * learnCost

	guesses = 512 // a power of two
)

// shapes are the shapes that an encoder knows.
type shapes struct {
	known map[uint64]*shape
	once  map[uint64]struct{} // forms that came once
	guess [guesses]*shape     // by what guessOf looks at: the last that had it
	rows  [maxRows]int32      // of the event at hand: where each begins, and the end
	n     int                 // how many rows it has
	purse int                 // what may be spent on new ones
}

// headOf says what the head of an event can answer.
func headOf(e *event.Event) (h uint8) {
	if !e.Time.IsZero() {
		h |= 1
	}
	if !e.Seen.IsZero() {
		h |= 2
	}
	if !e.ID.IsZero() {
		h |= 4
	}
	if e.Dataset != "" {
		h |= 8
	}
	return h
}

// formOf finds the rows of an event and returns the hash of its form; false says
// that it has none that is worth keeping.
func (c *Encoder) formOf(e *event.Event, set int, head uint8) (uint64, bool) {
	const prime = 0x9e3779b97f4a7c15
	h := uint64(set)<<8 | uint64(head)
	n, last := 0, schema.None
	for i := range e.Fields {
		f := &e.Fields[i]
		if f.Val.IsZero() || f.Key == schema.TallymanEscaped || int(f.Key) >= len(c.plan.rank) {
			return 0, false
		}
		l := len(f.Name)
		if f.Key == last && l == 0 {
			continue
		}
		if last = schema.None; l == 0 && c.plan.many[f.Key] {
			last = f.Key
		}
		if n == shapeFields {
			return 0, false
		}
		c.forms.rows[n] = int32(i)
		n++
		h = (h ^ uint64(f.Key)) * prime
		if l > 0 {
			h = (h ^ uint64(l) ^ uint64(f.Name[0])<<8 ^ uint64(f.Name[l-1])<<16 ^ uint64(f.Name[l/2])<<24) * prime
		}
		h ^= h >> 29
	}
	c.forms.rows[n], c.forms.n = int32(len(e.Fields)), n
	return h, true
}

// guessOf returns a place in shapes.guess: what is seen of an event's fields at a
// glance tells nearly always which shape it has.
func guessOf(e *event.Event) uint64 {
	h, last, fields := uint64(0), uint64(0), e.Fields
	for i := range fields {
		f := &fields[i]
		if n := uint64(f.Key); n != last || len(f.Name) > 0 { // of a list, one counts
			h = mathbits.RotateLeft64(h, 5) + (n ^ uint64(len(f.Name))<<10)
			last = n
		}
	}
	return (h * 0x9e3779b97f4a7c15) >> 55
}

// fits reports whether an event has the form of a shape, and finds its rows then.
func (c *Encoder) fits(s *shape, e *event.Event, set int, head uint8) bool {
	if s.set != set || s.head != head {
		return false
	}
	rows := &c.forms.rows
	fields, at := e.Fields, 0
	ids := s.fields
	for r := range ids {
		id := &ids[r]
		if at >= len(fields) {
			return false
		}
		f := &fields[at]
		if f.Key != id.key || len(f.Name) != len(id.name) || len(id.name) > 0 && f.Name != id.name || f.Val.IsZero() {
			return false
		}
		rows[r&(maxRows-1)] = int32(at)
		if at++; !id.list {
			continue
		}
		for at < len(fields) && fields[at].Key == id.key && fields[at].Name == "" {
			if fields[at].Val.IsZero() {
				return false
			}
			at++
		}
	}
	c.forms.n = len(s.fields)
	rows[len(s.fields)] = int32(at)
	return at == len(fields)
}

// cast appends the event by its shape; false says that it has none, or that a
// text is no UTF-8, and dst is as it was.
func (c *Encoder) cast(dst []byte, e *event.Event) ([]byte, bool) {
	start := len(dst)
	c.bad, c.esc = false, c.esc[:0]
	if c.share(e.Shared); c.same.bad || e.Raw != "" {
		return dst, false
	}
	head := headOf(e)
	guess := &c.forms.guess[guessOf(e)]
	s := *guess
	if s == nil || !c.fits(s, e, c.same.number, head) {
		if s = c.shapeOf(e, head); s == nil {
			return dst, false
		}
		*guess = s
	}
	if s.odd {
		return dst, false
	}
	c.forms.purse = min(c.forms.purse+1, learnMost)
	if dst = c.fill(dst, s, e); c.bad {
		return dst[:start], false
	}
	return dst, true
}

// shapeOf finds or makes the shape of an event, nil where it has none.
func (c *Encoder) shapeOf(e *event.Event, head uint8) *shape {
	h, ok := c.formOf(e, c.same.number, head)
	if !ok {
		return nil
	}
	if s := c.forms.known[h]; s != nil && c.fits(s, e, c.same.number, head) {
		return s
	}
	return c.learn(e, h, head)
}

// learn makes the shape of a form that came before, nil for one that did not or
// that cannot have one.
func (c *Encoder) learn(e *event.Event, h uint64, head uint8) *shape {
	f := &c.forms
	if _, again := f.once[h]; !again {
		if f.once == nil || len(f.once) >= 4*maxShapes {
			f.once = map[uint64]struct{}{}
		}
		f.once[h] = struct{}{}
		return nil
	}
	if f.purse < learnCost && len(f.known) > maxShapes/8 {
		return nil
	}
	f.purse = max(f.purse-learnCost, 0)
	if f.known == nil || len(f.known) >= maxShapes {
		f.known, f.guess = map[uint64]*shape{}, [guesses]*shape{}
	}
	m := mould{c: c, e: e}
	if c.quick(e); !c.bad {
		m.object()
	}
	if c.bad {
		return nil
	}
	s := &shape{set: c.same.number, head: head, steps: m.steps, odd: m.odd}
	m.text = append(m.text, make([]byte, blitOver)...)
	s.text = m.text
	for _, i := range f.rows[:f.n] {
		k, name := e.Fields[i].Key, strings.Clone(e.Fields[i].Name)
		s.fields = append(s.fields, fieldID{key: k, list: name == "" && c.plan.many[k], name: name})
	}
	f.known[h] = s
	return s
}

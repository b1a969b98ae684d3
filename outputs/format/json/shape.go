package json

import (
	mathbits "math/bits"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// Most events have the form of one before: the same fields in the same order and of
// the same kind, with other values. What stands between the values is then the same
// too, and is kept: a shape is made when its form comes for the second time. The
// values of a list that stand in a row are one place, however many they are.
//
// A shape knows nothing of the values of any event: it is what stands around them
// (fill.go).
type shape struct {
	set   int       // the shared set, by its number
	head  uint8     // what the head answers
	rows  []fieldID // of the event's fields, in its order
	steps []step
	text  []byte // what stands before the first step, between them and behind the last, and what blit may read behind it
	odd   bool   // it cannot be said by steps
}

// fieldID is a field without its value.
type fieldID struct {
	key   schema.Key
	class class
	list  bool // all that follow with this key are in the row
	name  string
}

// class is what a form tells of a value.
type class uint8

const (
	classNone class = iota
	classText
	classNumber // whole, or a truth value
	classOther  // anything else, and of a list not nothing but texts
)

// classOf is the class of one value, by its kind.
var classOf = [...]class{
	event.KindNone: classNone, event.KindString: classText, event.KindIP: classText, event.KindInt: classNumber, event.KindUint: classNumber,
	event.KindBool: classNumber, event.KindFloat: classOther, event.KindTime: classOther,
}

// step is a value, behind a text that is the same in each event. The quotes of
// texts and numbers are in that text.
type step struct {
	before int32 // how long that text is
	key    schema.Key
	row    uint8 // of the event's own, unless the head answers
	how    how
	native bool
}

// how says how the value of a step is written.
type how uint8

const (
	howText   how = iota // the text of a row
	howNumber            // the number of a row
	howTexts             // the texts of a row, between whose quotes there are commas
	howValue             // the value of a row, with its quotes
	howRow               // the values of a row, with commas and quotes
	howHead              // the head answers key
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
	rows, n, last := &c.forms.rows, 0, schema.None
	for i := range e.Fields {
		f := &e.Fields[i]
		if f.IsZero() || f.Key == schema.TallymanEscaped || int(f.Key) >= len(c.plan.rank) {
			return 0, false
		}
		if f.Key == last && f.NameLen() == 0 {
			continue
		}
		if n == shapeFields {
			return 0, false
		}
		if last = schema.None; c.lists(f) {
			last = f.Key
		}
		rows[n] = int32(i)
		n++
	}
	rows[n], c.forms.n = int32(len(e.Fields)), n
	h := uint64(set)<<8 | uint64(head)
	for r := range n {
		f := &e.Fields[rows[r]]
		h = (h ^ uint64(f.Key) ^ uint64(c.classAt(e, r))<<32) * prime
		if l := len(f.Name()); l > 0 {
			h = (h ^ uint64(l) ^ uint64(f.Name()[0])<<8 ^ uint64(f.Name()[l-1])<<16 ^ uint64(f.Name()[l/2])<<24) * prime
		}
		h ^= h >> 29
	}
	return h, true
}

// lists reports whether the values that follow f with its key are in its row.
func (c *Encoder) lists(f *event.Field) bool { return f.NameLen() == 0 && c.plan.many[f.Key] }

// classAt returns the class of a row of the event at hand.
func (c *Encoder) classAt(e *event.Event, r int) class {
	fields := e.Fields[c.forms.rows[r]:c.forms.rows[r+1]]
	if !c.lists(&fields[0]) {
		return classOf[fields[0].Kind()]
	}
	for i := range fields {
		if classOf[fields[i].Kind()] != classText {
			return classOther
		}
	}
	return classText
}

// guessOf returns a place in shapes.guess: what is seen of an event's fields at a
// glance tells nearly always which shape it has.
func guessOf(e *event.Event) uint64 {
	h, last, fields := uint64(0), uint64(0), e.Fields
	for i := range fields {
		f := &fields[i]
		if n := uint64(f.Key); n != last || f.NameLen() > 0 { // of a list, one counts
			h = mathbits.RotateLeft64(h, 5) + (n ^ uint64(f.NameLen())<<10)
			last = n
		}
	}
	return (h * 0x9e3779b97f4a7c15) >> 55
}

// fits reports whether an event has the form of a shape. It finds its rows then,
// and how long its texts are together, with what stands between those of a list.
func (c *Encoder) fits(s *shape, e *event.Event, set int, head uint8) (size int, ok bool) {
	if s.set != set || s.head != head {
		return 0, false
	}
	rows, fields, at := &c.forms.rows, e.Fields, 0
	ids := s.rows
	for r := range ids {
		id := &ids[r]
		if at >= len(fields) {
			return 0, false
		}
		f := &fields[at]
		if f.Key != id.key || !f.Named(id.name) {
			return 0, false
		}
		rows[r&(maxRows-1)] = int32(at)
		if !id.list {
			if classOf[f.Kind()] != id.class {
				return 0, false
			}
			size += f.Len()
			at++
			continue
		}
		of := classText
		for ; at < len(fields) && fields[at].Key == id.key && fields[at].NameLen() == 0; at++ {
			v := &fields[at]
			if classOf[v.Kind()] != classText {
				if of = classOther; v.IsZero() {
					return 0, false
				}
			}
			size += v.Len() + len(`","`)
		}
		if of != id.class {
			return 0, false
		}
	}
	c.forms.n = len(ids)
	rows[len(ids)] = int32(at)
	return size, at == len(fields)
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
	s, size, ok := *guess, 0, false
	if s != nil {
		size, ok = c.fits(s, e, c.same.number, head)
	}
	if !ok {
		if s, size = c.shapeOf(e, head); s == nil {
			return dst, false
		}
		*guess = s
	}
	if s.odd {
		return dst, false
	}
	c.forms.purse = min(c.forms.purse+1, learnMost)
	if dst = c.fill(dst, s, e, size); c.bad {
		return dst[:start], false
	}
	return dst, true
}

// shapeOf finds or makes the shape of an event, nil where it has none, and tells
// how long its texts are.
func (c *Encoder) shapeOf(e *event.Event, head uint8) (*shape, int) {
	h, ok := c.formOf(e, c.same.number, head)
	if !ok {
		return nil, 0
	}
	if s := c.forms.known[h]; s != nil {
		if size, ok := c.fits(s, e, c.same.number, head); ok {
			return s, size
		}
	}
	s := c.learn(e, h, head)
	if s == nil {
		return nil, 0
	}
	size, ok := c.fits(s, e, c.same.number, head)
	if !ok {
		return nil, 0
	}
	return s, size
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
	for r, i := range f.rows[:f.n] {
		at := &e.Fields[i]
		s.rows = append(s.rows, fieldID{key: at.Key, class: c.classAt(e, r), list: c.lists(at), name: strings.Clone(at.Name())})
	}
	f.known[h] = s
	return s
}

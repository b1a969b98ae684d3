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
// A shape knows nothing of the values of any event: it is by what a field is known
// to be the one that comes next, and what stands around the values (fill.go).
type shape struct {
	set     int    // the shared set, by its number
	head    uint8  // what the head answers
	dataset string // it is in the text
	rows    []row  // of the event's fields, in its order
	steps   []step
	long    []string // names, and texts between values, that neither row nor step has room for
	odd     bool     // it cannot be said by steps
}

// row is a field without its value, or the fields of a list.
type row struct {
	form uint64    // of each of the fields
	ends [2]uint64 // of the name: see ends
	kind rowKind
	long uint8 // where the name stands in shape.long
}

// rowKind says what has to be looked at besides the form.
type rowKind uint8

const (
	rowPlain rowKind = iota
	rowList          // all that follow and have its form belong to it
	rowNamed         // it has a name
	rowLong          // its name is longer than its ends
)

// step is a value, behind a text that is the same in each event. The quotes of
// texts and numbers are in that text.
type step struct {
	text   [most / 8]uint64 // the first byte in the lowest place
	before uint8            // how long that text is
	how    how
	row    uint8 // of the event's own; of the head, which answer; of a long text, which
	native bool
}

// most is how long the text of a step can be. A step has 32 bytes.
const most = 24

// how says how the value of a step is written.
type how uint8

const (
	howText   how = iota // the text of a row
	howTexts             // the texts of a row, between whose quotes there are commas
	howNumber            // the number of a row
	howValue             // the value of a row, with its quotes
	howRow               // the values of a row, with commas and quotes
	howHead              // an answer of the head
	howNone              // there is no value, but a text
	howLong              // the same of one in shape.long
	howEnd               // the same, and it is the last
)

// endsMost is how long a name can be of which the ends are all.
const endsMost = 16

// ends returns the first and the last bytes of a name; of one with no more than
// endsMost, they and its length are all of it.
func ends(s string) (first, last uint64) {
	n := len(s)
	switch {
	case n >= 8:
		return word(s), word(s[n-8:])
	case n >= 4:
		return uint64(half(s)), uint64(half(s[n-4:]))
	case n > 0:
		return uint64(s[0]) | uint64(s[n>>1])<<8 | uint64(s[n-1])<<16, 0
	}
	return 0, 0
}

const (
	shapeFields = 160  // an event with more rows has no shape; below maxRows
	maxRows     = 256  // what a step can name
	maxShapes   = 1024 // they are forgotten all at once

	// Making a shape costs as much as it saves in some events. Each event that had
	// one pays for a sixteenth of another, so that a stream without common forms
	// is not slower for it.
	learnCost, learnMost = 16, 64 * learnCost

	guessBits = 9

	prime = 0x9e3779b97f4a7c15
)

// shapes are the shapes that an encoder knows.
type shapes struct {
	known map[uint64]*shape
	once  map[uint64]struct{}    // forms that came once
	guess [1 << guessBits]*shape // by what guessOf looks at: the last that had it
	purse int                    // what may be spent on new ones
	now   spot
}

// spot is what run has to know of the event at hand.
type spot struct {
	rows  [maxRows]int32 // where each begins, and the end
	reply [replies]reply // of the head
	stop  [maxRows]int32 // where each that is a list ends
}

// formOf finds the rows of an event and returns the hash of its form; false says
// that it has none that is worth keeping.
func (c *Encoder) formOf(e *event.Event, head uint8) (hash uint64, ok bool) {
	rows, stop, n, last := &c.forms.now.rows, &c.forms.now.stop, 0, uint64(0)
	first, end := ends(e.Dataset)
	h := (uint64(c.same.number)<<8 ^ uint64(head) ^ uint64(len(e.Dataset))<<56 ^ first ^ end<<7) * prime
	for i := range e.Fields {
		f := &e.Fields[i]
		if !c.takes(f) {
			last = 0
			continue
		}
		if f.IsZero() || f.Key == schema.None || f.Key == schema.TallymanEscaped || int(f.Key) >= len(c.plan.rank) {
			return 0, false
		}
		if f.Form() == last {
			stop[n-1]++
			continue
		}
		if n == shapeFields {
			return 0, false
		}
		if last = 0; c.lists(f) {
			last = f.Form()
		}
		rows[n], stop[n] = int32(i), int32(i)+1
		n++
		first, end := ends(f.Name())
		h = (h ^ h>>29 ^ f.Form()) * prime
		h = (h ^ h>>29 ^ first ^ end<<7) * prime
	}
	rows[n] = int32(len(e.Fields))
	return h, true
}

// lists reports whether the values that follow f and have its form are in its row.
func (c *Encoder) lists(f *event.Field) bool { return f.NameLen() == 0 && c.plan.many[f.Key] }

// guessOf returns a place in shapes.guess: what is seen of an event's fields at a
// glance tells nearly always which shape it has. h is what is known of it besides.
func guessOf(h uint64, fields []event.Field) uint64 {
	last := uint64(0)
	for i := range fields {
		f := &fields[i]
		if form := f.Form(); form != last || f.NameLen() > 0 { // of a list, one counts
			h = mathbits.RotateLeft64(h, 5) + form
			last = form
		}
	}
	return h * prime >> (64 - guessBits)
}

// fits reports whether the fields of an event have the form of a shape, and finds
// its rows then.
func (o *spot) fits(s *shape, fields []event.Field) bool {
	at, rows := 0, s.rows
	for r := range rows {
		w := &rows[r]
		if at >= len(fields) {
			return false
		}
		f := &fields[at]
		if f.Form() != w.form {
			return false
		}
		o.rows[r&(maxRows-1)] = int32(at)
		at++
		if w.kind == rowPlain {
			continue
		}
		if w.kind == rowList {
			for at < len(fields) && fields[at].Form() == w.form {
				at++
			}
			o.stop[r&(maxRows-1)] = int32(at)
			continue
		}
		name := f.Name()
		switch n := len(name); {
		case n >= 8:
			if word(name) != w.ends[0] || word(name[n-8:]) != w.ends[1] || w.kind == rowLong && name != s.long[w.long] {
				return false
			}
		case n >= 4:
			if uint64(half(name)) != w.ends[0] || uint64(half(name[n-4:])) != w.ends[1] {
				return false
			}
		case n == 0, uint64(name[0])|uint64(name[n>>1])<<8|uint64(name[n-1])<<16 != w.ends[0]:
			return false
		}
	}
	o.rows[len(rows)&(maxRows-1)] = int32(at)
	return at == len(fields)
}

// cast appends the event by its shape; false says that it has none, or that a
// text is no UTF-8, and dst is as it was.
func (c *Encoder) cast(dst []byte, e *event.Event) ([]byte, bool) {
	c.bad, c.esc = false, c.esc[:0]
	if c.share(e.Shared); c.same.bad || e.Raw != "" {
		return dst, false
	}
	head, ok := c.ask(e)
	if !ok {
		return dst, false
	}
	h := uint64(c.same.number)<<8 ^ uint64(head) ^ uint64(len(e.Dataset))<<16
	if c.part == nil {
		h = guessOf(h, e.Fields)
	} else {
		h = c.part.guessOf(h, e.Fields)
	}
	guess := &c.forms.guess[h]
	out, ok := c.fill(dst, *guess, e, head)
	if !ok && !c.bad {
		out, ok = c.known(dst, e, head, guess)
	}
	if !ok || c.bad {
		return dst, false
	}
	c.forms.purse = min(c.forms.purse+1, learnMost)
	return out, true
}

// known is cast where the guess was wrong.
func (c *Encoder) known(dst []byte, e *event.Event, head uint8, guess **shape) ([]byte, bool) {
	h, ok := c.formOf(e, head)
	if !ok {
		return dst, false
	}
	s := c.forms.known[h]
	if s != nil {
		if s.odd {
			return dst, false
		}
		if out, ok := c.fill(dst, s, e, head); ok || c.bad {
			*guess = s
			return out, ok
		}
	}
	if s = c.learn(e, h, head); s == nil || s.odd {
		return dst, false
	}
	*guess = s
	return c.fill(dst, s, e, head)
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
		f.known, f.guess = map[uint64]*shape{}, [1 << guessBits]*shape{}
	}
	m := mould{c: c, own: e.Fields, s: &shape{set: c.same.number, head: head, dataset: strings.Clone(e.Dataset)}}
	if c.quick(e); !c.bad {
		m.object()
	}
	if c.bad {
		return nil
	}
	f.known[h] = m.s
	return m.s
}

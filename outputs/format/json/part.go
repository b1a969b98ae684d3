package json

import (
	mathbits "math/bits"
	"slices"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// part is what is written of an event where that is not all of it. A shape is then of the
// fields that are written, and what stands between them is passed over: an event is
// not copied, and what else it has does not make it one of another form.
type part struct {
	of      []Choice // by key
	named   func(*event.Field) bool
	own     []int32 // which fields of the event at hand are written, as far as its shape is asked for
	dataset bool    // the event's head says it, as the next two
	raw     bool
	created bool
}

// Choice is what is written of a field.
type Choice uint8

// What may be written of a field.
const (
	All    Choice = iota
	None          // nothing
	ByName        // values of some names
)

// NewPart is New for an encoder that writes some fields of an event, and of its head what
// it writes of the field of the same name, but the only time of an event in any case. Named
// says which values are written of a field that has names.
func NewPart(dotted bool, of func(schema.Key) Choice, named func(*event.Field) bool) *Encoder {
	c := New(dotted)
	p := &part{of: make([]Choice, len(c.plan.rank)), named: named}
	for _, k := range schema.Keys() {
		p.of[k] = of(k)
	}
	p.dataset, p.raw, p.created = p.of[schema.EventDataset] == All, p.of[schema.EventOriginal] == All, p.of[schema.EventCreated] == All
	c.part = p
	return c
}

// cut returns the event whose head has nothing that is not written.
func (p *part) cut(e *event.Event) event.Event {
	out := *e
	if !p.dataset {
		out.Dataset = ""
	}
	if !p.raw {
		out.Raw = ""
	}
	if !p.created && !e.Time.IsZero() { // else it is the only time there is
		out.Seen = time.Time{}
	}
	return out
}

// takes reports whether a field is written.
func (p *part) takes(f *event.Field) bool {
	if int(f.Key) >= len(p.of) || p.of[f.Key] == All {
		return true
	}
	return p.of[f.Key] == ByName && p.named(f)
}

// takes reports whether a field is written.
func (c *Encoder) takes(f *event.Field) bool { return c.part == nil || c.part.takes(f) }

// guessOf is the function of that name for what is written, which it finds.
func (p *part) guessOf(h uint64, fields []event.Field) uint64 {
	own, of, n := slices.Grow(p.own[:0], len(fields))[:len(fields)], p.of, 0
	for i := range fields {
		f := &fields[i]
		if k := int(f.Key); k < len(of) {
			if c := of[k]; c == None || c == ByName && !p.named(f) {
				continue
			}
		}
		own[n] = int32(i)
		n++
		h = mathbits.RotateLeft64(h, 5) + f.Form()
	}
	p.own = own[:n]
	return h * prime >> (64 - guessBits)
}

// fits is spot.fits for what is written.
func (p *part) fits(o *spot, s *shape, fields []event.Field) bool {
	own := p.own
	for r := range s.rows {
		w := &s.rows[r]
		if len(own) == 0 {
			return false
		}
		at := own[0]
		f := &fields[at]
		if f.Form() != w.form {
			return false
		}
		own = own[1:]
		o.rows[r&(maxRows-1)] = at
		switch w.kind {
		case rowPlain:
		case rowList:
			for at++; len(own) > 0 && own[0] == at && fields[at].Form() == w.form; at++ {
				own = own[1:]
			}
			o.stop[r&(maxRows-1)] = at
		case rowNamed, rowLong:
			name := f.Name()
			if first, last := ends(name); first != w.ends[0] || last != w.ends[1] || w.kind == rowLong && name != s.long[w.long] {
				return false
			}
		}
	}
	return len(own) == 0
}

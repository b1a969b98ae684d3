package json

import (
	"slices"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// Most events have the form of one before: the same fields in the same order,
// with other values. What stands between the values is then the same too, and is
// kept: a shape is made when its form comes for the second time. The values of a
// list that stand in a row are one place, however many they are.
type shape struct {
	set    int       // the shared set, by its number
	head   uint8     // what the head answers
	fields []fieldID // of the event, one for each row, in its order
	steps  []step
	tail   []byte
	odd    bool // it cannot be said by steps
}

// fieldID is a field without its value.
type fieldID struct {
	key  schema.Key
	name string
}

// step is a text and the value that follows it.
type step struct {
	text   []byte
	row    int32 // of the event's own; below 0 what the head answers: -1-key
	many   bool  // all values of the row, with commas
	native bool
}

const (
	shapeFields = 160  // an event with more rows has no shape
	maxShapes   = 1024 // they are forgotten all at once

	// Making a shape costs as much as it saves in some events. Each event that had
	// one pays for a sixteenth of another, so that a stream without common forms
	// is not slower for it.
	learnCost, learnMost = 16, 64 * learnCost
)

// shapes are the shapes that an encoder knows.
type shapes struct {
	known map[uint64]*shape
	once  map[uint64]struct{} // forms that came once
	rows  []int32             // of the event at hand: where each begins, and the end
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
	if e.Raw != "" {
		return 0, false
	}
	const prime = 0x9e3779b97f4a7c15
	h := uint64(set)<<8 | uint64(head)
	rows, last := c.forms.rows[:0], schema.None
	for i := range e.Fields {
		f := &e.Fields[i]
		if f.Val.IsZero() || f.Key == schema.TallymanEscaped || int(f.Key) >= len(c.plan.rank) {
			return 0, false
		}
		n := len(f.Name)
		if f.Key == last && n == 0 {
			continue
		}
		if last = schema.None; n == 0 && c.plan.many[f.Key] {
			last = f.Key
		}
		rows = append(rows, int32(i))
		h = (h ^ uint64(f.Key)) * prime
		if n > 0 {
			h = (h ^ uint64(n) ^ uint64(f.Name[0])<<8 ^ uint64(f.Name[n-1])<<16 ^ uint64(f.Name[n/2])<<24) * prime
		}
		h ^= h >> 29
	}
	c.forms.rows = rows
	c.forms.rows = append(c.forms.rows, int32(len(e.Fields)))
	return h, len(rows) <= shapeFields
}

// fits reports whether an event with these rows has the form of a shape.
func (s *shape) fits(e *event.Event, rows []int32, set int, head uint8) bool {
	if s.set != set || s.head != head || len(s.fields) != len(rows)-1 {
		return false
	}
	for i := range s.fields {
		if f := &e.Fields[rows[i]]; f.Key != s.fields[i].key || f.Name != s.fields[i].name {
			return false
		}
	}
	return true
}

// cast appends the event by its shape; false says that it has none, or that a
// text is no UTF-8, and dst is as it was.
func (c *Encoder) cast(dst []byte, e *event.Event) ([]byte, bool) {
	start := len(dst)
	c.bad, c.esc = false, c.esc[:0]
	if c.share(e.Shared); c.same.bad {
		return dst, false
	}
	head := headOf(e)
	h, ok := c.formOf(e, c.same.number, head)
	if !ok {
		return dst, false
	}
	s := c.forms.known[h]
	if s == nil || !s.fits(e, c.forms.rows, c.same.number, head) {
		if s = c.learn(e, h, head); s == nil {
			return dst, false
		}
	}
	if s.odd {
		return dst, false
	}
	c.forms.purse = min(c.forms.purse+1, learnMost)
	for i := range s.steps {
		p := &s.steps[i]
		if p.row >= 0 && !p.many {
			v := &e.Fields[c.forms.rows[p.row]].Val
			if text := v.Str(); v.Kind() == event.KindString && clean(text) == len(text) {
				dst = quoted(dst, p.text, text)
			} else {
				dst = c.value(append(dst, p.text...), *v, p.native, false)
			}
			continue
		}
		dst = append(dst, p.text...)
		switch {
		case p.row < 0:
			dst = c.fromHead(dst, e, schema.Key(-1-p.row), false)
		default:
			from, end := c.forms.rows[p.row], c.forms.rows[p.row+1]
			for k := from; k < end; k++ {
				if k > from {
					dst = append(dst, ',')
				}
				dst = c.value(dst, e.Fields[k].Val, p.native, false)
			}
		}
	}
	dst = append(dst, s.tail...)
	if c.bad {
		return dst[:start], false
	}
	return dst, true
}

// quoted appends before, and s in quotes. Nearly all values are such texts: with
// one look at the room instead of four it takes a quarter less.
func quoted(dst, before []byte, s string) []byte {
	at, end := len(dst), len(dst)+len(before)+len(s)+2
	if end > cap(dst) {
		dst = slices.Grow(dst, end-at)
	}
	dst = dst[:end]
	at += copy(dst[at:], before)
	dst[at] = '"'
	copy(dst[at+1:], s)
	dst[end-1] = '"'
	return dst
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
		f.known = map[uint64]*shape{}
	}
	m := mould{c: c, e: e}
	if c.quick(e); !c.bad {
		m.object()
	}
	if c.bad {
		return nil
	}
	s := &shape{set: c.same.number, head: head, steps: m.steps, tail: m.text, odd: m.odd}
	for _, i := range f.rows[:len(f.rows)-1] {
		s.fields = append(s.fields, fieldID{e.Fields[i].Key, strings.Clone(e.Fields[i].Name)})
	}
	f.known[h] = s
	return s
}

// mould makes the steps of a shape. It walks what quick gathered as object does.
type mould struct {
	c     *Encoder
	e     *event.Event
	text  []byte // since the last value
	steps []step
	odd   bool // it has something that no shape can say
}

func (m *mould) object() {
	c := m.c
	m.text = append(m.text, '{')
	fresh := true
	var path []int32
	for rank := c.have.next(-1); rank >= 0 && !m.odd; rank = c.have.next(rank) {
		l := &c.plan.leaves[rank]
		lpath := l.path
		if c.blob.has(rank) {
			lpath = nil
		}
		common := 0
		for common < len(path) && common < len(lpath) && path[common] == lpath[common] {
			common++
		}
		for range path[common:] {
			m.text = append(m.text, '}')
		}
		if !fresh {
			m.text = append(m.text, ',')
		}
		for _, n := range lpath[common:] {
			m.text = append(m.text, c.plan.objects[n]...)
		}
		path, fresh = lpath, false
		if c.blob.has(rank) {
			m.text = append(m.text, c.same.text(rank)...)
		} else {
			m.leaf(l, rank)
		}
	}
	for range path {
		m.text = append(m.text, '}')
	}
	m.text = append(m.text, '}')
}

// leaf is Encoder.leaf.
func (m *mould) leaf(l *leaf, rank int) {
	c := m.c
	switch {
	case l.form == formMap:
		m.members(l, rank)
		return
	case l.form == formObjects, l.key == schema.TallymanEscaped:
		m.odd = m.odd || l.key == schema.TallymanEscaped
		m.objects(l, rank)
		return
	}
	m.text = append(m.text, l.name...)
	first := c.at[rank].first
	if c.list[first].field == nil {
		m.steps = append(m.steps, step{text: m.take(), row: -1 - int32(l.key)})
		return
	}
	list := l.form == formMany || c.list[first].next >= 0
	if list {
		m.text = append(m.text, '[')
	}
	for n := first; n >= 0; n = c.list[n].next {
		row, starts := m.row(c.list[n].field)
		if row >= 0 && !starts {
			continue // it is written with the first of its row
		}
		if n != first {
			m.text = append(m.text, ',')
		}
		m.value(c.list[n].field, l.native)
	}
	if list {
		m.text = append(m.text, ']')
	}
}

// members is a map each of whose names stands once.
func (m *mould) members(l *leaf, rank int) {
	c := m.c
	open := `"`
	if l.dotted {
		open = l.name
	} else {
		m.text = append(append(m.text, l.name...), '{')
	}
	for n := c.at[rank].first; n >= 0; n = c.list[n].next {
		f := c.list[n].field
		for o := c.at[rank].first; o != n; o = c.list[o].next {
			m.odd = m.odd || c.list[o].field.Name == f.Name
		}
		if n != c.at[rank].first {
			m.text = append(m.text, ',')
		}
		m.text = append(append(c.inner(append(m.text, open...), f.Name, false), '"'), ':')
		m.value(f, false)
	}
	if !l.dotted {
		m.text = append(m.text, '}')
	}
	// More are written in another order.
	count := 0
	for n := c.at[rank].first; n >= 0; n = c.list[n].next {
		count++
	}
	m.odd = m.odd || count > few
}

// objects is a list of objects in order, each of whose names stands once.
func (m *mould) objects(l *leaf, rank int) {
	c := m.c
	m.text = append(append(m.text, l.name...), '[')
	last, begin := -1, int32(-1)
	for n := c.at[rank].first; n >= 0 && !m.odd; n = c.list[n].next {
		f := c.list[n].field
		index, name := split(f.Name)
		switch {
		case index < last:
			m.odd = true
		case index > last:
			if last >= 0 {
				m.text = append(m.text, '}', ',')
			}
			m.text = append(m.text, '{')
			last, begin = index, n
		default:
			m.text = append(m.text, ',')
		}
		for o := begin; o != n; o = c.list[o].next {
			_, other := split(c.list[o].field.Name)
			m.odd = m.odd || other == name
		}
		m.text = append(append(c.inner(append(m.text, '"'), name, false), '"'), ':')
		m.value(f, true)
	}
	if last >= 0 {
		m.text = append(m.text, '}')
	}
	m.text = append(m.text, ']')
}

// row returns the row of one of the event's own fields and whether it is the
// first there; -1 for one that is shared.
func (m *mould) row(f *event.Field) (row int32, starts bool) {
	rows := m.c.forms.rows
	for r := range len(rows) - 1 {
		for i := rows[r]; i < rows[r+1]; i++ {
			if f == &m.e.Fields[i] {
				return int32(r), i == rows[r]
			}
		}
	}
	return -1, false
}

// value is a step for one of the event's own fields; what it shares is the same
// in each event of the shape.
func (m *mould) value(f *event.Field, native bool) {
	row, _ := m.row(f)
	if row < 0 {
		m.text = m.c.value(m.text, f.Val, native, false)
		return
	}
	many := f.Name == "" && m.c.plan.leaves[m.c.plan.rank[f.Key]].form == formMany
	m.steps = append(m.steps, step{text: m.take(), row: row, many: many, native: native})
}

func (m *mould) take() []byte {
	t := append([]byte(nil), m.text...)
	m.text = m.text[:0]
	return t
}

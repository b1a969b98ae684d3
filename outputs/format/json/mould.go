package json

import (
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// mould makes the steps of a shape. It walks what quick gathered as object does.
type mould struct {
	c     *Encoder
	e     *event.Event
	text  []byte // without the values
	taken int    // how much of it stands before the last step's value
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
		m.steps = append(m.steps, step{before: m.take(), how: howHead, key: l.key})
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
			m.odd = m.odd || c.list[o].field.Name() == f.Name()
		}
		if n != c.at[rank].first {
			m.text = append(m.text, ',')
		}
		m.text = append(append(c.inner(append(m.text, open...), f.Name(), false), '"'), ':')
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

// objects is a list of objects in order, each of whose names stands once. An
// object of more than few is written in another order.
func (m *mould) objects(l *leaf, rank int) {
	c := m.c
	m.text = append(append(m.text, l.name...), '[')
	last, begin, count := -1, int32(-1), 0
	for n := c.at[rank].first; n >= 0 && !m.odd; n = c.list[n].next {
		f := c.list[n].field
		index, name := split(f.Name())
		switch {
		case index < last:
			m.odd = true
		case index > last:
			if last >= 0 {
				m.text = append(m.text, '}', ',')
			}
			m.text = append(m.text, '{')
			last, begin, count = index, n, 0
		default:
			m.text = append(m.text, ',')
		}
		count++
		m.odd = m.odd || count > few
		for o := begin; o != n; o = c.list[o].next {
			_, other := split(c.list[o].field.Name())
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
func (m *mould) row(f *event.Field) (row int, starts bool) {
	rows := &m.c.forms.rows
	for r := range m.c.forms.n {
		for i := rows[r]; i < rows[r+1]; i++ {
			if f == &m.e.Fields[i] {
				return r, i == rows[r]
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
		m.text = m.c.value(m.text, f.Value(), native, false)
		return
	}
	s, list := step{row: uint8(row), native: native}, m.c.lists(f)
	switch m.c.classAt(m.e, row) {
	case classText:
		if s.how = howText; list {
			s.how = howTexts
		}
		m.quoted(s)
	case classNumber:
		if s.how = howNumber; !native {
			m.quoted(s)
			return
		}
		s.before = m.take()
		m.steps = append(m.steps, s)
	default:
		if s.how = howValue; list {
			s.how = howRow
		}
		s.before = m.take()
		m.steps = append(m.steps, s)
	}
}

// quoted is a step between quotes.
func (m *mould) quoted(s step) {
	m.text = append(m.text, '"')
	s.before = m.take()
	m.steps = append(m.steps, s)
	m.text = append(m.text, '"')
}

// take ends the text before a value and returns its length.
func (m *mould) take() int32 {
	n := len(m.text) - m.taken
	m.taken = len(m.text)
	return int32(n)
}

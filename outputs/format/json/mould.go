package json

import (
	"encoding/binary"
	"math"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// mould makes the steps of a shape. It walks what quick gathered as object does.
type mould struct {
	c    *Encoder
	own  event.Fields // the event's, also what is not written
	s    *shape
	text []byte // what stands behind the last value
	odd  bool   // it has something that no shape can say
	rows []int  // of the event's own fields
}

func (m *mould) object() {
	c := m.c
	m.layOut()
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
	m.step(step{how: howEnd})
	values := 0
	for i := range m.s.steps {
		if m.s.steps[i].how < howHead {
			values++
		}
	}
	m.s.odd = m.odd || values != len(m.s.rows) // there is something that would be left out
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
		m.head(l.key)
		return
	}
	list := l.form == formMany || c.list[first].next >= 0
	if list {
		m.text = append(m.text, '[')
	}
	for n := first; n >= 0; n = c.list[n].next {
		row, starts := m.row(n)
		if row >= 0 && !starts {
			continue // it is written with the first of its row
		}
		if n != first {
			m.text = append(m.text, ',')
		}
		m.value(n, l.native)
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
		m.value(n, false)
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
		m.value(n, true)
	}
	if last >= 0 {
		m.text = append(m.text, '}')
	}
	m.text = append(m.text, ']')
}

// row returns the row of an entry if that is one of the event's own fields, and whether
// it is the first there; -1 for one that is shared. quick lists an event's own fields
// first and, in one that has a form, all of them.
func (m *mould) row(n int32) (row int, starts bool) {
	if int(n) >= len(m.rows) {
		return -1, false
	}
	row = m.rows[n]
	return row, n == 0 || m.rows[n-1] != row
}

// value is a step for one of the event's own fields; what it shares is the same
// in each event of the shape.
func (m *mould) value(n int32, native bool) {
	f := m.c.list[n].field
	row, _ := m.row(n)
	if row < 0 {
		m.text = m.c.value(m.text, f.Value(), native, false)
		return
	}
	st, list := step{row: uint8(row), native: native}, m.c.lists(f)
	quoted := false
	switch f.Kind() {
	case event.KindString, event.KindIP:
		st.how, quoted = howText, true
		if list {
			st.how = howTexts
		}
	case event.KindInt, event.KindUint, event.KindBool:
		st.how, quoted = howNumber, !native
		if list {
			st.how, quoted = howRow, false
		}
	default:
		st.how = howValue
		if list {
			st.how = howRow
		}
	}
	if quoted {
		m.text = append(m.text, '"')
	}
	m.step(st)
	if quoted {
		m.text = append(m.text, '"')
	}
}

// head is a step for what the head answers, but the dataset: it is the same in
// each event of the shape.
func (m *mould) head(k schema.Key) {
	st := step{how: howHead}
	switch k {
	case schema.Timestamp:
		st.row = headTime
	case schema.EventCreated:
		st.row = headSeen
	case schema.EventID:
		st.row = headID
	case schema.LogOffset:
		st.row = headOffset
	case schema.EventDataset:
		m.text = m.c.text(m.text, m.s.dataset, false)
		return
	default:
		m.odd = true
		return
	}
	m.step(st)
}

// step adds a step behind the text that has come together.
func (m *mould) step(st step) {
	const few = 4 // more of them would take longer than to copy the text as a whole
	if len(m.text) > few*most {
		m.s.steps = append(m.s.steps, step{how: howLong, row: m.long(string(m.text))})
		m.text = m.text[:0]
	}
	for len(m.text) > most {
		m.s.steps = append(m.s.steps, m.begin(step{how: howNone}))
	}
	m.s.steps = append(m.s.steps, m.begin(st))
}

// begin puts as much of the text into a step as it has room for.
func (m *mould) begin(st step) step {
	var text [most]byte
	n := copy(text[:], m.text)
	for i := range st.text {
		st.text[i] = binary.LittleEndian.Uint64(text[8*i:])
	}
	st.before, m.text = uint8(n), m.text[n:]
	return st
}

// long keeps a text and returns its place.
func (m *mould) long(s string) uint8 {
	m.odd = m.odd || len(m.s.long) > math.MaxUint8
	m.s.long = append(m.s.long, s)
	return uint8(len(m.s.long) - 1)
}

// layOut finds the row of each field, and tells the shape by what the rows are known.
func (m *mould) layOut() {
	starts := &m.c.forms.now.rows
	for r := 0; int(starts[r]) < len(m.own); r++ {
		for range m.c.forms.now.stop[r] - starts[r] {
			m.rows = append(m.rows, r)
		}
		f := &m.own[starts[r]]
		w := row{form: f.Form()}
		w.ends[0], w.ends[1] = ends(f.Name())
		switch {
		case m.c.lists(f):
			w.kind = rowList
		case f.NameLen() > endsMost:
			w.kind, w.long = rowLong, m.long(strings.Clone(f.Name()))
		case f.NameLen() > 0:
			w.kind = rowNamed
		}
		m.s.rows = append(m.s.rows, w)
	}
}

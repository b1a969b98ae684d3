package codec

import (
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// said is what a frame has said so far, to which what follows refers.
type said struct {
	columns []rail
	texts   []place // by number, with room for all that the frame can have
	count   uint    // of texts, mostTexts at most
	times   [2]told // of Time and Seen
	offset  int64
	total   int    // bytes of all texts and names that events say
	apart   int    // of those of columns, less those of texts that have no number
	sizes   []int  // what of total each event says
	first   int    // place of the first event in its batch
	fields  uint64 // of all events
}

// place is where a text lies in a frame.
type place struct{ at, n uint32 }

// rail is a column as the decoder sees it.
type rail struct {
	name string // below the key
	next uint32 // the column that last came behind
	key  schema.Key
	kind event.Kind
}

// begin forgets what the frame before said; this one has size bytes, and its events come
// behind so many of their batch.
func (s *said) begin(size, events int) {
	if most := min(size/2, mostTexts); len(s.texts) < most { // a text that is no number takes two bytes
		s.texts = make([]place, most)
	}
	s.columns, s.count = append(s.columns[:0], rail{}), 0
	s.times, s.offset, s.total, s.apart = [2]told{}, 0, 0, 0
	s.sizes, s.first, s.fields = s.sizes[:0], events, 0
}

// again is how many bytes of the texts and names are not written again.
func (s *said) again() int {
	n := s.total + s.apart
	for _, w := range s.texts[:s.count] {
		n -= int(w.n)
	}
	return n
}

// third reads one event of version 3 to where it stays.
func (d *Decoder) third(r *reader, e *event.Event, shareds []event.Fields, b *event.Batch) {
	copy(e.ID[:], r.take(len(e.ID)))
	e.Time, e.Seen = d.said.times[0].read(r), d.said.times[1].read(r)
	e.Dataset, e.Decode = d.text(r, r.uvarint()), d.text(r, r.uvarint())
	d.counts(r, e)
	e.Shared = r.set(shareds)
	e.Fields = d.fields(r, b)
	e.Raw = r.str()
}

// counts reads how many records an event is of, and its offset.
func (d *Decoder) counts(r *reader, e *event.Event) {
	e.Records = uint32(r.uvarint())
	d.said.offset += r.varint()
	e.Offset = d.said.offset
}

// told is the last time that there was.
type told struct {
	t       time.Time
	seconds int64
}

func (l *told) read(r *reader) time.Time {
	n := uint64(0)
	switch r.byte() {
	case noTime:
		return time.Time{}
	case sameTime:
		return l.t
	case milliTime:
		l.seconds += r.varint()
		n = r.uvarint() % 1e3 * 1e6
	case nanoTime:
		l.seconds += r.varint()
		n = r.uvarint() % 1e9
	default:
		r.fail()
	}
	l.t = time.Unix(l.seconds, int64(n)).UTC()
	return l.t
}

// fields reads the fields of an event.
func (d *Decoder) fields(r *reader, b *event.Batch) event.Fields {
	n := r.count(1)
	if n == 0 {
		return nil
	}
	d.said.fields += uint64(n)
	f := b.Take(nil, n)[:n]
	return f[:d.some(r, f)]
}

// some reads fields to where they stay and returns how many there are.
func (d *Decoder) some(r *reader, f event.Fields) int {
	last := uint32(0)
	for i := 0; i < len(f); {
		if i, last = d.short(r, f, i, last); i == len(f) {
			break
		}
		there := false
		if there, last = d.field(r, &f[i], last); r.bad {
			return 0
		}
		if there {
			i++
		} else {
			f = f[:len(f)-1]
		}
	}
	return len(f)
}

// short reads fields to where they stay, from i on, as long as they are what most are, a
// text whose number has at most two bytes, of the column that is to be expected or of one that
// was there: it looks at each byte once and calls nothing. It returns how far it has come.
func (d *Decoder) short(r *reader, f []event.Field, i int, last uint32) (int, uint32) {
	s, at := r.s, r.at
	columns, texts, count := d.said.columns, d.said.texts, d.said.count
	from, total := &columns[last], 0
	for ; i < len(f) && at+4 <= len(s); i++ {
		next := from.next
		n, p := uint(s[at]), at+1
		if n == otherColumn {
			if next = uint32(s[p]) - firstColumn + 1; next == 0 || next >= uint32(len(columns)) || s[p] >= 0x80 {
				break
			}
			n, p = uint(s[p+1]), p+2
		}
		if n >= 0x80 {
			n = n&0x7f | uint(s[p])<<7
			p++
		}
		c, k := &columns[next], n/2-1
		if n <= ownText && n != knownText || n >= 0x80<<7 || c.kind != event.KindString {
			break
		}
		var text string
		if n&1 == 0 {
			if k >= count {
				break
			}
			w := texts[k]
			text = s[w.at:][:w.n]
		} else {
			if k > uint(len(s)-p) || count >= mostTexts {
				break
			}
			text = s[p:][:k]
			texts[count] = place{uint32(p), uint32(k)}
			count++
			p += int(k)
		}
		f[i].Put(c.key, c.name, text)
		total += len(c.name) + len(text)
		from.next = next
		at, last, from = p, next, c
	}
	r.at, d.said.count = at, count
	d.said.total += total
	return i, last
}

// field reads one field to where it stays and returns its column; false says that there
// is none.
func (d *Decoder) field(r *reader, f *event.Field, last uint32) (bool, uint32) {
	next := d.said.columns[last].next
	c := d.said.columns[next]
	n := r.uvarint()
	if n == otherColumn {
		switch k := r.uvarint(); {
		case k == noColumn:
			return false, last
		case k == onceColumn:
			c, next = d.define(r), last
		case k-firstColumn < uint64(len(d.said.columns)-1):
			next = uint32(k - firstColumn + 1)
			c = d.said.columns[next]
			d.said.columns[last].next = next
		case k-firstColumn == uint64(len(d.said.columns)-1) && len(d.said.columns) <= mostColumns:
			next, c = uint32(len(d.said.columns)), d.define(r)
			d.said.columns = append(d.said.columns, c)
			d.said.columns[last].next = next
		default:
			r.fail()
		}
		n = r.uvarint()
	}
	switch {
	case r.bad || c.kind == event.KindNone || n == otherColumn:
		r.fail()
	case n == otherValue && c.kind != event.KindString && c.kind != event.KindIP:
		*f = event.NewField(c.key, c.name, r.value(c.kind))
	case n == otherValue || c.kind != event.KindString && c.kind != event.KindIP:
		r.fail()
	default:
		*f = event.NewField(c.key, c.name, textual(c.kind, d.text(r, n)))
	}
	d.said.total += len(c.name)
	return true, next
}

// define reads what a column is. A name that this build does not know comes under labels.
func (d *Decoder) define(r *reader) rail {
	was := d.said.total
	c, name := d.met(d.text(r, r.uvarint())), d.text(r, r.uvarint())
	d.said.apart += d.said.total - was
	d.said.total = was
	kind := event.Kind(r.byte())
	if kind > event.KindIP {
		r.fail()
	}
	if c.alien != "" {
		name = r.below(c.alien, name)
	}
	return rail{name: name, key: c.key, kind: kind}
}

// met is column by way of the names that frames before this one had: all have nearly the same.
func (d *Decoder) met(name string) column {
	if name == "" {
		return d.column(name)
	}
	was := &d.were[(len(name)*31+int(name[len(name)-1])*7+int(name[len(name)/2]))%len(d.were)]
	if was.String() != name {
		c := d.column(name)
		if c.alien != "" {
			return c
		}
		*was = c.key
	}
	return column{key: *was}
}

// text reads the text whose number is n.
func (d *Decoder) text(r *reader, n uint64) string {
	switch k := n/2 - 1; {
	case n < knownText:
		r.fail()
	case n&1 == 0 && k < uint64(d.said.count):
		w := d.said.texts[k]
		d.said.total += int(w.n)
		return r.s[w.at:][:w.n]
	case n&1 == 0 || k > uint64(len(r.s)-r.at):
		r.fail()
	default:
		if d.said.total += int(k); k > 0 && d.said.count < mostTexts {
			d.said.texts[d.said.count] = place{uint32(r.at), uint32(k)}
			d.said.count++
		} else {
			d.said.apart -= int(k)
		}
		return r.take(int(k))
	}
	return ""
}

// textual is a string or an address.
func textual(kind event.Kind, s string) event.Value {
	if kind == event.KindIP {
		if v, ok := event.IP(s); ok {
			return v
		}
	}
	return event.String(s)
}

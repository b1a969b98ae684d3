package codec

import (
	"encoding/binary"

	"tallyman/pipeline/event"
)

// What comes behind the number 0 of a field that is to be like that of a model.
const (
	absent   = 0 // there is no field
	inserted = 1 // fields that the model does not have
	further  = 2 // how many more there are like the one before
	gone     = 2 // and greater: 2 + how many of the model's there are not
)

const (
	// fewFields and mostFields, the latter for each byte, are how many fields the events of a frame
	// have up to one that is like another: without a bound some bytes for each event, which is what
	// those that say nothing new take, might stand for any amount of memory.
	fewFields, mostFields = 1 << 12, 4
	// atOnce is how many fields are looked at, or made as a model's, at once.
	atOnce = 128
	// leastEvent is what an event takes at least.
	leastEvent = 16 + 7
)

// event reads one event to where it stays.
func (d *Decoder) event(r *reader, e *event.Event, shareds []event.Fields, b *event.Batch) {
	was := d.said.total
	copy(e.ID[:], r.take(len(e.ID)))
	e.Time, e.Seen = d.said.times[0].read(r), d.said.times[1].read(r)
	switch back := r.uvarint(); {
	case back == 0:
		e.Dataset, e.Decode = d.text(r, r.uvarint()), d.text(r, r.uvarint())
		e.Shared = r.set(shareds)
		d.counts(r, e)
		e.Fields = d.fields(r, b)
	case back > uint64(len(d.said.sizes)):
		r.fail()
	default:
		n := len(d.said.sizes) - int(back)
		model := &b.Events[d.said.first+n]
		d.said.total += d.said.sizes[n]
		e.Dataset, e.Decode, e.Shared = model.Dataset, model.Decode, model.Shared
		d.counts(r, e)
		e.Fields = d.likes(r, model.Fields, b)
	}
	e.Raw = r.str()
	d.said.sizes = append(d.said.sizes, d.said.total-was)
}

// likes reads the fields of an event that is like another one.
func (d *Decoder) likes(r *reader, model event.Fields, b *event.Batch) event.Fields {
	n, most := r.uvarint(), fewFields+mostFields*uint64(r.at)
	if n > most || d.said.fields > most-n {
		r.fail()
		return nil
	}
	d.said.fields += n
	l := liked{f: b.Take(nil, int(n))[:n], model: model}
	l.begin()
	for l.i < len(l.f) {
		if l.i == l.to {
			l.begin()
		}
		if l.i = d.alike(r, l.f[:l.to], l.i); l.i == len(l.f) {
			break
		}
		if l.i == l.to && len(l.rest()) > 0 {
			continue // what comes next is to be made as the model's first
		}
		c := r.uvarint()
		switch {
		case c == 0:
			d.unlike(r, &l)
		case c&3 == 0:
			l.same(r, c>>2)
		case l.i == l.to:
			r.fail()
		default:
			d.other(r, &l.f[l.i], c)
			l.i++
		}
		if r.bad {
			return nil
		}
	}
	d.less(l.rest())
	if len(l.f) == 0 {
		return nil
	}
	return l.f
}

// liked is a list of fields that becomes like another one.
type liked struct {
	f, model event.Fields
	i        int // how far it has come
	ahead    int // by how much model is ahead of it
	to       int // up to where it is as the model
}

// begin makes what comes next as the model's, not all at once: it may be found soon to be other.
func (l *liked) begin() {
	to := l.f[l.i:]
	l.to = l.i + copy(to[:min(len(to), atOnce)], l.rest())
}

// same passes over n fields that are as the model's.
func (l *liked) same(r *reader, n uint64) {
	for n > uint64(l.to-l.i) {
		n -= uint64(l.to - l.i)
		l.i = l.to
		if l.begin(); l.i == l.to {
			r.fail()
			return
		}
	}
	l.i += int(n)
}

// rest is what comes next in the model.
func (l *liked) rest() event.Fields { return l.model[l.i+l.ahead:] }

// less is told which fields of a model an event does not have.
func (d *Decoder) less(f event.Fields) {
	for i := range f {
		d.said.total -= f[i].NameLen() + f[i].Len()
	}
}

// alike reads fields to where those of their model stand, from i on, as long as they are what
// most are, the same or of another text whose number has at most two bytes: it calls nothing.
// It returns how far it has come.
func (d *Decoder) alike(r *reader, f []event.Field, i int) int {
	s, at := r.s, r.at
	texts, count, total := d.said.texts, d.said.count, 0
	for i < len(f) && at+2 <= len(s) {
		c, p := uint(s[at]), at+1
		if c >= 0x80 {
			c = c&0x7f | uint(s[p])<<7
			p++
		}
		if c < 2 || c >= 0x80<<7 && c&1 == 0 {
			break
		}
		if c&3 == 0 {
			if i += int(c >> 2); i > len(f) {
				i -= int(c >> 2)
				break
			}
			at = p
			continue
		}
		x := &f[i]
		if kind := x.Kind(); kind != event.KindString {
			if kind == event.KindIP || kind == event.KindBool || c&1 == 0 {
				break
			}
			if c, p = longer(s, c, p); p == 0 {
				break
			}
			c >>= 1
			x.SetBits(x.Bits() + uint64(c>>1^-(c&1)))
			at = p
			i++
			continue
		}
		if c >= 0x80<<7 {
			break
		}
		var text string
		if c&1 == 0 {
			if c>>2 >= count {
				break
			}
			w := texts[c>>2]
			text = s[w.at:][:w.n]
		} else {
			k := c >> 1
			if k > uint(len(s)-p) || count >= mostTexts {
				break
			}
			text = s[p:][:k]
			texts[count] = place{uint32(p), uint32(k)}
			count++
			p += int(k)
		}
		total += len(text) - int(x.Bits())
		x.SetText(text)
		at = p
		i++
	}
	r.at, d.said.count = at, count
	d.said.total += total
	return i
}

// longer reads the rest of a number of which two bytes are read and which goes on at p, and
// returns where it ends.
func longer(s string, c uint, p int) (uint, int) {
	if c < 0x80<<7 {
		return c, p
	}
	c &= 0x80<<7 - 1
	for shift := 14; p < len(s) && shift < 63; shift += 7 {
		c |= uint(s[p]&0x7f) << shift
		if p++; s[p-1] < 0x80 {
			return c, p
		}
	}
	return 0, 0
}

// other reads what is other in a field that stands as its model's.
func (d *Decoder) other(r *reader, x *event.Field, c uint64) {
	switch kind := x.Kind(); {
	case kind == event.KindString || kind == event.KindIP:
		d.said.total -= x.Len()
		switch {
		case c&1 == 1:
			c += ownText - 1
		case c&2 == 2:
			c = c>>1 - 1 + knownText
		default:
			r.fail()
			return
		}
		x.SetValue(textual(kind, d.text(r, c)))
	case c&1 == 1:
		c >>= 1
		x.SetBits(x.Bits() + (c>>1 ^ -(c & 1)))
	case c == 2:
		if s := r.take(8); s != "" {
			x.SetBits(binary.LittleEndian.Uint64([]byte(s)))
		}
	default:
		r.fail()
	}
	if x.Kind() == event.KindBool && x.Bits() > 1 {
		r.fail()
	}
}

// unlike reads what is there or not there other than in the model.
func (d *Decoder) unlike(r *reader, l *liked) {
	switch k := r.uvarint(); {
	case k == absent:
		l.f = l.f[:len(l.f)-1]
		l.to = min(l.to, len(l.f))
	case k == inserted:
		n := r.uvarint()
		if n == 0 || n > uint64(len(l.f)-l.i) {
			r.fail()
			return
		}
		there := d.some(r, l.f[l.i:][:n])
		l.i, l.ahead, l.f = l.i+there, l.ahead-there, l.f[:len(l.f)-int(n)+there]
		l.begin()
	case k == further:
		n := r.uvarint()
		if l.i == 0 || n == 0 || n > uint64(len(l.f)-l.i) {
			r.fail()
			return
		}
		last := &l.f[l.i-1]
		for ; n > 0 && !r.bad; n-- {
			l.f[l.i] = *last
			d.said.total += last.NameLen() + last.Len()
			d.other(r, &l.f[l.i], r.uvarint())
			l.i++
			l.ahead--
		}
		l.begin()
	case k-gone > uint64(len(l.rest())):
		r.fail()
	default:
		d.less(l.rest()[:k-gone])
		l.ahead += int(k - gone)
		l.begin()
	}
}

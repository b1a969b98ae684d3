package json

import (
	"encoding/binary"
	"slices"

	"tallyman/pipeline/event"
)

// window is what is written to at once: the text of a step, and a short value or an
// answer of the head behind it. What is behind both is written to as well.
const window = 64

// roomMost is how much run is given to write to at most: its places have 32 bits.
const roomMost = 1 << 30

// fill appends an event by its shape; false says that it has not its form. Where
// a text is no UTF-8, c.bad says so and what is appended is of no use.
func (c *Encoder) fill(dst []byte, s *shape, e *event.Event, head uint8) ([]byte, bool) {
	now := &c.forms.now
	switch {
	case s == nil || s.odd || s.set != c.same.number || s.head != head || s.dataset != e.Dataset:
		return dst, false
	case c.part != nil:
		if !c.part.fits(now, s, e.Fields) {
			return dst, false
		}
	case !now.fits(s, e.Fields):
		return dst, false
	}
	for i := 0; ; {
		most := min(cap(dst), len(dst)+roomMost)
		n, next, field, why := now.run(dst[len(dst):most:most], s.steps, i, e.Fields)
		dst = dst[:len(dst)+n]
		switch i = next; why {
		case stopEnd:
			return dst, true
		case stopRoom:
			dst = slices.Grow(dst, (len(s.steps)-i)*window/2+window)
		case stopValue:
			dst = c.rare(dst, s, &s.steps[i], field, e.Fields)
			i++
		}
	}
}

// stop says why run ends.
type stop uint8

const (
	stopEnd   stop = iota // all is written
	stopRoom              // there is too little for the next step
	stopValue             // a value wants more than copying
)

// rare writes what run does not, from a field on to the end of its step.
func (c *Encoder) rare(dst []byte, s *shape, p *step, field int, fields []event.Field) []byte {
	switch p.how {
	case howText:
		return c.inner(dst, fields[field].Str(), false)
	case howTexts:
		dst = c.inner(dst, fields[field].Str(), false)
		for field++; field < c.forms.now.end(p); field++ {
			dst = c.inner(append(dst, comma[:]...), fields[field].Str(), false)
		}
	case howNumber:
		return fields[field].Value().Append(dst)
	case howValue:
		return c.value(dst, fields[field].Value(), p.native, false)
	case howRow:
		return c.row(dst, fields[field:c.forms.now.end(p)], p.native)
	case howLong:
		return append(dst, s.long[p.row]...)
	case howHead, howNone, howEnd: // run does it
	}
	return dst
}

// end returns where the list of a step ends.
func (o *spot) end(p *step) int { return int(o.stop[p.row]) }

// comma is what stands between the texts of a list.
var comma = [...]byte{'"', ',', '"'}

// run writes steps to buf, from step i on, up to the first that wants more than
// copying, of which it writes what stands before its value, or before a field of
// its list. That the places in buf have 32 bits, and the end of each window is
// looked at once, lets the compiler see by itself that all is within it.
func (o *spot) run(buf []byte, steps []step, i int, fields []event.Field) (n, next, field int, why stop) {
	at := uint32(0)
	for ; ; i++ {
		p := &steps[i]
		end := int(at) + window
		if end > cap(buf) {
			return int(at), i, 0, stopRoom
		}
		w := (*[window]byte)(buf[at:end:end])
		binary.LittleEndian.PutUint64(w[0:], p.text[0])
		binary.LittleEndian.PutUint64(w[8:], p.text[1])
		binary.LittleEndian.PutUint64(w[16:], p.text[2])
		n := int(p.before & 31)
		at += uint32(n)
		if p.how > howTexts {
			switch p.how {
			case howNone:
				continue
			case howHead:
				r := &o.reply[p.row&(replies-1)]
				*(*[32]byte)(w[n : n+32]) = r.text
				at += uint32(r.n)
				continue
			case howNumber:
				if text, l := number(&fields[o.rows[p.row]]); l > 0 {
					binary.LittleEndian.PutUint64(w[n:], text)
					at += l
					continue
				}
			case howEnd:
				return int(at), i, 0, stopEnd
			}
			return int(at), i, int(o.rows[p.row]), stopValue
		}
		for field := int(o.rows[p.row]); ; {
			str := fields[field].Str()
			l := len(str)
			switch {
			case l < 4:
				if l > 0 {
					a, b, d := str[0], str[l>>1], str[l-1]
					w[n], w[n+l>>1], w[n+l-1] = a, b, d
					if !plain[a] || !plain[b] || !plain[d] {
						return int(at), i, field, stopValue
					}
				}
			case l < 8:
				a, b := half(str), half(str[l-4:])
				binary.LittleEndian.PutUint32(w[n:], a)
				binary.LittleEndian.PutUint32(w[n+l-4:], b)
				if odd(uint64(a)|uint64(b)<<32) != 0 {
					return int(at), i, field, stopValue
				}
			case l <= 16:
				a, b := word(str), word(str[l-8:])
				binary.LittleEndian.PutUint64(w[n:], a)
				binary.LittleEndian.PutUint64(w[n+l-8:], b)
				if odd(a)|odd(b) != 0 {
					return int(at), i, field, stopValue
				}
			case int(at)+l+window > cap(buf) || !copyClean(buf[at:cap(buf)], str):
				return int(at), i, field, stopValue
			}
			at += uint32(l)
			if p.how == howText {
				break
			}
			if field++; field >= o.end(p) {
				break
			}
			end := int(at) + len(comma)
			*(*[len(comma)]byte)(buf[at:end:end]) = comma
			at, n = uint32(end), 0
			if end += window; end > cap(buf) {
				return int(at), i, field, stopValue
			}
			w = (*[window]byte)(buf[at:end:end])
		}
	}
}

// number returns the digits of a number, the first in the lowest byte, and how many
// they are: 0 where it is no number that is written so.
func number(f *event.Field) (text uint64, l uint32) {
	n, ok := f.Value().Uint64()
	if !ok || n >= 1e8 {
		return 0, 0
	}
	text = event.Digits(uint32(n))
	zeros := event.Zeros(text)
	return text >> (8 * zeros), uint32(8 - zeros)
}

// row appends values with commas.
func (c *Encoder) row(dst []byte, fields []event.Field, native bool) []byte {
	for i := range fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = c.value(dst, fields[i].Value(), native, false)
	}
	return dst
}

// copyClean copies s, which has more than sixteen bytes, as long as it is printable
// ASCII that stands for itself, and reports whether all of it is.
func copyClean(dst []byte, s string) bool {
	n := len(s)
	dst = dst[:n]
	a, b := word(s[n-16:]), word(s[n-8:])
	binary.LittleEndian.PutUint64(dst[n-16:], a)
	binary.LittleEndian.PutUint64(dst[n-8:], b)
	bad := odd(a) | odd(b)
	for len(s) > 16 && len(dst) > 16 && bad == 0 {
		a, b = word(s), word(s[8:])
		binary.LittleEndian.PutUint64(dst, a)
		binary.LittleEndian.PutUint64(dst[8:], b)
		bad = odd(a) | odd(b)
		s, dst = s[16:], dst[16:]
	}
	return bad == 0
}

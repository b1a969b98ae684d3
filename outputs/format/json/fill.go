package json

import (
	"encoding/binary"
	"slices"

	"tallyman/pipeline/event"
)

// keptText is the most of an event that a shape keeps with its values: long ones
// are rarely the same again, and many shapes may be known.
const keptText = 8 << 10

// fill appends an event by its shape: the text of the event before, with the
// values that differ in their places. That text is then the event's.
func (c *Encoder) fill(dst []byte, s *shape, e *event.Event) []byte {
	start, rows, text := len(dst), &c.forms.rows, s.text
	buf, at := dst[:cap(dst)], len(dst)
	done, here := 0, 0 // what of text is written, and up to where it is the same
	for i := 0; ; i++ {
		if i, here = s.same(i, here, e.Fields, rows); i == len(s.steps) {
			break
		}
		p := &s.steps[i]
		n := here - done
		done = here + int(p.n)
		if p.from != fromRow || !isText(&e.Fields[rows[p.row]].Val) {
			dst = buf[:at]
			dst = append(dst, text[here-n:here]...)
			at, here = len(dst), done
			switch p.from {
			case fromHead:
				dst = c.fromHead(dst, e, p.key, false)
			case fromMany:
				dst, p.plain = c.row(dst, e.Fields[rows[p.row]:rows[p.row+1]], p.native)
				p.many = rows[p.row+1] - rows[p.row]
			default:
				dst, p.plain = c.value(dst, e.Fields[rows[p.row]].Val, p.native, false), false
			}
			p.n = int32(len(dst) - at)
			buf, at = dst[:cap(dst)], len(dst)
			continue
		}
		str := e.Fields[rows[p.row]].Val.Str()
		if at+n+len(str)+blitRoom > len(buf) {
			buf = slices.Grow(buf[:at], n+len(str)+blitRoom)
			buf = buf[:cap(buf)]
		}
		blit(buf[at:], text[here-n:], n)
		at, here = at+n, done
		buf[at] = '"'
		if p.plain = copyClean(buf[at+1:], str); p.plain {
			p.n = int32(len(str) + 2)
			at += len(str) + 2
			buf[at-1] = '"'
			continue
		}
		dst = c.text(buf[:at], str, false)
		p.n = int32(len(dst) - at)
		buf, at = dst[:cap(dst)], len(dst)
	}
	dst = buf[:at]
	dst = append(dst, text[done:len(text)-blitOver]...)
	s.keep(dst[start:])
	return dst
}

func isText(v *event.Value) bool {
	k := v.Kind()
	return k == event.KindString || k == event.KindIP
}

// same passes over the values that are those of the text, from step i on and from
// here in the text, and returns the first that is not and where it stands.
func (s *shape) same(i, here int, fields []event.Field, rows *[maxRows]int32) (step, at int) {
	text, steps := s.text, s.steps[i:]
	for k := range steps {
		p := &steps[k]
		here += int(p.before)
		if !p.plain {
			return i + k, here
		}
		end := here + int(p.n)
		row := uint(rows[p.row])
		if p.from == fromMany {
			if rows[p.row+1]-rows[p.row] != p.many || !sameList(text[here:end], fields[row:rows[p.row+1]]) {
				return i + k, here
			}
		} else if v := &fields[row].Val; !isText(v) || string(text[here+1:end-1]) != v.Str() {
			return i + k, here
		}
		here = end
	}
	return i + len(steps), here
}

// keep makes text, which is that of the steps, the text of the shape.
func (s *shape) keep(text []byte) {
	if len(text) <= keptText {
		s.text = append(s.text[:0], text...)
	} else {
		s.text = nil
		from := 0
		for i := range s.steps {
			p := &s.steps[i]
			s.text = append(s.text, text[from:from+int(p.before)]...)
			from += int(p.before + p.n)
			p.n, p.plain = 0, false
		}
		s.text = append(s.text, text[from:]...)
	}
	var over [blitOver]byte
	s.text = append(s.text, over[:]...)
}

// row appends values with commas, and reports whether they are texts that stand
// for themselves.
func (c *Encoder) row(dst []byte, fields []event.Field, native bool) ([]byte, bool) {
	all := true
	for i := range fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		v := &fields[i].Val
		str := v.Str()
		if k := v.Kind(); k != event.KindString && k != event.KindIP {
			dst, all = c.value(dst, *v, native, false), false
			continue
		}
		at, end := len(dst), len(dst)+len(str)+2
		if end > cap(dst) {
			dst = slices.Grow(dst, end-at)
		}
		dst = dst[:end]
		dst[at], dst[end-1] = '"', '"'
		if !copyClean(dst[at+1:], str) {
			dst, all = c.text(dst[:at], str, false), false
		}
	}
	return dst, all
}

// sameList reports whether text is that of these values, where it is that of as
// many texts which stand for themselves. The number matters: a value may have the end
// of a text and the start of the next in it, `a","b`, and only then are its quotes
// more than the text has.
func sameList(text []byte, fields []event.Field) bool {
	for i := range fields {
		v := &fields[i].Val
		str := v.Str()
		n := len(str)
		if k := v.Kind(); k != event.KindString && k != event.KindIP || len(text) < n+2 || text[0] != '"' || text[n+1] != '"' || string(text[1:n+1]) != str {
			return false
		}
		if text = text[n+2:]; i == len(fields)-1 {
			break
		}
		if len(text) == 0 || text[0] != ',' {
			return false
		}
		text = text[1:]
	}
	return len(text) == 0
}

// What blit may read and write behind the end of what it is to copy, and the room
// that a text in quotes needs with it.
const (
	blitOver = 32
	blitRoom = blitOver + 2
)

// blit copies the first n bytes of src to dst, in pieces of 16, so that dst and
// src have to go on for blitOver bytes more: most are a few, without a call.
func blit(dst, src []byte, n int) {
	if n > 256 {
		copy(dst[:n], src)
		return
	}
	*(*[16]byte)(dst) = *(*[16]byte)(src)
	*(*[16]byte)(dst[16:]) = *(*[16]byte)(src[16:])
	for i := 32; i < n; i += 16 {
		*(*[16]byte)(dst[i:]) = *(*[16]byte)(src[i:])
	}
}

// copyClean copies s to dst as long as it is printable ASCII that stands for
// itself, and reports whether all of it is.
func copyClean(dst []byte, s string) bool {
	n := len(s)
	dst = dst[:n]
	switch {
	case n >= 8:
		for i := 0; i+8 <= n; i += 8 {
			w := word(s[i:])
			if odd(w) != 0 {
				return false
			}
			binary.LittleEndian.PutUint64(dst[i:], w)
		}
		w := word(s[n-8:])
		binary.LittleEndian.PutUint64(dst[n-8:], w)
		return odd(w) == 0
	case n >= 4:
		a, b := half(s), half(s[n-4:])
		binary.LittleEndian.PutUint32(dst, a)
		binary.LittleEndian.PutUint32(dst[n-4:], b)
		return odd(uint64(a)|uint64(b)<<32) == 0
	}
	for i := range n {
		if dst[i] = s[i]; !plain[s[i]] {
			return false
		}
	}
	return true
}

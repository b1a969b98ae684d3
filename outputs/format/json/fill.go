package json

import (
	"encoding/binary"
	"slices"

	"tallyman/pipeline/event"
)

// fill appends an event by its shape; size is what fits says. Where a text is no
// UTF-8, c.bad says so and what is appended is of no use.
func (c *Encoder) fill(dst []byte, s *shape, e *event.Event, size int) []byte {
	// All that is written without a look at the room: the texts of the shape and of
	// the event, and its numbers. What else there is makes room again.
	size += len(s.text) + len(s.steps)*mostDigits + blitOver
	buf := slices.Grow(dst, size)
	at := len(buf)
	buf = buf[:cap(buf)]
	text, rows, fields := s.text, &c.forms.rows, e.Fields
	for i := 0; ; i++ {
		if i, at, text = plainSteps(buf, at, text, s.steps, i, fields, rows); i == len(s.steps) {
			break
		}
		p := &s.steps[i]
		switch dst = buf[:at]; p.how {
		case howText:
			dst = c.inner(dst, fields[rows[p.row]].Str(), false)
		case howTexts:
			dst = c.texts(dst, fields[rows[p.row]:rows[p.row+1]])
		case howHead:
			dst = c.fromHead(dst, e, p.key, false)
		case howValue:
			dst = c.value(dst, fields[rows[p.row]].Value(), p.native, false)
		case howRow:
			dst = c.row(dst, fields[rows[p.row]:rows[p.row+1]], p.native)
		case howNumber: // plainSteps does it
		}
		at = len(dst)
		buf = slices.Grow(dst, size)
		buf = buf[:cap(buf)]
	}
	return append(buf[:at], text[:len(text)-blitOver]...)
}

// plainSteps writes steps to buf, from step i and from at on, up to the first that
// wants more than copying: of that it writes what stands before it. It is by
// itself so that what it works with stays in registers. Slices are cut with their
// capacity: the compiler then needs no care for one that would end at the end.
func plainSteps(buf []byte, at int, text []byte, steps []step, i int, fields []event.Field, rows *[maxRows]int32) (next, end int, rest []byte) {
	from := 0 // in text
	for ; i < len(steps); i++ {
		p := &steps[i]
		n := int(p.before)
		if n > len(piece{}) {
			copy(buf[at:], text[from:from+n])
		} else {
			src := (*piece)(text[from : from+len(piece{}) : from+len(piece{})])
			dst := (*piece)(buf[at : at+len(piece{}) : at+len(piece{})])
			first, second := *(*[16]byte)(src[:16]), *(*[16]byte)(src[16:])
			*(*[16]byte)(dst[:16]), *(*[16]byte)(dst[16:]) = first, second
		}
		from, at = from+n, at+n
		if p.how == howText {
			str := fields[rows[p.row]].Str()
			if !copyClean(buf, at, str) {
				break
			}
			at += len(str)
			continue
		}
		if p.how != howNumber {
			break
		}
		at = len(fields[rows[p.row]].Value().Append(buf[:at]))
	}
	return i, at, text[from:]
}

// piece is what is copied at once: what stands between two values is mostly no
// longer.
type piece [32]byte

// texts appends what stands between the first and the last quote of a list of texts.
func (c *Encoder) texts(dst []byte, fields []event.Field) []byte {
	for i := range fields {
		if i > 0 {
			dst = append(dst, `","`...)
		}
		str := fields[i].Str()
		at := len(dst)
		dst = slices.Grow(dst, len(str))
		if copyClean(dst[:at+len(str)], at, str) {
			dst = dst[:at+len(str)]
		} else {
			dst = c.inner(dst[:at], str, false)
		}
	}
	return dst
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

// mostDigits is the room of the longest number.
const mostDigits = len("-9223372036854775808")

// blitOver is what may be read and written behind the end of what is copied.
const blitOver = len(piece{})

// copyClean copies s to where at is in dst as long as it is printable ASCII that
// stands for itself, and reports whether all of it is.
func copyClean(dst []byte, at int, s string) bool {
	n := len(s)
	end := at + n
	switch {
	case n >= 8:
		for i := 8; i <= n; i += 8 {
			w := word(s[i-8 : i])
			if odd(w) != 0 {
				return false
			}
			binary.LittleEndian.PutUint64(dst[at:at+8:at+8], w)
			at += 8
		}
		w := word(s[n-8:])
		binary.LittleEndian.PutUint64(dst[end-8:end:end], w)
		return odd(w) == 0
	case n >= 4:
		a, b := half(s), half(s[n-4:])
		binary.LittleEndian.PutUint32(dst[at:at+4:at+4], a)
		binary.LittleEndian.PutUint32(dst[end-4:end:end], b)
		return odd(uint64(a)|uint64(b)<<32) == 0
	}
	dst = dst[at:end]
	for i := range dst {
		if dst[i] = s[i]; !plain[s[i]] {
			return false
		}
	}
	return true
}

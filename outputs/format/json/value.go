package json

import (
	"math"
	"time"
	"unicode/utf8"

	"tallyman/pipeline/event"
)

const digits = "0123456789abcdef"

// plain are the bytes that stand for themselves inside a JSON string. Those of
// characters beyond ASCII are looked at again.
var plain = func() (t [256]bool) {
	for c := range utf8.RuneSelf {
		t[c] = c >= ' ' && c != '"' && c != '\\' && c != 0x7f
	}
	return t
}()

// value appends v as JSON. Unless native, it is a text whatever it holds,
// as the schema says of ids (SCHEMA rule 2).
func (c *Encoder) value(dst []byte, v event.Value, native, esc bool) []byte {
	switch k := v.Kind(); k {
	case event.KindString, event.KindIP:
		return c.text(dst, v.Str(), esc)
	case event.KindTime:
		return appendTime(dst, v.Instant())
	case event.KindFloat:
		if f := v.Float64(); math.IsNaN(f) || math.IsInf(f, 0) {
			native = false // JSON has no such number
		}
	}
	if native {
		return v.Append(dst)
	}
	return append(v.Append(append(dst, '"')), '"')
}

// appendTime appends t in UTC with at least milliseconds and no further zeros
// (SCHEMA rule 3).
func appendTime(dst []byte, t time.Time) []byte {
	dst = t.UTC().AppendFormat(append(dst, '"'), time.RFC3339Nano)
	dst = dst[:len(dst)-1] // the Z
	switch ns := t.Nanosecond(); {
	case ns == 0:
		dst = append(dst, ".000"...)
	case ns%100_000_000 == 0:
		dst = append(dst, "00"...)
	case ns%10_000_000 == 0:
		dst = append(dst, '0')
	}
	return append(dst, 'Z', '"')
}

// date is the instant that was rendered last, for those that follow in the same
// second: many events have the very same.
type date struct {
	sec  int64
	ns   int
	text []byte // `"2006-01-02T15:04:05.999Z"`
}

// append is appendTime.
func (d *date) append(dst []byte, t time.Time) []byte {
	sec, ns := t.Unix(), t.Nanosecond()
	if d.text != nil && d.sec == sec && d.ns == ns {
		return append(dst, d.text...)
	}
	const second = len(`"2006-01-02T15:04:05`)
	if d.sec != sec || d.text == nil {
		if year := t.UTC().Year(); year < 0 || year > 9999 {
			return appendTime(dst, t)
		}
		d.text = t.UTC().AppendFormat(d.text[:0], `"2006-01-02T15:04:05`)
	}
	d.sec, d.ns = sec, ns
	frac := [...]byte{'.', 0, 0, 0, 0, 0, 0, 0, 0, 0}
	for i := 9; i > 0; i-- {
		frac[i] = byte('0' + ns%10)
		ns /= 10
	}
	end := len(frac)
	for end > 4 && frac[end-1] == '0' {
		end--
	}
	d.text = append(append(d.text[:second], frac[:end]...), 'Z', '"')
	return append(dst, d.text...)
}

// text appends s as a JSON string, with the escape of SCHEMA rule 6 where esc is
// set.
func (c *Encoder) text(dst []byte, s string, esc bool) []byte {
	return append(c.inner(append(dst, '"'), s, esc), '"')
}

// inner appends the inside of a JSON string. Where s is no UTF-8 and esc is not
// set it says so in c.bad, and what it appends is of no use.
func (c *Encoder) inner(dst []byte, s string, esc bool) []byte {
	if esc {
		return c.appendEscaped(dst, s)
	}
	n := clean(s)
	if n == len(s) {
		return append(dst, s...)
	}
	start := 0
	for i := n; i < len(s); {
		b := s[i]
		if plain[b] {
			i++
			continue
		}
		n := 1
		if b >= utf8.RuneSelf {
			var r rune
			if r, n = utf8.DecodeRuneInString(s[i:]); r > 0x9f && r != '\u2028' && r != '\u2029' {
				c.bad = c.bad || r == utf8.RuneError && n == 1
				i += n
				continue
			}
		}
		dst = appendRare(append(dst, s[start:i]...), s[i:i+n])
		i += n
		start = i
	}
	return append(dst, s[start:]...)
}

// The bytes of a word that JSON text may not hold as they are: see odd.
const low, high = 0x0101010101010101, 0x8080808080808080

// odd has a bit set where a byte of w is no printable ASCII or has to be escaped.
// A byte of each term has its high bit set where the byte of w is one that is
// looked for; of bytes behind the first such one more may be set.
func odd(w uint64) uint64 {
	quote, slash, del := w^'"'*low, w^'\\'*low, w^0x7f*low
	return (w | (w - ' '*low) | (quote - low) | (slash - low) | (del - low)) & high
}

// clean returns how many bytes at the start of s are printable ASCII that stands
// for itself. Most texts are short and clean throughout, so that their end is
// looked at in one word as well: byte by byte it took a twentieth of a run.
func clean(s string) int {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if odd(word(s[i:])) != 0 {
			break
		}
	}
	switch n := len(s); {
	case i+8 <= n: // something is odd here
	case i == n:
		return n
	case n >= 8:
		if odd(word(s[n-8:])) == 0 {
			return n
		}
	case n >= 4:
		if odd(uint64(half(s))|uint64(half(s[n-4:]))<<32) == 0 {
			return n
		}
	}
	for i < len(s) && s[i] < utf8.RuneSelf && plain[s[i]] {
		i++
	}
	return i
}

// word returns the first eight bytes of s.
func word(s string) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// half returns the first four.
func half(s string) uint32 {
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

// appendRare appends one character that must not stand for itself: those that
// JSON forbids, and those that a terminal or a script takes for a command.
func appendRare(dst []byte, s string) []byte {
	switch s[0] {
	case '"', '\\':
		return append(dst, '\\', s[0])
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	r, _ := utf8.DecodeRuneInString(s)
	return append(dst, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}

// appendEscaped appends s with \xHH for each byte that is no UTF-8 and \\ for
// each backslash, both as JSON writes them.
func (c *Encoder) appendEscaped(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(dst, '\\', '\\', 'x', digits[s[i]>>4], digits[s[i]&15])
		case r == '\\':
			dst = append(dst, `\\\\`...)
		default:
			dst = c.inner(dst, s[i:i+n], false)
		}
		i += n
	}
	return dst
}

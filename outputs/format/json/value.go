package json

import (
	"encoding/binary"
	"math"
	mathbits "math/bits"
	"slices"
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

// letters are what stands behind the backslash of the characters that have one.
var letters = [256]byte{'"': '"', '\\': '\\', '\n': 'n', '\r': 'r', '\t': 't'}

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

// reply is a value of an event's head as it is written.
type reply struct {
	text [32]byte
	n    int
}

// date is the instant that was rendered last, for those that follow in the same
// second: many events have the very same.
type date struct {
	reply // "2006-01-02T15:04:05.999Z" with its quotes
	sec   int64
	ns    int
}

// append is appendTime.
func (d *date) append(dst []byte, t time.Time) []byte {
	if !d.set(t) {
		return appendTime(dst, t)
	}
	return append(dst, d.text[:d.n]...)
}

// set renders t; false says that its year has not four digits.
func (d *date) set(t time.Time) bool {
	sec, ns := t.Unix(), t.Nanosecond()
	if d.n > 0 && d.sec == sec && d.ns == ns {
		return true
	}
	const second = len(`"2006-01-02T15:04:05`)
	if d.sec != sec || d.n == 0 {
		if year := t.UTC().Year(); year < 0 || year > 9999 {
			return false
		}
		t.UTC().AppendFormat(d.text[:0], `"2006-01-02T15:04:05`)
	}
	d.sec, d.ns = sec, ns
	frac := d.text[second:]
	frac[0] = '.'
	binary.LittleEndian.PutUint64(frac[1:], event.Digits(uint32(ns/10)))
	frac[9] = byte('0' + ns%10)
	end := len(".999999999")
	for end > len(".000") && frac[end-1] == '0' {
		end--
	}
	frac[end], frac[end+1] = 'Z', '"'
	d.n = second + end + 2
	return true
}

// The places of what the head answers in shapes.reply, and its bits in
// shape.head.
const (
	headTime = iota
	headSeen
	headID
	headOffset
	replies // a power of two
)

// ask renders what the head of an event answers, and says which of it there is; ok is
// false where a year has not four digits.
func (c *Encoder) ask(e *event.Event) (head uint8, ok bool) {
	r := &c.forms.now.reply
	if !e.Time.IsZero() {
		if !c.date[0].set(e.Time) {
			return 0, false
		}
		head, r[headTime] = 1<<headTime, c.date[0].reply
	}
	if !e.Seen.IsZero() {
		if !c.date[1].set(e.Seen) {
			return 0, false
		}
		head, r[headSeen] = head|1<<headSeen, c.date[1].reply
	}
	if !e.ID.IsZero() {
		id := &r[headID]
		id.text[0], id.text[27], id.n = '"', '"', 28
		e.ID.Put((*[26]byte)(id.text[1:27]))
		head |= 1 << headID
	}
	if c.same.offset {
		offset := &r[headOffset]
		offset.n = len(event.AppendInt(offset.text[:0], e.Offset))
	}
	return head, true
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
	for dst, s = append(dst, s[:n]...), s[n:]; s != ""; {
		for s != "" && (len(s) < 8 || s[0] >= utf8.RuneSelf) {
			dst, s = c.character(dst, s)
		}
		dst = slices.Grow(dst, len(s)+len(s)/8+window)
		n, at := escape(dst[len(dst):cap(dst)], s)
		if dst, s = dst[:len(dst)+at], s[n:]; s != "" {
			dst, s = c.character(dst, s)
		}
	}
	return dst
}

// escape copies the start of s to dst, eight bytes at once, with a backslash before what JSON
// knows a letter for: logs that are JSON themselves are full of that. It ends at a byte
// that wants something else, or where less than eight are left or too little room.
func escape(dst []byte, s string) (n, at int) {
	rest, room := s, dst
	for len(rest) >= 8 && len(room) >= 9 {
		w := word(rest)
		binary.LittleEndian.PutUint64(room, w)
		o := odd(w)
		if o == 0 {
			rest, room = rest[8:], room[8:]
			continue
		}
		ok := mathbits.TrailingZeros64(o) / 8 & 7
		letter := letters[rest[ok]]
		if letter == 0 {
			rest, room = rest[ok:], room[ok:]
			break
		}
		room[ok], room[ok+1] = '\\', letter
		rest, room = rest[ok+1:], room[ok+2:]
	}
	return len(s) - len(rest), len(dst) - len(room)
}

// character appends the first character of s, which is not empty, and returns what follows.
func (c *Encoder) character(dst []byte, s string) (out []byte, rest string) {
	b, n := s[0], 1
	if plain[b] {
		return append(dst, b), s[1:]
	}
	if b >= utf8.RuneSelf {
		var r rune
		if r, n = utf8.DecodeRuneInString(s); r > 0x9f && r != '\u2028' && r != '\u2029' {
			c.bad = c.bad || r == utf8.RuneError && n == 1
			return append(dst, s[:n]...), s[n:]
		}
	}
	return appendRare(dst, s[:n]), s[n:]
}

// The bytes of a word that JSON text may not hold as they are: see odd.
const low, high = 0x0101010101010101, 0x8080808080808080

// odd has a bit set where a byte of w is no printable ASCII or has to be escaped: at
// the first such one, and of bytes behind it at others perhaps. What is below a
// space, and the quote in its place, is told by one subtraction.
func odd(w uint64) uint64 {
	return (w | (w + low) | (w ^ 0x02*low - 0x21*low) | (w ^ '\\'*low - low)) & high
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
	if letter := letters[s[0]]; letter != 0 {
		return append(dst, '\\', letter)
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

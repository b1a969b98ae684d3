package jsonscan

import (
	"math/bits"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// usual says which bytes of a string need no look.
var usual = func() (t [256]bool) {
	for i := range t {
		t[i] = i >= 0x20 && i != '"' && i != '\\'
	}
	return t
}()

// The bytes of a word in which something is looked for: see ordinary.
const low, high = 0x0101010101010101, 0x8080808080808080

// special has the high bit of a byte set where that of a word is below a blank, a quote
// or a backslash. The first such bit is never wrong.
func special(w uint64) uint64 {
	quote, slash := w^'"'*low, w^'\\'*low
	return ((w-' '*low)&^w | (quote-low)&^quote | (slash-low)&^slash) & high
}

// ordinary returns how many bytes at the start of s need no look.
func ordinary(s string) int {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if m := special(word(s[i : i+8])); m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for i < len(s) && usual[s[i]] {
		i++
	}
	return i
}

// word returns the first eight bytes of s. Where s is known to have no more they are read
// at once, with no look at its length for each.
func word(s string) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// Quoted takes a string as it stands: the text between its quotes, and where its
// first escape is, -1 for none. Of any other value it makes an error.
func (s *Scanner) Quoted() (string, int) {
	if !s.expect('"') {
		return "", -1
	}
	from, escape := s.i, -1
	for i := from; ; i++ {
		i += ordinary(s.s[i:])
		switch {
		case i == len(s.s):
			s.fail()
			return "", -1
		case s.s[i] == '"':
			s.i = i + 1
			return s.s[from:i], escape
		case s.s[i] < ' ' || i+1 == len(s.s):
			s.fail()
			return "", -1
		}
		if escape < 0 {
			escape = i - from
		}
		if i++; s.s[i] == 'u' && !hex4(s.s[i+1:]) || s.s[i] != 'u' && strings.IndexByte(`"\/bfnrt`, s.s[i]) < 0 {
			s.fail()
			return "", -1
		}
	}
}

// Text takes a string; of any other value it makes an error.
func (s *Scanner) Text() string {
	t, escape := s.Quoted()
	if escape < 0 {
		return t
	}
	return Unescape(t, escape)
}

func hex4(s string) bool {
	if len(s) < 4 {
		return false
	}
	_, ok := unhex(s)
	return ok
}

func unhex(s string) (rune, bool) {
	r := rune(0)
	for i := range 4 {
		c := s[i]
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// Unescape resolves the escapes of a string that Quoted took; the first is at i.
// Half of a surrogate pair is U+FFFD, as with encoding/json.
func Unescape(t string, i int) string {
	var b strings.Builder
	b.Grow(len(t))
	b.WriteString(t[:i])
	for i < len(t) {
		if t[i] != '\\' {
			k := strings.IndexByte(t[i:], '\\')
			if k < 0 {
				k = len(t) - i
			}
			b.WriteString(t[i : i+k])
			i += k
			continue
		}
		c := t[i+1]
		i += 2
		if c == 'u' {
			r, _ := unhex(t[i:])
			i += 4
			if utf16.IsSurrogate(r) {
				r, i = pair(r, t, i)
			}
			b.WriteRune(r)
			continue
		}
		if k := strings.IndexByte("bfnrt", c); k >= 0 {
			c = "\b\f\n\r\t"[k]
		}
		b.WriteByte(c)
	}
	return b.String()
}

// pair joins a surrogate with the one that follows at i.
func pair(first rune, t string, i int) (rune, int) {
	if len(t)-i >= 6 && t[i] == '\\' && t[i+1] == 'u' {
		second, _ := unhex(t[i+2:])
		if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
			return r, i + 6
		}
	}
	return utf8.RuneError, i
}

package jsonscan

import (
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

// bounds finds the string that begins here: the text between its quotes, and
// where its first escape is, -1 for none.
func (s *Scanner) bounds() (string, int) {
	if !s.expect('"') {
		return "", -1
	}
	from, escape := s.i, -1
	for i := s.i; i < len(s.s); i++ {
		c := s.s[i]
		if usual[c] {
			continue
		}
		switch {
		case c == '"':
			s.i = i + 1
			return s.s[from:i], escape
		case c < 0x20 || i+1 == len(s.s):
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
	s.fail()
	return "", -1
}

// Text takes a string; of any other value it makes an error.
func (s *Scanner) Text() string {
	t, escape := s.bounds()
	if escape < 0 {
		return t
	}
	return unescape(t, escape)
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

// unescape resolves the escapes of a sound string; the first is at i. Half of a
// surrogate pair is U+FFFD, as with encoding/json.
func unescape(t string, i int) string {
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

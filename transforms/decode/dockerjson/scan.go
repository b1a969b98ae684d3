package dockerjson

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// record is what one object says. Strings are views of the line where they have
// no escapes.
type record struct {
	log, stream, time string
	attrs             string // the JSON object, as it stands
	attrCount         int    // its members whose values are texts
	hasLog            bool
	unknown           bool // there is more than what is listed here
}

// maxDepth is how deep values may be nested.
const maxDepth = 512

// scanner walks over one JSON text (RFC 8259). What is no JSON ends it: ok is
// false then. Bytes in strings that are no UTF-8 stay as they are.
type scanner struct {
	s  string
	i  int
	ok bool
}

// parse reads an object; of a name that stands twice the last value counts, as
// with encoding/json.
func parse(line string) (record, bool) {
	var r record
	s := scanner{s: line, ok: true}
	s.object(func(name string) { s.member(&r, name) })
	s.space()
	return r, s.ok && s.i == len(s.s)
}

func (s *scanner) member(r *record, name string) {
	text := s.peek() == '"'
	switch {
	case name == "log" && text:
		r.log, r.hasLog = s.text(), true
	case name == "log":
		r.log, r.hasLog = "", false
		s.value(0)
	case name == "stream" && text:
		r.stream = s.text()
	case name == "time" && text:
		r.time = s.text()
	case name == "attrs" && s.peek() == '{':
		from := s.i
		r.attrCount = 0
		s.object(func(string) {
			if s.peek() == '"' {
				r.attrCount++
			} else {
				r.unknown = true
			}
			s.value(1)
		})
		r.attrs = s.s[from:s.i]
	default:
		r.unknown = true
		s.value(0)
	}
}

// eachAttr calls fn for each member of a sound object whose value is a text.
func eachAttr(object string, fn func(name, value string)) {
	s := scanner{s: object, ok: true}
	s.object(func(name string) {
		if s.peek() == '"' {
			fn(name, s.text())
		} else {
			s.value(1)
		}
	})
}

func (s *scanner) fail() { s.ok, s.i = false, len(s.s) }

func (s *scanner) space() {
	for s.i < len(s.s) {
		switch s.s[s.i] {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return
		}
	}
}

// peek returns the next byte that is no space, 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.i == len(s.s) {
		return 0
	}
	return s.s[s.i]
}

// expect takes one byte.
func (s *scanner) expect(c byte) {
	if s.peek() != c {
		s.fail()
		return
	}
	s.i++
}

// object walks over an object; member has to take the value.
func (s *scanner) object(member func(name string)) {
	s.expect('{')
	if s.peek() == '}' {
		s.i++
		return
	}
	for s.ok {
		name := s.text()
		s.expect(':')
		if !s.ok {
			return
		}
		member(name)
		if s.peek() != ',' {
			s.expect('}')
			return
		}
		s.i++
	}
}

// value walks over any value.
func (s *scanner) value(depth int) {
	c := s.peek()
	switch {
	case depth > maxDepth:
		s.fail()
	case c == '{':
		s.object(func(string) { s.value(depth + 1) })
	case c == '[':
		s.array(depth)
	case c == '"':
		s.skipText()
	case c == 't':
		s.word("true")
	case c == 'f':
		s.word("false")
	case c == 'n':
		s.word("null")
	default:
		s.number()
	}
}

func (s *scanner) array(depth int) {
	s.i++
	if s.peek() == ']' {
		s.i++
		return
	}
	for s.ok {
		s.value(depth + 1)
		if s.peek() != ',' {
			s.expect(']')
			return
		}
		s.i++
	}
}

func (s *scanner) word(w string) {
	if !strings.HasPrefix(s.s[s.i:], w) {
		s.fail()
		return
	}
	s.i += len(w)
}

func (s *scanner) digits() {
	from := s.i
	for s.i < len(s.s) && s.s[s.i]-'0' <= 9 {
		s.i++
	}
	if from == s.i {
		s.fail()
	}
}

func (s *scanner) at(cs string) bool { return s.i < len(s.s) && strings.IndexByte(cs, s.s[s.i]) >= 0 }

func (s *scanner) number() {
	if s.at("-") {
		s.i++
	}
	if s.at("0") {
		s.i++
	} else {
		s.digits()
	}
	if s.at(".") {
		s.i++
		s.digits()
	}
	if s.at("eE") {
		s.i++
		if s.at("+-") {
			s.i++
		}
		s.digits()
	}
}

// plain says which bytes of a string need no look.
var plain = func() (t [256]bool) {
	for i := range t {
		t[i] = i >= 0x20 && i != '"' && i != '\\'
	}
	return t
}()

// bounds finds the string that begins here: the text between its quotes, and
// where its first escape is, -1 for none.
func (s *scanner) bounds() (string, int) {
	s.expect('"')
	from, escape := s.i, -1
	for i := s.i; i < len(s.s); i++ {
		c := s.s[i]
		if plain[c] {
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

func (s *scanner) skipText() { s.bounds() }

// text takes a string.
func (s *scanner) text() string {
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
	b := make([]byte, 0, len(t))
	b = append(b, t[:i]...)
	for i < len(t) {
		if t[i] != '\\' {
			k := strings.IndexByte(t[i:], '\\')
			if k < 0 {
				k = len(t) - i
			}
			b = append(b, t[i:i+k]...)
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
			b = utf8.AppendRune(b, r)
			continue
		}
		if k := strings.IndexByte("bfnrt", c); k >= 0 {
			c = "\b\f\n\r\t"[k]
		}
		b = append(b, c)
	}
	return string(b)
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

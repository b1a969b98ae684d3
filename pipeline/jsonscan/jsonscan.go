// Package jsonscan walks over one JSON text (RFC 8259) without building
// anything of it: who reads takes the members that matter and skips the rest. A
// string without escapes is a view of the text; nesting is bounded. It knows
// nothing of what the text means.
package jsonscan

import (
	"strconv"
	"strings"
)

// MaxDepth is how deep values may be nested; what is deeper is no JSON here.
const MaxDepth = 512

// Scanner stands at one place of a text. After the first thing that is no JSON
// it stays at the end: everything it takes is empty, and OK says no. Bytes in
// strings that are no UTF-8 stay as they are.
type Scanner struct {
	s     string
	i     int
	depth int
	wrong int // where the first thing is that is no JSON
	bad   bool
}

// New returns a scanner at the start of a text.
func New(text string) Scanner { return Scanner{s: text} }

// OK reports whether all that was taken is JSON.
func (s *Scanner) OK() bool { return !s.bad }

// Done reports whether all was JSON and nothing but space follows.
func (s *Scanner) Done() bool {
	s.space()
	return !s.bad && s.i == len(s.s)
}

// At is where the scanner stands, in bytes; after Peek, at the next value.
func (s *Scanner) At() int { return s.i }

// Since returns the text from a place that At gave up to here.
func (s *Scanner) Since(from int) string {
	if s.bad {
		return ""
	}
	return s.s[from:s.i]
}

// ErrorAt is where the first thing stands that is no JSON, in bytes.
func (s *Scanner) ErrorAt() int { return s.wrong }

func (s *Scanner) fail() {
	if !s.bad {
		s.wrong = s.i
	}
	s.bad, s.i = true, len(s.s)
}

func (s *Scanner) space() {
	for s.i < len(s.s) {
		switch s.s[s.i] {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return
		}
	}
}

// Peek returns the next byte that is no space, 0 at the end: it tells the type
// of the value that comes.
func (s *Scanner) Peek() byte {
	s.space()
	if s.i == len(s.s) {
		return 0
	}
	return s.s[s.i]
}

func (s *Scanner) expect(c byte) bool {
	if s.Peek() != c {
		s.fail()
		return false
	}
	s.i++
	return true
}

// enter begins an object or an array; false says that it is empty, or no JSON.
func (s *Scanner) enter(open, end byte) bool {
	if s.depth >= MaxDepth {
		s.fail()
		return false
	}
	if !s.expect(open) {
		return false
	}
	if s.Peek() == end {
		s.i++
		return false
	}
	s.depth++
	return true
}

// more goes on to the next member or item; false says that it was the last.
func (s *Scanner) more(end byte) bool {
	if s.bad {
		s.depth--
		return false
	}
	if s.Peek() == ',' {
		s.i++
		return true
	}
	s.depth--
	s.expect(end)
	return false
}

// Object walks over an object. Member has to take the value; a name that stands
// twice comes twice.
func (s *Scanner) Object(member func(name string)) {
	if !s.enter('{', '}') {
		return
	}
	for {
		name := s.Text()
		if s.expect(':') {
			member(name)
		}
		if !s.more('}') {
			return
		}
	}
}

// Array walks over an array. Item has to take the value.
func (s *Scanner) Array(item func()) {
	if !s.enter('[', ']') {
		return
	}
	for {
		item()
		if !s.more(']') {
			return
		}
	}
}

// Members walks over the value that comes where it is an object, and skips any
// other.
func (s *Scanner) Members(member func(name string)) bool {
	if s.Peek() != '{' {
		s.Skip()
		return false
	}
	s.Object(member)
	return true
}

// Items walks over the value that comes where it is an array, and skips any
// other.
func (s *Scanner) Items(item func()) bool {
	if s.Peek() != '[' {
		s.Skip()
		return false
	}
	s.Array(item)
	return true
}

// Skip takes any value.
func (s *Scanner) Skip() {
	switch s.Peek() {
	case '{':
		if s.enter('{', '}') {
			s.skipMember()
			for s.more('}') {
				s.skipMember()
			}
		}
	case '[':
		if s.enter('[', ']') {
			s.Skip()
			for s.more(']') {
				s.Skip()
			}
		}
	case '"':
		s.Quoted()
	case 't':
		s.word("true")
	case 'f':
		s.word("false")
	case 'n':
		s.word("null")
	default:
		s.number()
	}
}

func (s *Scanner) skipMember() {
	s.Quoted()
	if s.expect(':') {
		s.Skip()
	}
}

// Raw takes any value and returns it as it stands.
func (s *Scanner) Raw() string {
	s.space()
	from := s.i
	if s.Skip(); s.bad {
		return ""
	}
	return s.s[from:s.i]
}

// Str takes any value; ok says that it was a string.
func (s *Scanner) Str() (text string, ok bool) {
	if s.Peek() != '"' {
		s.Skip()
		return "", false
	}
	return s.Text(), !s.bad
}

// Bool takes any value; ok says that it was true or false.
func (s *Scanner) Bool() (v, ok bool) {
	c := s.Peek()
	s.Skip()
	return c == 't', !s.bad && (c == 't' || c == 'f')
}

// Int takes any value; ok says that it was a whole number of 64 bits.
func (s *Scanner) Int() (n int64, ok bool) {
	c := s.Peek()
	raw := s.Raw()
	if c != '-' && c-'0' > 9 {
		return 0, false
	}
	n, err := strconv.ParseInt(raw, 10, 64)
	return n, err == nil
}

func (s *Scanner) word(w string) {
	if !strings.HasPrefix(s.s[s.i:], w) {
		s.fail()
		return
	}
	s.i += len(w)
}

func (s *Scanner) digits() {
	from := s.i
	for s.i < len(s.s) && s.s[s.i]-'0' <= 9 {
		s.i++
	}
	if from == s.i {
		s.fail()
	}
}

func (s *Scanner) at(cs string) bool { return s.i < len(s.s) && strings.IndexByte(cs, s.s[s.i]) >= 0 }

func (s *Scanner) number() {
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

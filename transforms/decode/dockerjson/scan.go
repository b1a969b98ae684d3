package dockerjson

import "strings"

// record is what one object says. Strings are views of the line where they have
// no escapes.
type record struct {
	log, stream, time string // log without the line end that says it is complete
	attrs             string // the JSON object, as it stands
	attrCount         int    // its members whose values are texts
	hasLog, last      bool   // last: log ended with that line end
	unknown           bool   // there is more than what is listed here
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
		r.log, r.last = s.line()
		r.hasLog = true
	case name == "log":
		r.log, r.last, r.hasLog = "", false, false
		s.value(0)
	case name == "stream":
		r.stream = s.textOr(r, text)
	case name == "time":
		r.time = s.textOr(r, text)
	case name == "attrs":
		s.attributes(r)
	default:
		r.unknown = true
		s.value(0)
	}
}

// textOr takes a string; what is none is more than we know.
func (s *scanner) textOr(r *record, text bool) string {
	if text {
		return s.text()
	}
	r.unknown = true
	s.value(0)
	return ""
}

func (s *scanner) attributes(r *record) {
	r.attrs, r.attrCount = "", 0
	if s.peek() != '{' {
		r.unknown = true
		s.value(0)
		return
	}
	from := s.i
	s.object(func(string) {
		if s.peek() == '"' {
			r.attrCount++
		} else {
			r.unknown = true
		}
		s.value(1)
	})
	r.attrs = s.s[from:s.i]
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

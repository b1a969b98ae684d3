package dockerjson

import (
	"strings"

	"tallyman/pipeline/jsonscan"
)

// record is what one object says. Strings are views of the line where they have
// no escapes.
type record struct {
	log, stream, time string // log without the line end that says it is complete
	attrs             string // the JSON object, as it stands
	attrCount         int    // its members whose values are texts
	hasLog, last      bool   // last: log ended with that line end
	unknown           bool   // there is more than what is listed here
}

// parse reads an object; of a name that stands twice the last value counts, as
// with encoding/json.
func parse(line string) (record, bool) {
	if r, ok := usual(line); ok {
		return r, true
	}
	var r record
	s := jsonscan.New(line)
	s.Object(func(name string) { r.member(&s, name) })
	return r, s.Done()
}

// usual reads an object as the driver writes nearly all of them, its three members
// in their order and nothing between them; false says that this one is none.
func usual(line string) (r record, ok bool) {
	const log, stream, at, end = `{"log":`, `,"stream":"`, `","time":"`, `"}`
	if !strings.HasPrefix(line, log) || !strings.HasSuffix(line, end) {
		return r, false
	}
	s := jsonscan.New(line[len(log):])
	text, escape := s.Quoted()
	rest, found := strings.CutPrefix(line[len(log)+s.At():], stream)
	if !found || !s.OK() {
		return r, false
	}
	i := strings.IndexByte(rest, '"')
	if i < 0 || !plain(rest[:i]) || !strings.HasPrefix(rest[i:], at) {
		return r, false
	}
	r.stream, rest = rest[:i], rest[i+len(at):]
	if len(rest) < len(end) || !plain(rest[:len(rest)-len(end)]) {
		return r, false
	}
	r.time = rest[:len(rest)-len(end)]
	r.log, r.last = cutEnd(text, escape)
	r.hasLog = true
	return r, true
}

// plain reports whether a text has nothing that JSON would escape, and nothing
// that ends it.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return true
}

func (r *record) member(s *jsonscan.Scanner, name string) {
	text := s.Peek() == '"'
	switch {
	case name == "log" && text:
		r.log, r.last = cutEnd(s.Quoted())
		r.hasLog = true
	case name == "log":
		r.log, r.last, r.hasLog = "", false, false
		s.Skip()
	case name == "stream":
		r.stream = r.text(s)
	case name == "time":
		r.time = r.text(s)
	case name == "attrs":
		r.attributes(s)
	default:
		r.unknown = true
		s.Skip()
	}
}

// text takes a string; what is none is more than we know.
func (r *record) text(s *jsonscan.Scanner) string {
	text, ok := s.Str()
	r.unknown = r.unknown || !ok
	return text
}

func (r *record) attributes(s *jsonscan.Scanner) {
	r.attrs, r.attrCount = "", 0
	s.Peek()
	from := s.At()
	if !s.Members(func(string) {
		if s.Peek() == '"' {
			r.attrCount++
		} else {
			r.unknown = true
		}
		s.Skip()
	}) {
		r.unknown = true
		return
	}
	r.attrs = s.Since(from)
}

// eachAttr calls fn for each member of a sound object whose value is a text.
func eachAttr(object string, fn func(name, value string)) {
	s := jsonscan.New(object)
	s.Object(func(name string) {
		if value, ok := s.Str(); ok {
			fn(name, value)
		}
	})
}

// cutEnd makes a line of a string that stands in quotes, with the place of its first
// escape, and says whether it had its end. Most have no other escape than that, and
// are views.
func cutEnd(t string, escape int) (string, bool) {
	if escape >= 0 && escape == len(t)-2 && t[escape+1] == 'n' {
		return t[:escape], true
	}
	if escape >= 0 {
		t = jsonscan.Unescape(t, escape)
	}
	return strings.CutSuffix(t, "\n")
}

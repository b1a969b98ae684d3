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
func (t *texts) parse(line string) (record, bool) {
	if r, ok := t.usual(line); ok {
		return r, true
	}
	var r record
	s := jsonscan.New(line)
	s.Object(func(name string) { t.member(&r, &s, name) })
	return r, s.Done()
}

// texts is the memory of lines that had escapes: most of them lie in a row in one
// allocation. What lies in it lives as long as any of them.
type texts struct{ b strings.Builder }

// textsRoom is how many bytes are allocated at once.
const textsRoom = 32 << 10

// unescape resolves the escapes of a string, the first of which is at i.
func (t *texts) unescape(s string, i int) string {
	if len(s) > textsRoom/4 {
		return jsonscan.Unescape(s, i)
	}
	if t.b.Cap()-t.b.Len() < len(s) {
		t.b.Reset()
		t.b.Grow(textsRoom)
	}
	return jsonscan.UnescapeTo(&t.b, s, i)
}

// usual reads an object as the driver writes nearly all of them, its three members
// in their order and nothing between them; false says that this one is none.
func (t *texts) usual(line string) (r record, ok bool) {
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
	r.log, r.last = t.cutEnd(text, escape)
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

func (t *texts) member(r *record, s *jsonscan.Scanner, name string) {
	text := s.Peek() == '"'
	switch {
	case name == "log" && text:
		r.log, r.last = t.cutEnd(s.Quoted())
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
func (t *texts) cutEnd(s string, escape int) (string, bool) {
	if escape >= 0 && escape == len(s)-2 && s[escape+1] == 'n' {
		return s[:escape], true
	}
	if escape >= 0 {
		s = t.unescape(s, escape)
	}
	return strings.CutSuffix(s, "\n")
}

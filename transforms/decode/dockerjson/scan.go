package dockerjson

import (
	"strings"

	"tallyman/pipeline/event"
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

// texts reads lines; those that had escapes lie in the memory of the batch that their events
// go into.
type texts struct {
	text []byte // of one line
}

// mostText is how much memory for one line is kept for those that follow.
const mostText = 32 << 10

// parse reads an object; of a name that stands twice the last value counts, as
// with encoding/json.
func (t *texts) parse(line string, out *event.Batch) (record, bool) {
	if r, ok := t.usual(line, out); ok {
		return r, true
	}
	var r record
	s := jsonscan.New(line)
	s.Object(func(name string) { t.member(&r, &s, name, out) })
	return r, s.Done()
}

// usual reads an object as the driver writes nearly all of them, its three members
// in their order and nothing between them; false says that this one is none.
func (t *texts) usual(line string, out *event.Batch) (r record, ok bool) {
	const log, stdout, stderr, stream, at, end = `{"log":"`, `,"stream":"stdout","time":"`, `,"stream":"stderr","time":"`, `,"stream":"`, `","time":"`, `"}`
	rest, ok := strings.CutPrefix(line, log)
	if !ok {
		return r, false
	}
	if rest, ok = t.line(&r, rest, out); !ok {
		return r, false
	}
	switch {
	case strings.HasPrefix(rest, stdout):
		r.stream, rest = "stdout", rest[len(stdout):]
	case strings.HasPrefix(rest, stderr):
		r.stream, rest = "stderr", rest[len(stderr):]
	default:
		if rest, ok = strings.CutPrefix(rest, stream); !ok {
			return r, false
		}
		n := jsonscan.Plain(rest)
		if !strings.HasPrefix(rest[n:], at) {
			return r, false
		}
		r.stream, rest = rest[:n], rest[n+len(at):]
	}
	n := jsonscan.Plain(rest)
	r.time, r.hasLog = rest[:n], true
	return r, rest[n:] == end
}

// line reads the text of a line behind its quote, and returns what follows the quote at
// its end. Most have no other escape than that of the line end, and are views.
func (t *texts) line(r *record, s string, out *event.Batch) (rest string, ok bool) {
	const end = `\n"`
	n := jsonscan.Plain(s)
	switch {
	case strings.HasPrefix(s[n:], end):
		r.log, r.last = s[:n], true
		return s[n+len(end):], true
	case strings.HasPrefix(s[n:], `"`):
		r.log, r.last = s[:n], false
		return s[n+1:], true
	}
	took := 0
	if t.text, took, ok = jsonscan.Unquote(append(t.text[:0], s[:n]...), s[n:]); !ok {
		return "", false
	}
	text := t.text
	if r.last = len(text) > 0 && text[len(text)-1] == '\n'; r.last {
		text = text[:len(text)-1]
	}
	r.log = out.Text(text)
	if cap(t.text) > mostText {
		t.text = nil
	}
	return s[n+took:], true
}

func (t *texts) member(r *record, s *jsonscan.Scanner, name string, out *event.Batch) {
	text := s.Peek() == '"'
	switch {
	case name == "log" && text:
		at := s.At()
		if s.Skip(); s.OK() {
			_, r.hasLog = t.line(r, s.Since(at)[1:], out)
		}
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

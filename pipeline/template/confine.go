package template

import (
	"strings"
	"time"

	"tallyman/pipeline/event"
)

// exampleTime is a time whose parts are all told apart, for Example.
var exampleTime = time.Date(2006, 11, 12, 13, 14, 15, 0, time.UTC)

// Rule says what a value may bring into the text that it stands in. Texts of the
// template itself are not changed: who wrote them chose them.
type Rule struct {
	bytes  *stands // nil leaves values as they are
	Absent string  // what stands for a value that the event does not have
	Value  int     // the most bytes of a value, the rest is cut; 0 for no limit
	Whole  int     // the most bytes of the whole text, the rest is cut; 0 for no limit
}

// stands has what stands for each byte of a value: for its first, and for the others.
type stands struct{ first, rest [256]byte }

// standing makes the table of a function.
func standing(of func(c byte, first bool) byte) *stands {
	s := &stands{}
	for i := range s.rest {
		s.first[i], s.rest[i] = of(byte(i), true), of(byte(i), false)
	}
	return s
}

// Raw leaves values as they are: for bytes that nothing reads as a text.
func Raw() Rule { return Rule{} }

// Line keeps a value from ending a line, a header or a parameter: control
// characters become an underscore. At most so many bytes come of the template.
func Line(most int) Rule { return Rule{bytes: standing(lineByte), Whole: most} }

func lineByte(c byte, _ bool) byte {
	if c < ' ' || c == 0x7f {
		return '_'
	}
	return c
}

// Name is for names of which legal says what bytes they have: others become an
// underscore, and a value that is absent is "none".
func Name(legal func(byte) bool, most int) Rule {
	return Rule{Absent: none, Whole: most, bytes: standing(func(c byte, _ bool) byte {
		if legal(c) {
			return c
		}
		return '_'
	})}
}

// LowerName is Name with small letters in place of capitals.
func LowerName(legal func(byte) bool, most int) Rule {
	r := Name(legal, most)
	r.bytes = standing(func(c byte, _ bool) byte {
		switch {
		case c >= 'A' && c <= 'Z':
			return c + 'a' - 'A'
		case legal(c):
			return c
		}
		return '_'
	})
	return r
}

// Part makes of a value one part of a path or a key: no slash, no dot at its
// start, no control character, and nothing that tools stumble over.
func Part(most int) Rule { return Rule{bytes: standing(partByte), Absent: none, Value: most} }

const none = "none"

func partByte(c byte, first bool) byte {
	if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_=:@+,", c) >= 0 || c == '.' && !first {
		return c
	}
	return '_'
}

// Append appends the text for an event, and reports whether the rule changed a
// value.
func (t *Template) Append(dst []byte, e *event.Event, r *Rule) (_ []byte, changed bool) {
	if t == nil {
		return dst, false
	}
	start, loaded := len(dst), false
	for i := range t.pieces {
		p, at := &t.pieces[i], len(dst)
		switch {
		case p.layout != "":
			when := e.Time
			if when.IsZero() {
				when = e.Seen
			}
			dst = when.UTC().AppendFormat(dst, p.layout)
			continue
		case p.program != nil:
			if !loaded {
				t.machine.Load(e)
				loaded = true
			}
			if text, err := p.program.Text(t.machine); err == nil {
				dst = append(dst, text...)
			}
		case p.fields != nil:
			dst = p.value(e).Append(dst)
		default:
			dst = append(dst, p.text...)
			continue
		}
		var odd bool
		dst, odd = r.Confine(dst, at)
		changed = changed || odd
	}
	if r.Whole > 0 && len(dst)-start > r.Whole {
		return dst[:start+r.Whole], true
	}
	return dst, changed
}

// Confine changes the value that begins at dst[from] to what the rule lets stand,
// and reports whether it had to.
func (r *Rule) Confine(dst []byte, from int) (_ []byte, changed bool) {
	if len(dst) == from {
		return append(dst, r.Absent...), false
	}
	if r.Value > 0 && len(dst)-from > r.Value {
		dst, changed = dst[:from+r.Value], true
	}
	if r.bytes == nil {
		return dst, changed
	}
	value := dst[from:]
	was := value[0]
	value[0] = r.bytes.first[was]
	changed = changed || value[0] != was
	for i, was := range value[1:] {
		if c := r.bytes.rest[was]; c != was {
			value[1+i], changed = c, true
		}
	}
	return dst, changed
}

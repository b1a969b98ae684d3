package audit

import "strings"

// Form says how a value stood in the record; whether a bare value is hex is a
// matter of its field and is not decided here.
type Form uint8

// The forms of a value.
const (
	Bare   Form = iota // as written, up to the next field; may hold spaces ("op=adding user")
	Quoted             // in double quotes, given without them
	Body               // in apostrophes (msg='…'), given without them: fields of its own
)

// Token is one field of a record, as views of its text.
type Token struct {
	Key  string // "" for words before the first field ("avc:  denied  { read } for")
	Val  string
	Form Form
	Pos  int // where the token begins in the walked text
	End  int // one past its last byte; between two tokens stand only spaces
}

// Walk steps through the fields of a record's Body, Enriched part or msg body.
// The zero Walk is at the end; start one with NewWalk.
type Walk struct {
	s string
	i int
}

// NewWalk returns a walk over s from its start.
func NewWalk(s string) Walk { return Walk{s: s} }

// Next returns the next field in order, and false after the last. A key that
// stands twice is returned twice.
func (w *Walk) Next() (Token, bool) {
	for w.i < len(w.s) && w.s[w.i] == ' ' {
		w.i++
	}
	if w.i == len(w.s) {
		return Token{}, false
	}
	t := Token{Pos: w.i}
	if n := keyLen(w.s[w.i:]); n > 0 {
		t.Key = w.s[w.i : w.i+n]
		w.i += n + 1
	}
	from := w.i
	switch {
	case t.Key != "" && from < len(w.s) && w.s[from] == '"':
		w.i = closing(w.s, from)
		t.Form, t.Val = Quoted, inner(w.s[from:w.i], '"')
	case t.Key != "" && from < len(w.s) && w.s[from] == '\'':
		w.i = apostrophe(w.s, from)
		t.Form, t.Val = Body, inner(w.s[from:w.i], '\'')
	default:
		w.i = bareEnd(w.s, from)
		t.Val = w.s[from:w.i]
	}
	t.End = w.i
	return t, true
}

// inner cuts the marks; a text whose end mark is missing keeps only its start cut.
func inner(s string, mark byte) string {
	if n := len(s); n >= 2 && s[n-1] == mark {
		return s[1 : n-1]
	}
	return s[1:]
}

// bareEnd returns where a bare value that starts at i ends: before the spaces
// that stand before the next field, or at the end of s.
func bareEnd(s string, i int) int {
	for {
		n := strings.IndexByte(s[i:], ' ')
		if n < 0 {
			return len(s)
		}
		end := i + n
		next := end
		for next < len(s) && s[next] == ' ' {
			next++
		}
		if next == len(s) || keyLen(s[next:]) > 0 {
			return end
		}
		i = next
	}
}

// keyLen returns the length of the field name that s starts with, 0 where it
// starts with none: letters, digits and _-[]. up to an equals sign.
func keyLen(s string) int {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '=':
			return i
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9',
			c == '_', c == '-', c == '[', c == ']', c == '.':
		default:
			return 0
		}
	}
	return 0
}

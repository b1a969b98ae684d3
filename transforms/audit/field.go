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
	s   string
	i   int
	key int // the length of the name at i where it was seen already, else 0
}

// NewWalk returns a walk over s from its start.
func NewWalk(s string) Walk { return Walk{s: s} }

// Next returns the next field in order, and false after the last. A key that
// stands twice is returned twice.
func (w *Walk) Next() (Token, bool) {
	var t Token
	ok := w.next(&t)
	return t, ok
}

// next is Next without a copy of the token.
func (w *Walk) next(t *Token) bool {
	s, i := w.s, w.i
	for i < len(s) && s[i] == ' ' {
		i++
	}
	if i == len(s) {
		w.i = i
		return false
	}
	n := w.key
	if n == 0 {
		n = keyLen(s[i:])
	}
	w.key = 0
	t.Pos, t.Key, t.Form = i, s[i:i+n], Bare
	if n > 0 {
		i += n + 1
	}
	w.i = i
	switch {
	case n > 0 && i < len(s) && s[i] == '"':
		w.i = closing(s, i)
		t.Form, t.Val, t.End = Quoted, inner(s[i:w.i], '"'), w.i
	case n > 0 && i < len(s) && s[i] == '\'':
		w.i = apostrophe(s, i)
		t.Form, t.Val, t.End = Body, inner(s[i:w.i], '\''), w.i
	default:
		t.End = w.bare()
		t.Val = s[i:t.End]
	}
	return true
}

// inner cuts the marks; a text whose end mark is missing keeps only its start cut.
func inner(s string, mark byte) string {
	if n := len(s); n >= 2 && s[n-1] == mark {
		return s[1 : n-1]
	}
	return s[1:]
}

// bare returns where the bare value at w.i ends: before the spaces that stand
// before the next field, or at the end. The walk then stands at that field.
func (w *Walk) bare() int {
	s := w.s
	for i := w.i; ; {
		// Most values are a few bytes long: only for the others is a call worth its cost.
		for near := min(len(s), i+12); i < near && s[i] != ' '; {
			i++
		}
		if i < len(s) && s[i] != ' ' {
			n := strings.IndexByte(s[i:], ' ')
			if n < 0 {
				n = len(s) - i
			}
			i += n
		}
		if i == len(s) {
			w.i = i
			return i
		}
		end := i
		for i < len(s) && s[i] == ' ' {
			i++
		}
		if i == len(s) {
			w.i = i
			return end
		}
		if n := keyLen(s[i:]); n > 0 {
			w.i, w.key = i, n
			return end
		}
	}
}

// keyBytes are the bytes that a field's name is made of: letters, digits and
// _-[]. (IPE's records have a name with a full stop).
var keyBytes = func() (t [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-[].") {
		t[c] = true
	}
	return t
}()

// keyLen returns the length of the field name that s starts with, 0 where it
// starts with none: name bytes up to an equals sign.
func keyLen(s string) int {
	for i := 0; i < len(s); i++ {
		if !keyBytes[s[i]] {
			if s[i] == '=' {
				return i
			}
			return 0
		}
	}
	return 0
}

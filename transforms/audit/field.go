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
	s    string
	i    int
	key  int // the length of the name at i where it was seen already, else 0
	mode mode
	odd  bool // in quotesKnown: a value began with a quote that its field never has; in all: a mark that should end a value is missing
}

// mode says which marks a walk takes for marks.
type mode uint8

const (
	marksAll    mode = iota // quotes and apostrophes of any field
	quotesKnown             // a kernel record: quotes only where the kernel writes them, and no msg='…'
	quotesAll               // a program's text: an apostrophe is a byte like any other
)

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
	case n > 0 && i < len(s) && s[i] == '"' && (w.mode == marksAll || w.quoted(t.Key)):
		w.i = closing(s, i)
		t.Form, t.Val, t.End = Quoted, inner(s[i:w.i], '"'), w.i
		w.odd = w.odd || w.i == len(s) && (w.i == i+1 || s[w.i-1] != '"')
	case n > 0 && i < len(s) && s[i] == '\'' && w.apostrophe(t.Key):
		t.Form, t.Val, t.End = Body, inner(s[i:w.i], '\''), w.i
	default:
		t.End = w.bare()
		t.Val = s[i:t.End]
	}
	return true
}

// quoted reports whether the quote at w.i begins a quoted value. In a kernel
// record that is known by the field; it is noted where it should not be there. In
// a program's text the quote must end before another field.
func (w *Walk) quoted(key string) bool {
	if w.mode == quotesKnown {
		ok := kernelQuotes(key)
		w.odd = w.odd || !ok
		return ok
	}
	n := strings.IndexByte(w.s[w.i+1:], '"')
	end := w.i + 1 + n + 1
	return n >= 0 && (end == len(w.s) || strings.IndexByte(" ,):", w.s[end]) >= 0)
}

// apostrophe steps over the text in apostrophes at w.i, if it is one. A program
// may have written any number of them inside msg='…', which is the last field of
// its record and so goes on to the last one, or to the end where the line was cut.
func (w *Walk) apostrophe(key string) bool {
	s, i := w.s, w.i
	switch {
	case w.mode == quotesAll:
		return false
	case key != "msg" || w.mode == quotesKnown:
		n := strings.IndexByte(s[i+1:], '\'')
		if end := i + 1 + n + 1; n >= 0 && (end == len(s) || s[end] == ' ') {
			w.i = end
			return true
		}
		return false
	}
	if n := strings.LastIndexByte(s, '\''); n > i && strings.Trim(s[n+1:], " ") == "" {
		w.i = n + 1
		return true
	}
	w.i, w.odd = len(s), true
	return true
}

// closing returns the index after the quote that ends the text opened at i.
// The kernel writes a value that holds a quote in hex, so the next one ends it.
func closing(s string, i int) int {
	if n := strings.IndexByte(s[i+1:], '"'); n >= 0 {
		return i + 1 + n + 1
	}
	return len(s)
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

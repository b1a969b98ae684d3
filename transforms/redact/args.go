package redact

import (
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// arguments replaces the secrets of the arguments, of which fields begins with the
// first, where there is a sign of one: told, or in them.
func (f *finder) arguments(fields event.Fields, line string, told bool) bool {
	f.cut = f.cut || cut(sizeOf(fields))
	return (told || f.suspects(fields, line)) && f.args()
}

// args replaces the secrets of the arguments, which tell together what is one.
// Their number and order stay.
func (f *finder) args() bool {
	a, fields := &f.arg, f.e.Fields
	a.words, a.at = a.words[:0], a.at[:0]
	for i := range fields {
		if fields[i].Key == schema.ProcessArgs {
			a.words, a.at = append(a.words, word{s: fields[i].Str()}), append(a.at, i)
		}
	}
	f.argv(a.words)
	for spans := f.spans; len(spans) > 0; {
		n := 1
		for n < len(spans) && spans[n].text == spans[0].text {
			n++
		}
		x := f.own(a.at[spans[0].text])
		x.SetValue(event.String(f.replace(x.Str(), spans[:n])))
		spans = spans[n:]
	}
	a.words = forget(a.words)
	return len(f.spans) > 0
}

// argScratch is the memory of args.
type argScratch struct {
	words []word
	at    []int // the fields that they are
}

// argv leaves the secrets of whole arguments in spans.
func (f *finder) argv(words []word) {
	f.spans = f.spans[:0]
	f.walk(words, argv, 0)
	f.text = 0
	if len(f.spans) > 0 {
		f.join()
	}
}

// cut reports whether a command line of that size may be one of PROCTITLE, which
// the kernel cuts at 128 bytes. Then it may end in a part of a secret.
func cut(size int) bool { return size >= 124 && size <= 128 }

// cut reports whether a text of that kind may be cut: a command line, or a message
// of 1024 bytes, which holds one.
func (k fieldKind) cut(s string) bool {
	return (k == kindTitle || k == kindLine) && (cut(len(s)) || k == kindTitle && len(s) > 1020 && len(s) <= 1024)
}

// sizeOf is the size of the arguments with a byte between them.
func sizeOf(fields event.Fields) int {
	n := -1
	for i := range fields {
		if fields[i].Key != schema.ProcessArgs {
			break
		}
		n += len(fields[i].Str()) + 1
	}
	return n
}

// suspects reports whether the arguments may hold a secret; line is the command
// line where it holds none that a text tells.
func (f *finder) suspects(fields event.Fields, line string) bool {
	short := &f.t.programs.short
	told := true // the line is the arguments with a blank between them
	for i := range fields {
		x := &fields[i]
		if x.Key != schema.ProcessArgs {
			break
		}
		s := x.Str()
		told = told && follow(&line, s, i > 0)
		if n := len(s); n > 0 && n < leastLiteral && short[s[0]] || n >= leastLiteral && (s[n-2] == '/' || s[n-3] == '/' || s[n-4] == '/') {
			if f.shortSign(s) {
				return true
			}
		}
	}
	if told && line == "" {
		return false
	}
	for i := range fields {
		if x := &fields[i]; x.Key == schema.ProcessArgs {
			if a := x.Str(); f.shortSign(a) || f.suspect(a) {
				return true
			}
		}
	}
	return false
}

// follow takes an argument, and the blank before it, from the start of a line; false where
// another stands there.
func follow(line *string, s string, blank bool) bool {
	rest := *line
	if blank {
		if rest == "" || rest[0] != ' ' {
			return false
		}
		rest = rest[1:]
	}
	if !strings.HasPrefix(rest, s) {
		return false
	}
	*line = rest[len(s):]
	return true
}

// shortSign reports whether an argument is what no literal tells, being too short for
// one: a program that takes secrets, what sets a setting, or an option that ends with pwd or psk.
func (f *finder) shortSign(s string) bool {
	n := len(s)
	switch {
	case n == 0:
		return false
	case s[0] == '-':
		return n >= leastLiteral && (equalFold(s[n-3:], "pwd") || equalFold(s[n-3:], "psk"))
	}
	if n >= leastLiteral { // nearly all: its name is no shorter
		switch {
		case s[n-2] == '/':
			s = s[n-1:]
		case s[n-3] == '/':
			s = s[n-2:]
		case s[n-4] == '/':
			s = s[n-3:]
		default:
			return false
		}
	}
	return f.t.programs.short[s[0]] && (s == "set" || f.t.programs.takes(s))
}

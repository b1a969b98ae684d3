package audit

import (
	"slices"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// title is what a PROCTITLE record in hex says. A process has the same one in all of its
// events, so it is known again as the end of a record is.
type title struct {
	text  string // without NUL at its end
	shown string // titleText of it

	// What an event without EXECVE has of it, nil where that is not known: the fields, and
	// the arguments.
	fields event.Fields
	args   []string
}

// hexTitle takes a title that is hex to its end; false for another.
func (f *facts) hexTitle(s string) bool {
	k, h := f.titles.find(s, 0)
	if k != nil {
		f.title, f.shown, f.titled = k.text, k.shown, k
		return true
	}
	b, ok := appendHex(f.buf[:0], s)
	f.buf = b
	if !ok {
		return false
	}
	f.title = strings.TrimRight(f.arena.keep(b), "\x00")
	if f.titles.wanted(h, len(s)) {
		text := strings.Clone(f.title)
		f.titles.keep(h, s, &title{text: text, shown: strings.Clone(f.spaced(text))})
	}
	return true
}

// titleText returns PROCTITLE with blanks where its arguments part.
func (f *facts) titleText() string {
	if f.shown == "" {
		f.shown = f.spaced(f.title)
	}
	return f.shown
}

// spaced returns s with a blank for each NUL.
func (f *facts) spaced(s string) string {
	if strings.IndexByte(s, 0) < 0 {
		return s
	}
	f.buf = append(f.buf[:0], s...)
	for i, c := range f.buf {
		if c == 0 {
			f.buf[i] = ' '
		}
	}
	return f.arena.keep(f.buf)
}

// titleFields writes the title and the arguments that it shows.
func (f *facts) titleFields() {
	k, out := f.titled, &f.out
	if k != nil && k.fields != nil {
		*out, f.args = append(*out, k.fields...), append(f.args, k.args...)
		return
	}
	at := len(*out)
	out.AddString(schema.ProcessTitle, f.titleText())
	for s := f.title; ; {
		a, rest, more := strings.Cut(s, "\x00")
		out.Add(schema.ProcessArgs, event.String(a))
		f.args = append(f.args, a)
		if s = rest; !more {
			break
		}
	}
	if k != nil {
		k.fields, k.args = slices.Clone((*out)[at:]), slices.Clone(f.args)
	}
}

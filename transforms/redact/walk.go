package redact

import (
	"slices"
	"strings"
)

// mode says what a text is.
type mode uint8

const (
	loose   mode = iota // words of anybody: a program may stand anywhere
	command             // a command line
	argv                // the words are whole arguments, each a text of its own
)

// walker is where a reading of words stands.
type walker struct {
	f     *finder
	m     mode
	depth int
	words []word

	prog    *program
	open    bool // the word may be a program
	sub     bool // the word that prog asks for was there
	code    bool // what follows is a command in one word: sh -c
	batch   bool // htpasswd -b
	pending pattern
	waits   bool // the next word is a secret
	long    bool // its name said so
	pair    byte // it is user:secret, with this mark
	kind    nameKind
	literal bool // it is name=secret
}

// walk reads words as a program would and notes its secrets.
func (f *finder) walk(words []word, m mode, depth int) {
	w := walker{f: f, m: m, depth: depth, words: words, open: true}
	for i := range words {
		one := &words[i]
		if m == argv {
			f.text = i
		}
		if one.first && m != argv || i == 0 {
			w.end(i)
			w.prog, w.open, w.sub, w.code, w.waits, w.batch = nil, true, false, false, false, false
		}
		w.word(i, one)
	}
	w.end(len(words))
}

// end ends a command before the word i.
func (w *walker) end(i int) {
	if w.batch && i > 0 {
		last := &w.words[i-1]
		w.emit(last, 0, len(last.s), byOption)
	}
}

// emit notes a part of a word as a secret.
func (w *walker) emit(one *word, from, to int, id pattern) {
	if from < to {
		a, b := one.source(from, to)
		w.f.emit(a, b, id, one.s[from:to])
	}
}

func (w *walker) word(i int, one *word) {
	s := one.s
	if s == "" {
		w.waits = false
		return
	}
	if w.waits {
		w.waits = false
		if w.follow(one) {
			return
		}
	}
	code := w.code
	w.code = false
	w.program(i, s)
	whole := false
	switch {
	case s == "--password-stdin":
		w.piped(i)
	case s[0] == '-' && len(s) > 1 || s[0] == '/' && w.prog != nil:
		whole = w.option(one)
	case w.prog != nil && slices.Contains(w.prog.words, s):
		w.wait(byOption, false)
	case isBare(s):
		w.wait(byName, true)
		w.kind = nameSecret
	}
	if !whole && !code {
		whole = w.assigned(one)
	}
	if !whole {
		w.inside(one)
	}
}

// wait takes the next word for a secret.
func (w *walker) wait(id pattern, long bool) {
	w.waits, w.pending, w.long, w.pair, w.literal, w.kind = true, id, long, 0, false, nameSecret
}

// follow takes the word that an option waits for; false where it is none.
func (w *walker) follow(one *word) bool {
	s := one.s
	switch {
	case w.pair != 0:
		at := strings.IndexByte(s, w.pair)
		if at >= 0 {
			w.emit(one, at+1, len(s), w.pending)
		}
		return at >= 0 || w.pair != '='
	case w.literal:
		if at := strings.IndexByte(s, '='); at >= 0 {
			w.emit(one, at+1, len(s), w.pending)
		}
		return true
	case w.long && len(s) > 1 && s[0] == '-' && (s[1] == '-' || s[1] >= 'A' && s[1] <= 'z'): // a switch, and another option
		return false
	case strings.HasPrefix(s, "pass:"):
		w.emit(one, len("pass:"), len(s), w.pending)
		return true
	case w.long && !w.kind.secret(s):
		return false
	}
	w.emit(one, 0, len(s), w.pending)
	return true
}

// program notes that a word is one, where one may stand.
func (w *walker) program(i int, s string) {
	if w.m == loose && w.depth == 0 {
		switch s {
		case "ran", "run":
			w.open = true
			return
		}
		if at := strings.IndexByte(s, '='); at > 0 && strings.HasPrefix(s[at+1:], "/") { // sudo's COMMAND=/usr/bin/…
			s = s[at+1:]
		}
	}
	if p := w.prog; p != nil && p.sub != "" && s == p.sub {
		w.sub = true
		return
	}
	if !w.open && w.m != loose {
		return
	}
	if s[0] == '-' || strings.IndexByte(s, '=') > 0 && w.prog == nil { // A=b program
		return
	}
	p := w.f.t.programs.find(s)
	switch {
	case p == nil:
		if w.prog == nil && w.m != loose {
			w.open = false // it is a program that is not known
		}
	case w.prog != nil && w.prog.special != wrapper && w.prog.special != shell && w.m != loose:
	default:
		w.prog, w.sub = p, false
		w.open = p.special == wrapper || p.special == shell
		if p.special == chpasswd {
			w.written(i)
		}
	}
}

// written takes user:secret out of what a shell writes to chpasswd.
func (w *walker) written(i int) {
	if w.m != command {
		return
	}
	written := false
	for j := range w.words[:i] {
		one := &w.words[j]
		written = written || one.s == "echo" || one.s == "printf"
		if !written {
			continue
		}
		if at := strings.IndexByte(one.s, ':'); at > 0 && !strings.ContainsAny(one.s[:at], " /=") {
			end := len(one.s)
			if n := strings.IndexAny(one.s[at:], "\n\\"); n >= 0 {
				end = at + n
			}
			w.emit(one, at+1, end, byOption)
		}
	}
}

// piped takes the word that a shell writes to a program which reads its password:
// echo secret | docker login --password-stdin.
func (w *walker) piped(i int) {
	if w.m != command {
		return
	}
	for j := i - 1; j >= 0; j-- {
		if one := &w.words[j]; one.s == "echo" || one.s == "printf" {
			last := one
			for k := j + 1; k < i && !w.words[k].first; k++ {
				last = &w.words[k]
			}
			if last != one && nameSecret.secret(last.s) {
				w.emit(last, 0, len(last.s), byOption)
			}
			return
		}
	}
}

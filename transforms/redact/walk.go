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
	i     int // the word at hand

	keep    *program // whose text it is: each command is one of it
	prog    *program
	under   *under // the part of prog that its words asked for
	stand   stand
	open    bool   // the word may be a program
	code    bool   // what follows is a command in one word: sh -c
	batch   bool   // htpasswd -b
	reads   bool   // prog reads a secret from its input
	asked   bool   // expect: a password was asked for
	set     bool   // what follows is a name and its value: config set
	machine bool   // of .netrc
	here    int    // the word that is the input of the command (<<<), and 1
	before  string // the last word, and the one before it
	earlier string
	pending pattern
	waits   bool // the next word is a secret
	long    bool // its name said so
	pair    byte // it is user:secret, with this mark
	kind    nameKind
	literal bool // it is name=secret
}

// walk reads words as a program would and notes its secrets.
func (f *finder) walk(words []word, m mode, depth int) { f.walkOf(nil, words, m, depth) }

// walkOf is walk of a text that is the program's own.
func (f *finder) walkOf(keep *program, words []word, m mode, depth int) {
	w := walker{f: f, m: m, depth: depth, words: words, keep: keep}
	for i := range words {
		one := &words[i]
		if one.first && m != argv || i == 0 {
			w.end(i)
			w = walker{f: f, m: m, depth: depth, words: words, keep: keep, prog: keep, open: keep == nil, asked: w.asked}
		}
		if w.i = i; m == argv {
			f.text = i
		}
		w.word(i, one)
	}
	w.end(len(words))
}

// end ends a command before the word i.
func (w *walker) end(i int) {
	if w.batch && i > 0 {
		w.emitAt(i-1, byOption)
	}
	if at := w.stand.last; at > 0 && nameSecret.secret(w.words[at-1].s) {
		w.emitAt(at-1, byPlace)
	}
}

// emit notes a part of the word at hand as a secret.
func (w *walker) emit(one *word, from, to int, id pattern) {
	if from < to && !variable(one.s[from:to]) {
		a, b := one.source(from, to)
		w.f.emit(a, b, id, one.s[from:to])
	}
}

// emitAt notes the word i as a secret.
func (w *walker) emitAt(i int, id pattern) {
	text := w.f.text
	if w.m == argv {
		w.f.text = i
	}
	w.emit(&w.words[i], 0, len(w.words[i].s), id)
	w.f.text = text
}

func (w *walker) word(i int, one *word) {
	s := one.s
	switch {
	case one.here:
		w.input(i)
		w.inside(one)
		return
	case s == "":
		w.waits, w.stand.skip = false, false
		return
	case w.waits:
		w.waits = false
		if w.follow(one) {
			return
		}
	case w.stand.skip:
		w.stand.skip = false
		w.inside(one)
		return
	}
	code := w.code
	w.code = false
	whole := false
	if !w.program(i, s) {
		whole = w.argument(one)
	}
	w.read(i, s)
	if !whole && !code {
		whole = w.assigned(one)
	}
	if !whole {
		w.inside(one)
	}
}

// argument reads a word that is no program; true where it is a secret as a whole.
func (w *walker) argument(one *word) bool {
	s := one.s
	if s[0] == '-' && len(s) > 1 || s[0] == '/' && w.prog != nil && w.prog.slashes() {
		return w.option(one)
	}
	whole := false
	w.machine = w.machine || s == "machine"
	if p := w.prog; p != nil {
		if len(p.places) > 0 {
			whole = w.placed(one)
		}
		for i := range p.under {
			if slices.Contains(p.under[i].words, s) {
				w.under = &p.under[i]
			}
		}
		if p.special == expect && (hasFold(s, "assword") || hasFold(s, "assphrase")) {
			w.asked = true
		}
		if slices.Contains(p.words, s) && (p.special != expect || w.asked) {
			w.wait(byOption, false)
			w.asked = false
			return whole
		}
	}
	if isBare(s) || w.setting(s) || w.machine && w.earlier == "login" && named(s) != nameNone { // .netrc: login ana password secret
		w.wait(byName, true)
		w.kind = nameSecret
	}
	return whole
}

// setting notes that a name and its value follow, config set, and reports whether s is
// such a name, of a secret.
func (w *walker) setting(s string) bool {
	switch s {
	case "config", "configure", "user-secrets":
		w.set = true
		return false
	case "set", "create", "update", "add":
		return false
	}
	if !w.set {
		return false
	}
	if w.m == loose && w.depth == 0 && !settles(w.before) {
		w.set = false // words of anybody
		return false
	}
	return named(s[strings.LastIndexByte(s, ':')+1:]) != nameNone
}

// settles reports whether a word may stand before the name of a setting.
func settles(s string) bool {
	switch s {
	case "config", "configure", "set":
		return true
	}
	return strings.HasPrefix(s, "-")
}

// wait takes the next word for a secret.
func (w *walker) wait(id pattern, long bool) {
	w.waits, w.pending, w.long, w.pair, w.literal, w.kind = true, id, long, 0, false, nameSecret
}

// follow takes the word that an option waits for; false where it is none.
func (w *walker) follow(one *word) bool {
	s := one.s
	switch {
	case variable(s): // it may be a command that has one: $(…)
		return false
	case s == "--": // the end of options
		w.waits = true
		return true
	case w.prog != nil && w.prog.special == expect:
		end := len(strings.TrimRight(s, "\r\n"))
		for strings.HasSuffix(s[:end], `\r`) || strings.HasSuffix(s[:end], `\n`) {
			end -= 2
		}
		w.emit(one, 0, end, w.pending)
		return true
	case w.pair == '@':
		w.host(one, 0)
		return false
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

// program notes that a word is one, where one may stand, and reports whether it is.
func (w *walker) program(i int, s string) bool {
	if w.m == loose && w.depth == 0 {
		switch s {
		case "ran", "run":
			w.open = true
			return false
		}
		if at := strings.IndexByte(s, '='); at > 0 && strings.HasPrefix(s[at+1:], "/") { // sudo's COMMAND=/usr/bin/…
			s = s[at+1:]
		}
	}
	if w.keep != nil || !w.open && w.m != loose || s[0] == '-' {
		return false
	}
	if at := strings.IndexByte(s, '='); at > 0 && w.prog == nil { // A=b program
		if i > 0 || w.depth == 0 {
			return false
		}
		s = s[at+1:] // GIT_SSH_COMMAND='sshpass -p …'
	}
	p := w.f.t.programs.find(s)
	switch {
	case p == nil:
		if w.prog == nil && w.m != loose {
			w.open = false // it is a program that is not known
		}
		return false
	case w.prog != nil && w.prog.special != wrapper && w.prog.special != shell && (w.m != loose || !w.open && !p.instead(w.prog, s)):
		return false
	}
	first := w.open
	w.prog, w.under, w.stand = p, nil, stand{}
	w.open = p.special == wrapper || p.special == shell
	w.reads = first && (p.special == chpasswd || slices.Contains(p.stdin, input{}))
	if w.reads {
		w.piped(i)
	}
	return true
}

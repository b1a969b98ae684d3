package redact

import "strings"

// What programs read from their input, where a shell writes it: echo secret | program, and
// program <<< secret.

// The bounds of how far is looked back, or a text could be made that costs the square of its
// length.
const (
	maxPiped = 4096 // bytes from echo to the bar
	maxWords = 64   // of a command
	maxPipes = 8    // commands of a pipe
	maxLines = 64   // of what is written
)

// read notes that the program at hand reads a secret from its input, where s says so.
func (w *walker) read(i int, s string) {
	before := w.before
	w.earlier, w.before = before, s
	switch {
	case w.reads:
		return
	case s == "--password-stdin", s == "--stdin-password", s == "password_stdin", s == "--passwd-on-stdin":
	case w.prog == nil || !w.readsAt(before, s):
		return
	}
	w.reads = true
	w.piped(i)
	if w.here > 0 {
		w.input(w.here - 1)
	}
}

// readsAt reports whether s, behind another word, is one of the program's that say so.
func (w *walker) readsAt(before, s string) bool {
	for _, one := range w.prog.stdin {
		if one.word == s && (one.before == "" || one.before == before) {
			return true
		}
	}
	return false
}

// input takes what stands behind <<<.
func (w *walker) input(i int) {
	switch {
	case w.m == argv:
	case w.reads:
		w.lines(&w.words[i])
	default:
		w.here = i + 1
	}
}

// piped takes what a shell writes to the command of the word i.
func (w *walker) piped(i int) {
	if w.m == argv {
		return
	}
	at := w.start(i)
	for n := 0; n < maxPipes && at > 0 && (w.words[at].sep == '|' || w.words[at].sep == 'G'); n++ {
		group := w.words[at].sep == 'G'
		end := at
		at = w.start(end - 1)
		if w.words[at].s == "}" && at > 0 {
			group, end = true, at
			at = w.start(end - 1)
		}
		if !w.echoed(at, end) {
			continue // it only passes on what it reads
		}
		for ; n < maxPipes && group && at > 0 && w.words[at].sep != '('; n++ {
			end = at
			at = w.start(end - 1)
			if !w.echoed(at, end) {
				return
			}
		}
		return
	}
}

// start returns the first word of the command of the word i.
func (w *walker) start(i int) int {
	for n := 0; n < maxWords && i > 0 && (!w.words[i].first || w.words[i].sep == '<' || w.words[i].sep == '>'); n++ {
		i--
	}
	return i
}

// echoed takes what the words from at up to end write; false where they write nothing that
// is known.
func (w *walker) echoed(at, end int) bool {
	for at < end && w.words[at].s != "echo" && w.words[at].s != "printf" {
		at++
	}
	if at == end {
		return false
	}
	format := w.words[at].s == "printf"
	var last *word
	for at++; at < end; at++ {
		one := &w.words[at]
		switch {
		case one.s == "" || one.sep == '<' || one.sep == '>' || one.here:
		case format && strings.IndexByte(one.s, '%') >= 0:
			format = false
		case last == nil && len(one.s) < 4 && one.s[0] == '-':
		default:
			last = one
		}
	}
	if last != nil {
		w.lines(last)
	}
	return true
}

// lines takes each line of a word; of chpasswd's what stands behind the name.
func (w *walker) lines(one *word) {
	s := one.s
	for from, n := 0, 0; from < len(s) && n < maxLines; n++ {
		to, after := len(s), len(s)
		if n := strings.IndexByte(s[from:], '\n'); n >= 0 {
			to, after = from+n, from+n+1
		}
		if n := strings.Index(s[from:to], `\n`); n >= 0 {
			to, after = from+n, from+n+2
		}
		at := from
		if w.prog != nil && w.prog.special == chpasswd {
			if n := strings.IndexByte(s[from:to], ':'); n >= 0 {
				at = from + n + 1
			}
		}
		if v := s[at:to]; nameSecret.secret(v) && !answers(v) {
			w.emit(one, at, to, byPlace)
		}
		from = after
	}
}

// answers reports whether somebody only says yes or no.
func answers(s string) bool {
	return equalFold(s, "y") || equalFold(s, "n") || equalFold(s, "yes") || equalFold(s, "no")
}

// hasFold reports whether s holds a text in lower case, in any case.
func hasFold(s, lower string) bool {
	for i := 0; i+len(lower) <= len(s); i++ {
		if equalFold(s[i:i+len(lower)], lower) {
			return true
		}
	}
	return false
}

package redact

import (
	"slices"
	"strings"
)

// option reads an option and reports whether its value was taken.
func (w *walker) option(one *word) bool {
	s := one.s
	if strings.HasPrefix(s, "--") || strings.IndexByte(s, '=') < 0 {
		if w.named(s) {
			return false
		}
	}
	p := w.prog
	if p == nil {
		return false
	}
	switch {
	case p.special == shell && s[0] == '-' && !strings.HasPrefix(s, "--") && s[len(s)-1] == 'c', s == "--command" && p.special == shell:
		w.code = true
		return false
	case p.special == batch && s[0] == '-' && strings.IndexByte(s, 'b') > 0:
		w.batch = true
		return false
	case slices.Contains(p.valued, s):
		w.stand.skip = true
		return false
	}
	if u := w.under; u != nil && (w.next(one, u.next, "", p.apart) || w.paired(one, u.pairs)) {
		return true
	}
	return w.waits || w.short(one, p)
}

// named takes a long option that stands alone: --password.
func (w *walker) named(s string) bool {
	if s == "--from-literal" {
		w.wait(byName, true)
		w.literal = true
		return true
	}
	kind := named(s)
	if kind == nameNone || w.prog != nil && (w.prog.flag || slices.Contains(w.prog.not, s)) {
		return false
	}
	w.wait(byName, true)
	w.kind = kind
	if equalFold(strings.TrimLeft(s, "-"), "pass") {
		w.kind = namePass
	}
	return true
}

// short takes the options of the program.
func (w *walker) short(one *word, p *program) bool {
	s := one.s
	for _, o := range p.attached {
		if strings.HasPrefix(s, o) && len(s) > len(o) {
			w.emit(one, len(o), len(s), byOption)
			return true
		}
	}
	return w.next(one, p.next, p.flags, p.apart) || !w.waits && w.paired(one, p.pairs)
}

// next takes options that the secret follows in the same or the next argument.
func (w *walker) next(one *word, list []string, flags string, apart bool) bool {
	s := one.s
	for _, o := range list {
		switch {
		case s == o:
			w.wait(byOption, false)
			return false
		case apart:
		case strings.HasPrefix(s, o) && (len(o) == 2 || s[len(o)] == '='):
			from := len(o)
			if s[from] == '=' {
				from++
			}
			w.emit(one, from, len(s), byOption)
			return true
		case flags != "" && len(o) == 2:
			if n := behindFlags(s, o[1], flags); n == len(s) {
				w.wait(byOption, false)
				return false
			} else if n > 0 {
				w.emit(one, n, len(s), byOption)
				return true
			}
		}
	}
	return false
}

// behindFlags returns where the value of an option begins that stands behind others in
// one argument: -xw; 0 where it does not.
func behindFlags(s string, option byte, flags string) int {
	for i := 1; i < len(s); i++ {
		if s[i] == option {
			return i + 1
		}
		if strings.IndexByte(flags, s[i]) < 0 {
			break
		}
	}
	return 0
}

// paired takes options that a name and the secret follow.
func (w *walker) paired(one *word, list []string) bool {
	s := one.s
	for _, o := range list {
		mark := byte(':')
		if last := o[len(o)-1]; strings.IndexByte("%,=@", last) >= 0 {
			o, mark = o[:len(o)-1], last
		}
		n, ok := pairOption(s, o)
		switch {
		case !ok:
		case n == len(s):
			w.wait(byOption, false)
			w.pair = mark
			return false
		case mark == '@':
			return w.host(one, n)
		default:
			if at := strings.IndexByte(s[n:], mark); at >= 0 {
				w.emit(one, n+at+1, len(s), byOption)
				return true
			}
		}
	}
	return false
}

// pairOption reports whether s is the option o, alone, with a value behind it or
// at the end of other options in one argument (-su), and where its value begins.
func pairOption(s, o string) (int, bool) {
	if len(o) > 2 {
		if rest, ok := strings.CutPrefix(s, o); ok && (rest == "" || rest[0] == '=') {
			return len(s) - len(strings.TrimPrefix(rest, "=")), true
		}
		return 0, false
	}
	if strings.HasPrefix(s, "--") || s[0] != '-' {
		return 0, false
	}
	for i := 1; i < len(s) && i < 8; i++ {
		if s[i] == o[1] {
			return i + 1, true
		}
		if strings.IndexByte("fsSLkvigIqN#0123469jJlnOpRZ", s[i]) < 0 { // an option with a value of its own
			break
		}
	}
	return 0, false
}

// assigned takes name=secret where the name begins the word: everything behind
// the equals sign is the value.
func (w *walker) assigned(one *word) bool {
	s := one.s
	at := strings.IndexByte(s[:min(len(s), maxName)], '=')
	if at <= 0 {
		return false
	}
	for i := 0; i < at; i++ {
		if !nameByte(s[i]) {
			return false
		}
	}
	if s[:at] == "--from-literal" {
		if n := strings.IndexByte(s[at+1:], '='); n > 0 {
			w.emit(one, at+1+n+1, len(s), byName)
			return true
		}
		return false
	}
	kind := named(s[:at])
	if w.prog != nil && slices.Contains(w.prog.not, s[:at]) {
		kind = nameNone
	}
	v := s[at+1:]
	if strings.HasPrefix(v, "pass:") && kind != nameNone {
		w.emit(one, at+1+len("pass:"), len(s), byName)
		return true
	}
	if !kind.secret(v) {
		return false
	}
	w.emit(one, at+1, len(s), byName)
	return true
}

// inside looks into a word that is a text of its own: an argument, or what stood
// in quotes.
func (w *walker) inside(one *word) {
	f := w.f
	if w.m != argv && one.place == nil {
		return
	}
	n, read, done := len(f.spans), f.read, f.done
	f.refers = w.prog != nil && len(w.prog.not) > 0
	if list := strings.Contains(one.s, `","`); list || strings.ContainsAny(one.s, blanks+breaks) {
		m := command
		if list && one.s[0] == '{' { // JSON: a program may stand anywhere
			m = loose
		}
		f.find(one.s, m, w.depth+1)
		if p := w.prog; p != nil && p.inner && w.depth < maxDepth {
			f.words[w.depth+1] = lex(f.words[w.depth+1][:0], one.s)
			f.walkOf(p, f.words[w.depth+1], command, w.depth+1)
			f.words[w.depth+1] = forget(f.words[w.depth+1])
		}
	} else {
		f.scan(one.s)
	}
	f.read, f.done, f.refers = read, done, false
	if one.place == nil {
		return // an argument: its places are those of the text
	}
	for i := n; i < len(f.spans); i++ {
		x := &f.spans[i]
		x.from, x.to = one.source(x.from, x.to)
	}
}

package redact

import (
	"slices"
	"strconv"
	"strings"
)

// piece is the value of one aN= or aN[M]= of an EXECVE record.
type piece struct {
	line     int // of the record
	from, to int // of the value in its line, with quotes
	arg      int // which argument it is a part of
	quoted   bool
	text     string
}

// length is the value of one aN_len=.
type length struct {
	line, from, to int
	arg            int
}

// argument is one argument and its pieces.
type argument struct {
	number int // N
	part   int // M of the first piece that is there
	text   string
	old    int // the length of its text before
	pieces []int
	spans  []span
}

// argvRecords is the EXECVE records of one event.
type argvRecords struct {
	pieces  []piece
	lengths []length
	args    []argument
}

// execve replaces the secrets of the EXECVE records of one event in place.
func (f *finder) execve(lines []string, records []int) bool {
	var r argvRecords
	for _, i := range records {
		r.read(i, lines[i])
	}
	sign := false
	words := make([]word, len(r.args))
	r.join()
	for i := range r.args {
		a := &r.args[i]
		words[i] = word{s: a.text}
		sign = sign || f.shortSign(a.text) || f.suspect(a.text)
	}
	if sign {
		f.argv(words)
		for _, x := range f.spans {
			a := &r.args[x.text]
			a.spans = append(a.spans, x)
		}
	}
	if f.waiting && !whole(r.args) {
		f.lonely(together(nil, r.args))
	}
	return f.finish(&r, lines)
}

// join makes the text of each argument out of its pieces.
func (r *argvRecords) join() {
	for i := range r.args {
		a := &r.args[i]
		if len(a.pieces) == 1 {
			a.text = r.pieces[a.pieces[0]].text
			continue
		}
		var b strings.Builder
		for _, p := range a.pieces {
			b.WriteString(r.pieces[p].text)
		}
		a.text = b.String()
	}
}

// finish puts hashes for the spans of the arguments, and reports whether there were any.
func (f *finder) finish(r *argvRecords, lines []string) bool {
	changed := false
	for i := range r.args {
		if a := &r.args[i]; len(a.spans) > 0 {
			f.rewrite(r, a)
			changed = true
		}
	}
	if changed {
		r.write(lines)
	}
	return changed
}

// read takes the fields of one record.
func (r *argvRecords) read(line int, s string) {
	i := strings.Index(s, "): ")
	if i < 0 {
		return
	}
	for i += len("): "); i < len(s); {
		for i < len(s) && s[i] == ' ' {
			i++
		}
		eq := strings.IndexByte(s[i:], '=')
		if eq < 0 {
			return
		}
		key, from := s[i:i+eq], i+eq+1
		to := from
		quoted := from < len(s) && s[from] == '"'
		if quoted {
			if n := strings.IndexByte(s[from+1:], '"'); n >= 0 {
				to = from + 1 + n + 1
			} else {
				to, quoted = len(s), false
			}
		}
		for to < len(s) && s[to] != ' ' && s[to] != 0x1d {
			to++
		}
		r.field(line, key, s, from, to, quoted)
		if i = to; i < len(s) && s[i] == 0x1d {
			return // what auditd added is no part of the arguments
		}
	}
}

// field takes aN=, aN[M]= and aN_len=.
func (r *argvRecords) field(line int, key, s string, from, to int, quoted bool) {
	if key == "" || key[0] != 'a' {
		return
	}
	n := 1
	for n < len(key) && key[n] >= '0' && key[n] <= '9' {
		n++
	}
	number, err := strconv.Atoi(key[1:n])
	if err != nil {
		return
	}
	rest := key[n:]
	if rest == "_len" {
		r.lengths = append(r.lengths, length{line, from, to, number})
		return
	}
	if rest != "" && rest[0] != '[' {
		return
	}
	p := piece{line: line, from: from, to: to, quoted: quoted, text: s[from:to]}
	switch {
	case quoted:
		p.text = s[from+1 : to-1]
	case len(p.text) > 1 && strings.IndexFunc(p.text, func(c rune) bool { return c > 127 || !upperHex(byte(c)) }) < 0:
		p.text = string(unhex(p.text)) // without half a byte, where the line was cut
	default:
		p.quoted = true // it is written as it stands
	}
	if last := len(r.args) - 1; last < 0 || rest == "" || r.args[last].number != number {
		a := argument{number: number}
		if rest != "" {
			a.part, _ = strconv.Atoi(strings.Trim(rest, "[]"))
		}
		r.args = append(r.args, a)
	}
	p.arg = len(r.args) - 1
	a := &r.args[p.arg]
	a.pieces = append(a.pieces, len(r.pieces))
	r.pieces = append(r.pieces, p)
}

// rewrite gives the pieces of an argument their new text. No piece becomes empty
// as long as there is a byte for each: an empty one would read as a missing one.
func (f *finder) rewrite(r *argvRecords, a *argument) {
	text := f.replace(a.text, a.spans)
	at, old := 0, 0
	for i, p := range a.pieces {
		one := &r.pieces[p]
		old += len(one.text)
		end := a.moved(old)
		if left := len(a.pieces) - 1 - i; left == 0 {
			end = len(text)
		} else {
			end = min(max(end, at+1), len(text)-left)
		}
		end = max(end, at)
		one.text = text[at:end]
		at = end
	}
	a.text, a.old = text, len(a.text)
}

// moved turns a place in the old text into one in the new: a place in a secret is
// behind the first byte of what stands for it.
func (a *argument) moved(i int) int {
	shift := 0
	for _, x := range a.spans {
		switch {
		case i <= x.from:
			return i + shift
		case i < x.to:
			return x.from + shift + 1
		}
		shift += markSize - (x.to - x.from)
	}
	return i + shift
}

// write puts the new values into the lines.
func (r *argvRecords) write(lines []string) {
	type edit struct {
		from, to int
		text     string
	}
	edits := map[int][]edit{}
	for i := range r.pieces {
		p := &r.pieces[i]
		if a := &r.args[p.arg]; len(a.spans) > 0 {
			old := lines[p.line][p.from:p.to]
			edits[p.line] = append(edits[p.line], edit{p.from, p.to, p.encode(old)})
		}
	}
	for _, l := range r.lengths {
		for i := range r.args {
			if a := &r.args[i]; a.number == l.arg && len(a.spans) > 0 {
				edits[l.line] = append(edits[l.line], edit{l.from, l.to, r.size(a, lines[l.line][l.from:l.to])})
			}
		}
	}
	for line, list := range edits {
		slices.SortFunc(list, func(a, b edit) int { return a.from - b.from })
		var b strings.Builder
		s, at := lines[line], 0
		for _, e := range list {
			b.WriteString(s[at:e.from])
			b.WriteString(e.text)
			at = e.to
		}
		b.WriteString(s[at:])
		lines[line] = b.String()
	}
}

// encode writes a value in the form that it had, old.
func (p *piece) encode(old string) string {
	if p.quoted && strings.IndexFunc(p.text, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' }) < 0 {
		if old != "" && old[0] == '"' {
			return `"` + p.text + `"`
		}
		return p.text
	}
	return hexed(p.text)
}

// size is the length that a record says of a split argument: of its text, or, by
// kernel, of what is written.
func (r *argvRecords) size(a *argument, old string) string {
	if old == strconv.Itoa(a.old) {
		return strconv.Itoa(len(a.text))
	}
	n := 0
	for _, i := range a.pieces {
		p := &r.pieces[i]
		if p.quoted {
			n += len(p.text)
		} else {
			n += 2 * len(p.text)
		}
	}
	return strconv.Itoa(n)
}

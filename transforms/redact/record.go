package redact

import (
	"slices"
	"strings"

	"tallyman/pipeline/event"
)

// Source records: lines of text, of which those of Linux audit write what is not
// plain in hex, and the arguments of a program over several fields and records:
//
//	type=EXECVE msg=audit(1.000:7): argc=3 a0="mysql" a1=2D7020… a2_len=9000 a2[0]=41… a2[1]=42…
//	type=PROCTITLE msg=audit(1.000:7): proctitle=6D7973716C002D70…     arguments parted by NUL
//	type=USER_CMD msg=audit(1.000:8): … msg='cwd="/" cmd=6D7973716C… terminal=…'
//
// What is replaced is written as it was: hex as hex, pieces as pieces.

// records returns a text of one or more lines without its secrets.
func (f *finder) records(raw string) (string, bool) {
	if !strings.Contains(raw, "audit(") {
		if len(raw) < least || !f.suspect(raw) {
			return raw, false
		}
		return f.text1(raw, loose)
	}
	lines := strings.Split(raw, "\n")
	if !f.lines(lines) {
		return raw, false
	}
	return strings.Join(lines, "\n"), true
}

// maxMemo bounds the records that conceal remembers: as many as may wait.
const maxMemo = 8192

// conceal is records for events that wait, whose lines may belong together. What
// waits is given again and again until its event is whole, so it is remembered.
func (f *finder) conceal(events []event.Event) {
	if f.memo == nil || len(f.memo) > maxMemo {
		f.memo = make(map[string]string, 64)
	}
	f.waiting = true
	defer func() { f.waiting = false }()
	lines := make([]string, len(events))
	for i := range events {
		if events[i].Decode != "" {
			lines[i] = events[i].Raw
		}
	}
	changed := f.lines(lines)
	for i := range events {
		switch e := &events[i]; {
		case e.Decode == "":
			f.kept(e)
		case changed:
			e.Raw = lines[i]
		}
	}
}

// kept replaces the secrets of an event that waits, such as for what tells of its process. The
// stage that has it shares its fields, and gets it back as it is.
func (f *finder) kept(e *event.Event) {
	f.waiting, f.quiet, f.recent = false, true, recent{}
	f.event(e, nil)
	f.waiting, f.quiet = true, false
}

// lines replaces the secrets of lines in place and reports whether there were
// any.
func (f *finder) lines(lines []string) bool {
	changed := false
	var stamps []string
	var execve map[string][]int
	for i, l := range lines {
		if isExecve(l) {
			// The records of one event have one stamp; those of others may stand between.
			stamp := stampOf(l)
			if execve == nil {
				execve = map[string][]int{}
			}
			if execve[stamp] == nil {
				stamps = append(stamps, stamp)
			}
			execve[stamp] = append(execve[stamp], i)
			continue
		}
		if out, ok := f.once(l, func() (string, bool) { return f.line(l) }); ok {
			lines[i], changed = out, true
		}
	}
	for _, s := range stamps {
		same := execve[s]
		if len(same) > 1 {
			inTurn(lines, same)
			changed = f.execve(lines, same) || changed
			continue
		}
		i := same[0]
		if out, ok := f.once(lines[i], func() (string, bool) { ok := f.execve(lines, same); return lines[i], ok }); ok {
			lines[i], changed = out, true
		}
	}
	return changed
}

// once returns what look makes of a line, of its memory where it has one.
func (f *finder) once(l string, look func() (string, bool)) (string, bool) {
	if out, ok := f.memo[l]; ok {
		return out, out != l
	}
	out, ok := look()
	if f.memo != nil { // the line may lie in memory that is used again
		kept := strings.Clone(l)
		if f.memo[kept] = out; !ok {
			f.memo[kept] = kept
		}
	}
	return out, ok
}

// stampOf returns what the records of one event have in common.
func stampOf(line string) string {
	_, s, _ := strings.Cut(line, "audit(")
	s, _, _ = strings.Cut(s, ")")
	return s
}

// line replaces the secrets of a record that stands alone: first what is written
// in hex, then what can be read.
func (f *finder) line(l string) (string, bool) {
	out, changed := l, false
	for i := 0; ; {
		from, to := nextHex(out, i)
		if from < 0 {
			break
		}
		i = to
		if text, ok := f.decoded(out[:from], out[from:to]); ok {
			out, changed = out[:from]+text+out[to:], true
			i = from + len(text)
		}
	}
	if f.suspect(out) {
		if text, ok := f.text1(out, loose); ok {
			return text, true
		}
	}
	return out, changed
}

// nextHex returns the bounds of the next value that is hex, from i; -1 for none. At the
// end of a line the last digit may be missing: the line was cut.
func nextHex(s string, i int) (from, to int) {
	for {
		n := strings.IndexByte(s[i:], '=')
		if n < 0 {
			return -1, 0
		}
		from = i + n + 1
		to = from
		for to < len(s) && upperHex(s[to]) {
			to++
		}
		if to-from >= 2*least && ((to-from)%2 == 0 || to == len(s)) && (to == len(s) || !nameByte(s[to]) && s[to] != '"') {
			return from, to
		}
		i = from
	}
}

func upperHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' }

// decoded replaces the secrets of a value in hex; before is the line up to it.
func (f *finder) decoded(before, value string) (string, bool) {
	text := string(unhex(value))
	if strings.HasSuffix(before, "proctitle=") {
		return f.title(text)
	}
	if !f.suspect(text) {
		return value, false
	}
	m := loose
	if strings.HasSuffix(before, "cmd=") {
		m = command
	}
	out, ok := f.text1(text, m)
	if !ok {
		return value, false
	}
	return hexed(out), true
}

// title replaces the secrets of arguments that are parted by NUL and cut at 128
// bytes.
func (f *finder) title(text string) (string, bool) {
	f.cut = cut(len(text))
	defer func() { f.cut = false }()
	args := strings.Split(text, "\x00")
	if !slices.ContainsFunc(args, f.shortSign) && !slices.ContainsFunc(args, f.suspect) {
		return "", false
	}
	if !f.replaceAll(args) {
		return "", false
	}
	return hexed(strings.Join(args, "\x00")), true
}

// replaceAll replaces the secrets of arguments in place.
func (f *finder) replaceAll(args []string) bool {
	words := f.arg.words[:0]
	for _, a := range args {
		words = append(words, word{s: a})
	}
	f.argv(words)
	for spans := f.spans; len(spans) > 0; {
		n := 1
		for n < len(spans) && spans[n].text == spans[0].text {
			n++
		}
		at := spans[0].text
		args[at] = f.replace(args[at], spans[:n])
		spans = spans[n:]
	}
	f.arg.words = forget(words)
	return len(f.spans) > 0
}

func unhex(s string) []byte {
	dst := make([]byte, 0, len(s)/2)
	for i := 0; i+1 < len(s); i += 2 {
		dst = append(dst, digit(s[i])<<4|digit(s[i+1]))
	}
	return dst
}

func digit(c byte) byte {
	if c >= 'A' {
		return c - 'A' + 10
	}
	return c - '0'
}

func hexed(s string) string {
	const digits = "0123456789ABCDEF"
	dst := make([]byte, 0, 2*len(s))
	for i := 0; i < len(s); i++ {
		dst = append(dst, digits[s[i]>>4], digits[s[i]&15])
	}
	return string(dst)
}

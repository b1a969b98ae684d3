package redact

import (
	"cmp"
	"slices"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// The arguments of one program may come in two events: an EXECVE record that is late
// makes one of its own. Then the option that says that its next argument is a secret
// stands in the one, and the secret in the other, by itself.
//
// The arguments of events of which some are missing are remembered for a while, and
// those that come later are read behind them. Where what stood before an argument is
// not known, the argument is taken for a secret: it says nothing without the program,
// and its hash still tells it from others.

// tagLate is the tag of an event whose record came after its event (the audit
// transform's).
const tagLate = "tallyman_late"

// The bounds of what is remembered.
const (
	recentEvents = 64
	recentBytes  = 64 << 10 // of the arguments of one event
)

// recent is the arguments of events of late, as records number them.
type recent struct {
	ring [recentEvents]torn
	next int
}

// torn is the arguments of one event of which some are missing.
type torn struct {
	at       int64
	sequence uint64
	host     string
	args     []argument
}

// of returns what is remembered of the event of t.
func (r *recent) of(t *torn) []argument {
	for i := range r.ring {
		if x := &r.ring[i]; x.args != nil && x.at == t.at && x.sequence == t.sequence && x.host == t.host {
			return x.args
		}
	}
	return nil
}

// add remembers arguments of which some are missing.
func (r *recent) add(t torn, args []argument) {
	size := 0
	for i := range args {
		if size += len(args[i].text); size > recentBytes {
			break
		}
		t.args = append(t.args, argument{number: args[i].number, part: args[i].part, text: strings.Clone(args[i].text)})
	}
	if len(t.args) > 0 {
		t.host = strings.Clone(t.host)
		r.ring[r.next] = t
		r.next = (r.next + 1) % recentEvents
	}
}

// torn replaces secrets of the event at hand that can only be told by arguments which
// are not there.
func (f *finder) torn() bool {
	e := f.e
	late := slices.ContainsFunc(e.Fields, func(x event.Field) bool { return x.Key == schema.Tags && x.Str() == tagLate })
	if e.Raw == "" {
		return late && e.Fields.Get(schema.EventCode).Str() == "EXECVE" && f.unknown()
	}
	lines := strings.Split(e.Raw, "\n")
	var r argvRecords
	var records []int
	for i, l := range lines {
		if isExecve(l) {
			records = append(records, i)
		}
	}
	inTurn(lines, records)
	for _, i := range records {
		r.read(i, lines[i])
	}
	if len(r.args) == 0 {
		return false
	}
	r.join()
	key := torn{at: e.Time.UnixMilli(), host: e.Fields.Get(schema.HostName).Str()}
	key.sequence, _ = e.Fields.Get(schema.EventSequence).Uint64()
	before := f.recent.of(&key)
	f.recent.add(key, r.args)
	if before == nil && whole(r.args) {
		return false // nothing is missing but at the end
	}
	f.lonely(together(before, r.args))
	if !f.finish(&r, lines) {
		return false
	}
	f.rehash(strings.Join(lines, "\n"))
	f.restate(&r)
	return true
}

// isExecve reports whether a line is a record of arguments.
func isExecve(l string) bool {
	return strings.Contains(l, "type=EXECVE ") || strings.Contains(l, "type=1309 ")
}

// placed is an argument among all of its event that are known.
type placed struct {
	number, part int
	text         string
	mine         *argument // nil where it is of the event before
}

// together returns the arguments of two events in their order. One that both have a
// piece of is one.
func together(before, args []argument) []placed {
	all := make([]placed, 0, len(before)+len(args))
	for i := range before {
		all = append(all, placed{before[i].number, before[i].part, before[i].text, nil})
	}
	for i := range args {
		all = append(all, placed{args[i].number, args[i].part, args[i].text, &args[i]})
	}
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.part, b.part)) })
	return all
}

// lonely notes the secrets of those of all that are of the event at hand.
func (f *finder) lonely(all []placed) {
	words, starts := joinedWords(all)
	f.argv(words)
	found, w := f.spans, -1
	for i := range all {
		if starts[i] == 0 {
			w++
		}
		for len(found) > 0 && found[0].text < w {
			found = found[1:]
		}
		a := all[i].mine
		if a == nil {
			continue
		}
		a.spans = a.spans[:0]
		for _, x := range found {
			if x.text != w {
				break
			}
			if x.from, x.to = max(0, x.from-starts[i]), min(len(a.text), x.to-starts[i]); x.from < x.to {
				a.spans = append(a.spans, x)
			}
		}
		if alone(all, i, starts[i]) && a.text != "" && !marked(a.text) {
			f.count(byOption)
			a.spans = append(a.spans[:0], span{to: len(a.text), id: byOption, hash: f.h.digest(a.text)})
		}
	}
	f.spans = f.spans[:0]
}

// joinedWords makes words of arguments, one of what is in pieces, and says where in its
// word each begins.
func joinedWords(all []placed) (words []word, starts []int) {
	for i := range all {
		if i > 0 && all[i].number == all[i-1].number && all[i].part > 0 {
			last := &words[len(words)-1]
			starts = append(starts, len(last.s))
			last.s += all[i].text
			continue
		}
		starts = append(starts, 0)
		words = append(words, word{s: all[i].text})
	}
	return words, starts
}

// alone reports whether an argument has to be taken for a secret: what stood before it,
// or its start, is not known. Without the program that holds for all that is no option.
func alone(all []placed, i, start int) bool {
	a := &all[i]
	switch {
	case start > 0:
		return false
	case a.part > 0:
		return true
	case strings.HasPrefix(a.text, "-"):
		return false
	}
	return all[0].number != 0 || i > 0 && a.number > all[i-1].number+1
}

// whole reports whether no argument is missing before the last of args.
func whole(args []argument) bool {
	for i := range args {
		if args[i].number != i || args[i].part > 0 {
			return false
		}
	}
	return true
}

// unknown replaces every argument of an event that is no option.
func (f *finder) unknown() bool {
	var r argvRecords
	changed := false
	for v := range f.e.Fields.All(schema.ProcessArgs) {
		a := argument{text: v.Str()}
		if s := a.text; s != "" && s[0] != '-' && !marked(s) {
			f.count(byOption)
			a.text, a.spans = string(f.h.digest(s).append(nil)), make([]span, 1)
			changed = true
		}
		r.args = append(r.args, a)
	}
	if changed {
		f.restate(&r)
	}
	return changed
}

// restate writes the arguments again, and what repeats them.
func (f *finder) restate(r *argvRecords) {
	n, line := 0, ""
	for i := range f.e.Fields {
		x := &f.e.Fields[i]
		if x.Key != schema.ProcessArgs {
			continue
		}
		if n < len(r.args) && len(r.args[n].spans) > 0 {
			x = f.own(i)
			x.SetValue(event.String(r.args[n].text))
		}
		n++
		line += " " + x.Str()
	}
	line = strings.TrimPrefix(line, " ")
	old := f.e.Fields.Get(schema.ProcessCommandLine).Str()
	for i := range f.e.Fields {
		switch x := &f.e.Fields[i]; x.Key {
		case schema.ProcessCommandLine:
			f.own(i).SetValue(event.String(line))
		case schema.Message:
			msg := x.Str()
			if before, after, ok := strings.Cut(msg, old); ok && old != "" {
				msg = before + line + after
			} else if before, _, ok := strings.Cut(msg, " run "); ok {
				msg = before + " run " + line
			} else if before, _, ok := strings.Cut(msg, " ran "); ok {
				msg = before + " ran " + line
			}
			f.own(i).SetValue(event.String(msg[:min(len(msg), 1024)]))
		}
	}
}

package redact

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// event replaces the secrets of e, whose fields may be moved into b, and reports
// whether there were any.
func (f *finder) event(e *event.Event, b *event.Batch) bool {
	if e.Decode != "" {
		return f.undecoded(e)
	}
	changed, line, args, told, wrong := false, "", -1, false, false
	f.cut, f.e, f.b, f.owned = false, e, b, false
	kinds := &f.t.kinds
	for i := range e.Fields {
		x := &e.Fields[i]
		k := kinds[int(x.Key)%len(kinds)]
		if k <= kindName {
			continue
		}
		wrong = wrong || x.Key == schema.ErrorMessage
		s := x.Str()
		f.cut = f.cut || k.cut(s)
		switch {
		case k == kindArgs:
			if args < 0 {
				args = i
			}
		case k == kindMap:
			changed = f.entry(i, x.Name(), s) || changed
		case len(s) < least:
		case k == kindPaths:
			if len(s) >= leastPath && f.suspect(s) {
				changed = f.field(i, s, k) || changed
			}
		case x.Key == schema.Message && line != "" && strings.HasSuffix(s, line): // a line without a secret is read once
			if f.suspect(s[:len(s)-len(line)]) {
				changed = f.field(i, s, k) || changed
			}
		case f.suspect(s):
			told = told || k == kindLine || k == kindTitle
			changed = f.field(i, s, k) || changed
		case x.Key == schema.ProcessCommandLine:
			line = s
		}
	}
	if args >= 0 && f.arguments(e.Fields[args:], line, told) {
		changed = true
		if !told {
			f.again()
		}
	}
	if wrong {
		changed = args >= 0 && f.torn() || changed
		changed = f.halves() || changed
	}
	f.cut = false
	if e.Raw != "" {
		changed = f.raw(e) || changed
	}
	if changed {
		f.copies()
		f.tag()
	}
	clear(f.found) // also where nothing was replaced: they are views of this event
	f.e, f.b, f.found = nil, nil, f.found[:0]
	return changed
}

// own returns the i-th field to be changed. Other events may share the memory of
// what they did not change, such as an alert with what it judges, so that the
// first change makes a copy.
func (f *finder) own(i int) *event.Field {
	if !f.owned {
		f.e.Fields, f.owned = f.room(), true
	}
	return &f.e.Fields[i]
}

// room returns a copy of the event's fields with room for some more: in the batch's memory, or,
// where there is no batch, in its own.
func (f *finder) room() event.Fields {
	const spare = 4
	if f.b == nil {
		return append(make(event.Fields, 0, len(f.e.Fields)+spare), f.e.Fields...)
	}
	return f.b.Take(f.e.Fields, spare)
}

// field replaces the secrets of one text.
func (f *finder) field(i int, s string, k fieldKind) bool {
	m := loose
	if k == kindLine || f.e.Fields[i].Key == schema.ProcessTitle {
		m = command
	}
	out, ok := f.text1(s, m)
	if ok {
		f.own(i).SetValue(event.String(out))
	}
	return ok
}

// again reads the texts of a program whose arguments held a secret that nothing in them
// told, word by word.
func (f *finder) again() {
	f.always = true
	for i := range f.e.Fields {
		x := &f.e.Fields[i]
		if k := f.t.kinds[int(x.Key)%len(f.t.kinds)]; k == kindLine || k == kindTitle {
			f.field(i, x.Str(), k)
		}
	}
	f.always = false
}

// entry replaces a named value where its name says that it is a secret, and what
// secrets it holds; the name itself may be chosen by a program, too.
func (f *finder) entry(i int, name, s string) bool {
	changed := false
	if len(name) >= leastPath || len(name) >= leastName && endsSecret[name[len(name)-1]] {
		kind, other := f.entryName(name)
		if kind.secret(s) {
			f.count(byName)
			f.own(i).SetValue(event.String(string(f.h.digest(s).append(nil))))
			return true
		}
		if other {
			if out, ok := f.text1(name, loose); ok {
				f.own(i).SetName(out)
				changed = true
			}
		}
	}
	if len(s) >= least && f.suspect(s) {
		if out, ok := f.text1(s, loose); ok {
			f.own(i).SetValue(event.String(out))
			changed = true
		}
	}
	return changed
}

// entryName judges the name of a value, and whether it may hold a secret itself.
func (f *finder) entryName(name string) (kind nameKind, other bool) {
	if end := name[len(name)-leastName:]; equalFold(end, "pwd") || equalFold(end, "psk") { // no literals: they are too short
		kind = named(name)
	}
	c := cursor{i: f.t.look.hit(name, 0)}
	if c.i < 0 {
		return kind, false
	}
	for _, lit := f.t.look.next(name, &c); lit != nil; _, lit = f.t.look.next(name, &c) {
		switch {
		case lit.class != className:
			other = other || lit.class != classProgram
		case kind == nameNone:
			kind = named(name)
		}
	}
	return kind, other
}

// text1 returns a text without its secrets; false where it has none.
func (f *finder) text1(s string, m mode) (string, bool) {
	f.spans, f.text = f.spans[:0], 0
	f.find(s, m, 0)
	if len(f.spans) == 0 {
		return s, false
	}
	f.join()
	return f.replace(s, f.spans), true
}

// join sorts the spans of each text and makes one of those that overlap: the
// longer tells the hash.
func (f *finder) join() {
	slices.SortStableFunc(f.spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.text, b.text), cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to))
	})
	out := f.spans[:1]
	for _, x := range f.spans[1:] {
		last := &out[len(out)-1]
		if x.text != last.text || x.from >= last.to {
			out = append(out, x)
			continue
		}
		if x.to-x.from > last.to-last.from {
			last.hash, last.id = x.hash, x.id
		}
		last.to = max(last.to, x.to)
	}
	f.spans = out
	for i := range out {
		f.count(out[i].id)
	}
}

func (f *finder) count(id pattern) {
	if !f.quiet {
		f.t.count[id].Inc()
	}
}

// replace writes s with the hashes of its spans.
func (f *finder) replace(s string, spans []span) string {
	b, at := f.buf[:0], 0
	for i := range spans {
		b = append(b, s[at:spans[i].from]...)
		b = spans[i].hash.append(b)
		at = spans[i].to
	}
	b = append(b, s[at:]...)
	if f.buf = b; cap(b) > 1<<16 {
		f.buf = nil
	}
	return string(b)
}

// tag marks the event, once.
func (f *finder) tag() {
	for v := range f.e.Fields.All(schema.Tags) {
		if v.Str() == Tag {
			return
		}
	}
	if !f.owned {
		f.e.Fields = f.room()
	}
	f.e.Fields.AddString(schema.Tags, Tag)
}

// raw replaces the secrets of the source text. Its hash is that of what is stored:
// that of the text with the secret would tell it to who tries.
func (f *finder) raw(e *event.Event) bool {
	out, ok := f.records(e.Raw)
	if !ok {
		return false
	}
	f.rehash(out)
	return true
}

// rehash gives the event another source text and its hash.
func (f *finder) rehash(raw string) {
	f.e.Raw = raw
	for i := range f.e.Fields {
		if f.e.Fields[i].Key == schema.EventHash {
			sum := sha256.Sum256([]byte(raw))
			f.own(i).SetValue(event.String(hex.EncodeToString(sum[:])))
		}
	}
}

// undecoded replaces the secrets of a record that no transform took.
func (f *finder) undecoded(e *event.Event) bool {
	out, ok := f.records(e.Raw)
	e.Raw = out
	return ok
}

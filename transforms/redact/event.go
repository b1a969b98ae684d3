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

// fieldKind says how the values of a field are read.
type fieldKind uint8

const (
	kindNone  fieldKind = iota // it holds no text that somebody chose: ids, times, words of a list
	kindText                   // words
	kindLine                   // a command line
	kindTitle                  // a command line that the kernel may have cut
	kindArgs                   // an argument each
	kindMap                    // named values
	kindPaths                  // named values, whose names say nothing
)

// passed are the fields, or groups of them, whose text is not read: they are ids,
// names of hosts and people, numbers, or words that tallyman itself chose.
var passed = [...]string{"event.", "host.", "agent.", "ecs.", "user.", "group.", "container.", "orchestrator.", "kubernetes.", "source.", "destination.",
	"server.", "network.", "related.", "threat.", "rule.", "tallyman.", "tags", "log.", "process.hash.", "process.entity_id", "process.parent.entity_id",
	"process.tty.", "process.thread.", "process.ancestors", "file.inode", "file.device", "file.mode", "file.uid", "file.gid", "file.owner", "file.group",
	"file.hash.", "file.type", "auditd.message_type", "auditd.session", "auditd.result", "auditd.key", "auditd.open_flags", "auditd.summary.object.type",
	"service.type", "http.", "oci.digest", "oci.previous_digest", "git.before", "git.after", "docker.exec.id"}

// read are exceptions of passed.
var read = [...]string{"container.labels", "kubernetes.labels", "kubernetes.audit.annotations", "kubernetes.audit.requestURI", "event.url", "event.reason",
	"event.original", "log.syslog.structured_data", "rule.description"}

// fieldKinds returns the kind of every key.
func fieldKinds() []fieldKind {
	keys := schema.Keys()
	kinds := make([]fieldKind, keys[len(keys)-1]+1)
	for _, k := range keys {
		info := k.Info()
		has := func(p string) bool { return strings.HasPrefix(info.Name, p) }
		switch {
		case slices.ContainsFunc(passed[:], has) && !slices.ContainsFunc(read[:], has):
		case k == schema.ProcessArgs:
			kinds[k] = kindArgs
		case k == schema.ProcessCommandLine, k == schema.ProcessParentCommandLine, k == schema.DockerExecCommand:
			kinds[k] = kindLine
		case k == schema.ProcessTitle, k == schema.Message:
			kinds[k] = kindTitle
		case k == schema.AuditdPaths:
			kinds[k] = kindPaths
		case info.Type.IsMap():
			kinds[k] = kindMap
		case info.Type == schema.Keyword, info.Type == schema.Text, info.Type == schema.Wildcard:
			kinds[k] = kindText
		}
	}
	return kinds
}

// least is the length of the shortest text that can hold a name and a secret:
// pwd=x.
const least = 5

// leastName is the length of the shortest name of a secret: pwd.
const leastName = 3

// leastPath is the length of the shortest path that can hold a token.
const leastPath = 16

// event replaces the secrets of e, whose fields may be moved into b, and reports
// whether there were any.
func (f *finder) event(e *event.Event, b *event.Batch) bool {
	if e.Decode != "" {
		return f.undecoded(e)
	}
	changed, line, args, told := false, "", -1, false
	f.cut, f.e, f.b, f.owned = false, e, b, false
	for i := range e.Fields {
		x := &e.Fields[i]
		k := f.t.kinds[x.Key]
		if k == kindNone {
			continue
		}
		s := x.Val.Str()
		if k == kindTitle || k == kindLine {
			f.cut = f.cut || cut(len(s)) || x.Key == schema.Message && len(s) > 1020
		}
		switch {
		case k == kindArgs:
			if args < 0 {
				args = i
			}
		case k == kindMap:
			changed = f.entry(i, x.Name, s) || changed
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
	if args >= 0 && !f.cut {
		f.cut = cut(sizeOf(e.Fields[args:]))
	}
	if args >= 0 && (told || f.suspects(e.Fields[args:], line)) {
		changed = f.args() || changed
	}
	f.cut = false
	if e.Raw != "" {
		changed = f.raw(e) || changed
	}
	if changed {
		f.tag()
	}
	f.e, f.b = nil, nil
	return changed
}

// own returns the i-th field to be changed. Other events may share the memory of
// what they did not change, such as an alert with what it judges, so that the
// first change makes a copy.
func (f *finder) own(i int) *event.Field {
	if !f.owned {
		f.e.Fields, f.owned = f.b.Take(f.e.Fields, 4), true
	}
	return &f.e.Fields[i]
}

// cut reports whether a command line of that size may be one of PROCTITLE, which
// the kernel cuts at 128 bytes. Then it may end in a part of a secret.
func cut(size int) bool { return size >= 124 && size <= 128 }

// sizeOf is the size of the arguments with a byte between them.
func sizeOf(fields event.Fields) int {
	n := -1
	for i := range fields {
		if fields[i].Key != schema.ProcessArgs {
			break
		}
		n += len(fields[i].Val.Str()) + 1
	}
	return n
}

// suspects reports whether the arguments may hold a secret; line is the command
// line where it holds none.
func (f *finder) suspects(fields event.Fields, line string) bool {
	if joined(fields, line) {
		return false
	}
	if f.shortProgram(fields[0].Val.Str()) {
		return true
	}
	for i := range fields {
		if x := &fields[i]; x.Key == schema.ProcessArgs && f.suspect(x.Val.Str()) {
			return true
		}
	}
	return false
}

// shortProgram reports whether s is a program that takes secrets and whose name is
// too short for a literal.
func (f *finder) shortProgram(s string) bool {
	name := s[strings.LastIndexByte(s, '/')+1:]
	return len(name) < leastLiteral && f.t.programs.takes(name)
}

// joined reports whether a line is the arguments with a blank between them.
func joined(fields event.Fields, line string) bool {
	for i := range fields {
		if fields[i].Key != schema.ProcessArgs {
			break
		}
		s := fields[i].Val.Str()
		switch {
		case i > 0 && (line == "" || line[0] != ' '):
			return false
		case i > 0:
			line = line[1:]
		}
		if !strings.HasPrefix(line, s) {
			return false
		}
		line = line[len(s):]
	}
	return line == ""
}

// field replaces the secrets of one text.
func (f *finder) field(i int, s string, k fieldKind) bool {
	m := loose
	if k == kindLine || f.e.Fields[i].Key == schema.ProcessTitle {
		m = command
	}
	out, ok := f.text1(s, m)
	if ok {
		f.own(i).Val = event.String(out)
	}
	return ok
}

// entry replaces a named value where its name says that it is a secret, and what
// secrets it holds; the name itself may be chosen by a program, too.
func (f *finder) entry(i int, name, s string) bool {
	changed := false
	if len(name) >= leastName {
		kind, other := f.entryName(name)
		if kind.secret(s) {
			f.count(byName)
			f.own(i).Val = event.String(string(f.h.digest(s).append(nil)))
			return true
		}
		if other {
			if out, ok := f.text1(name, loose); ok {
				f.own(i).Name, changed = out, true
			}
		}
	}
	if len(s) >= least && f.suspect(s) {
		if out, ok := f.text1(s, loose); ok {
			f.own(i).Val, changed = event.String(out), true
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

func (f *finder) count(id pattern) { f.t.count[id].Inc() }

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

// args replaces the secrets of the arguments, which tell together what is one.
// Their number and order stay.
func (f *finder) args() bool {
	a, fields := &f.arg, f.e.Fields
	a.words, a.at = a.words[:0], a.at[:0]
	for i := range fields {
		if fields[i].Key == schema.ProcessArgs {
			a.words, a.at = append(a.words, word{s: fields[i].Val.Str()}), append(a.at, i)
		}
	}
	f.argv(a.words)
	for spans := f.spans; len(spans) > 0; {
		n := 1
		for n < len(spans) && spans[n].text == spans[0].text {
			n++
		}
		x := f.own(a.at[spans[0].text])
		x.Val = event.String(f.replace(x.Val.Str(), spans[:n]))
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

// tag marks the event, once.
func (f *finder) tag() {
	for v := range f.e.Fields.All(schema.Tags) {
		if v.Str() == Tag {
			return
		}
	}
	if !f.owned {
		f.e.Fields = f.b.Take(f.e.Fields, 4)
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
	e.Raw = out
	for i := range e.Fields {
		if e.Fields[i].Key == schema.EventHash {
			sum := sha256.Sum256([]byte(out))
			f.own(i).Val = event.String(hex.EncodeToString(sum[:]))
		}
	}
	return true
}

// undecoded replaces the secrets of a record that no transform took.
func (f *finder) undecoded(e *event.Event) bool {
	out, ok := f.records(e.Raw)
	e.Raw = out
	return ok
}

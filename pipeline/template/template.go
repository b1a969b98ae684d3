// Package template is texts with places for what an event says: the name of an
// index or a topic, the prefix of a key, the value of a header. It knows how such
// a text is written, what it gives for an event, and how a value is kept from
// leaving its place (confine.go); it knows nothing of what the text is for.
//
// A place stands between {{ and }}. It holds names of fields, of which the first
// that the event has counts, {{ container.name | host.name }}; or the event's
// time in UTC by a Go layout, {{ time "2006.01.02" }}; or, for whoever asks for
// them, an expression in place of names.
package template

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/expr"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// Template is a text that was understood. It belongs to one goroutine, since the
// expressions in it have memory of their own; nil is the empty text.
type Template struct {
	pieces  []piece
	machine *expr.Machine // nil without expressions
}

// piece is a text or a place: the one that is set.
type piece struct {
	text    string
	layout  string
	fields  []Field
	program *expr.Program
}

// Field is one name of a place; Name is set below a field that is a map
// ("labels.team").
type Field struct {
	Key  schema.Key
	Name string
}

// Options say what may stand in places.
type Options struct {
	Expressions bool // expressions, and no lists of names
	NoTime      bool // no times
	Text        int  // the most bytes of text; 0 for no limit
	Places      int  // the most places; 0 for no limit
}

// FieldHint says how a place is written.
const FieldHint = "write fields by their names in the schema, as {{ event.dataset }}"

// Parse reads a template; key is the key of its setting. A line end or a zero
// byte in a text is refused, since nothing that a template is for may have one.
func Parse(t plugin.Text, key string, o Options) (*Template, plugin.Problems) {
	out := &Template{}
	if o.Expressions {
		out.machine = expr.NewMachine()
	}
	bad := func(at, width int, format string, args ...any) (*Template, plugin.Problems) {
		pos := t.Pos
		if pos.Line > 0 {
			pos.Col += at
		}
		return nil, plugin.Problems{{Pos: pos, Width: width, Key: key, Text: key + ": " + fmt.Sprintf(format, args...), Hint: FieldHint}}
	}
	literal, places := 0, 0
	for at := 0; at < len(t.Value); {
		head, rest, open := strings.Cut(t.Value[at:], "{{")
		if strings.ContainsAny(head, "\r\n\x00") {
			return bad(at, len(head), "there is a line end or a zero byte in it")
		}
		if head != "" {
			out.pieces = append(out.pieces, piece{text: head})
			literal += len(head)
		}
		if !open {
			break
		}
		start := at + len(head)
		inner, _, closed := strings.Cut(rest, "}}")
		if !closed {
			return bad(start, 2, "there is no }} for this {{")
		}
		one, err := place(strings.TrimSpace(inner), o)
		if err != nil {
			return bad(start, len(inner)+4, "%v", err)
		}
		out.pieces = append(out.pieces, one)
		places++
		at = start + len(inner) + 4
	}
	if o.Text > 0 && literal > o.Text || o.Places > 0 && places > o.Places {
		return bad(0, len(t.Value), "it has %d places and %d bytes of text, and may have %d and %d", places, literal, o.Places, o.Text)
	}
	return out, nil
}

// place reads what stands between {{ and }}.
func place(s string, o Options) (piece, error) {
	if s == "" {
		return piece{}, errors.New("there is nothing between {{ and }}")
	}
	if layout, ok := strings.CutPrefix(s, "time "); ok && !o.NoTime {
		l, err := strconv.Unquote(strings.TrimSpace(layout))
		if err != nil || l == "" {
			return piece{}, errors.New(`time needs a layout in quotes, as {{ time "2006/01/02/15" }}`)
		}
		return piece{layout: l}, nil
	}
	if o.Expressions {
		return expression(s)
	}
	names := schema.NewNames()
	var p piece
	for name := range strings.SplitSeq(s, "|") {
		f, err := find(strings.TrimSpace(name), names)
		if err != nil {
			return piece{}, err
		}
		p.fields = append(p.fields, f)
	}
	return p, nil
}

func expression(s string) (piece, error) {
	program, err := expr.NewCompiler(expr.Options{}).String(plugin.Text{Value: s})
	if err == nil {
		return piece{program: program}, nil
	}
	var found plugin.Problems
	if !errors.As(err, &found) || len(found) == 0 {
		return piece{}, err
	}
	if found[0].Hint != "" {
		return piece{}, errors.New(found[0].Text + " (" + found[0].Hint + ")")
	}
	return piece{}, errors.New(found[0].Text)
}

func find(name string, names *schema.Names) (Field, error) {
	if k, ok := names.Find(name); ok && !k.Info().Type.IsMap() {
		return Field{Key: k}, nil
	}
	for at := strings.LastIndexByte(name, '.'); at > 0; at = strings.LastIndexByte(name[:at], '.') {
		if k, ok := names.Find(name[:at]); ok && k.Info().Type.IsMap() {
			return Field{Key: k, Name: name[at+1:]}, nil
		}
	}
	return Field{}, fmt.Errorf("there is no field %q", name)
}

// Empty reports whether the template is the empty text.
func (t *Template) Empty() bool { return t == nil || len(t.pieces) == 0 }

// Fixed reports whether the template has no place, so that it gives the same for
// each event.
func (t *Template) Fixed() bool {
	if t == nil {
		return true
	}
	for i := range t.pieces {
		if t.pieces[i].isPlace() {
			return false
		}
	}
	return true
}

// Head is the text that the template begins with, up to its first place.
func (t *Template) Head() string {
	head := ""
	for i := 0; t != nil && i < len(t.pieces) && !t.pieces[i].isPlace(); i++ {
		head += t.pieces[i].text
	}
	return head
}

// Texts calls yield with each text, and with what a time gives for an example;
// places for values are not among them.
func (t *Template) Texts(yield func(text string) bool) {
	for i := 0; t != nil && i < len(t.pieces); i++ {
		if t.pieces[i].isPlace() && t.pieces[i].layout == "" {
			continue
		}
		if !yield(t.pieces[i].example("")) {
			return
		}
	}
}

// Fields are the fields that the template names outside of expressions.
func (t *Template) Fields() []Field {
	var list []Field
	for i := 0; t != nil && i < len(t.pieces); i++ {
		list = append(list, t.pieces[i].fields...)
	}
	return list
}

// OfFields reports whether what the template gives follows from fields alone, and
// not from an expression, the time or what else the head of an event answers.
func (t *Template) OfFields() bool {
	for i := 0; t != nil && i < len(t.pieces); i++ {
		p := &t.pieces[i]
		if p.layout != "" || p.program != nil || slices.ContainsFunc(p.fields, func(f Field) bool { return ofHead(f.Key) }) {
			return false
		}
	}
	return true
}

// ofHead reports whether a key is answered from the head of an event.
func ofHead(k schema.Key) bool {
	switch k {
	case schema.Timestamp, schema.EventCreated, schema.EventDataset, schema.EventID, schema.EventOriginal:
		return true
	}
	return false
}

// Example is what the template gives where each value is stand.
func (t *Template) Example(stand string) string {
	whole := ""
	for i := 0; t != nil && i < len(t.pieces); i++ {
		whole += t.pieces[i].example(stand)
	}
	return whole
}

// TrimEnd cuts one suffix off the text that the template ends with.
func (t *Template) TrimEnd(suffix string) {
	if n := len(t.pieces); n > 0 && !t.pieces[n-1].isPlace() {
		t.pieces[n-1].text = strings.TrimSuffix(t.pieces[n-1].text, suffix)
	}
}

func (p *piece) isPlace() bool { return p.layout != "" || p.fields != nil || p.program != nil }

func (p *piece) example(stand string) string {
	switch {
	case p.layout != "":
		return exampleTime.Format(p.layout)
	case p.isPlace():
		return stand
	}
	return p.text
}

// value returns what the event has at a place of names, absent where it has
// nothing.
func (p *piece) value(e *event.Event) event.Value {
	for _, f := range p.fields {
		v := e.Get(f.Key)
		if f.Name != "" {
			if v = e.Fields.GetNamed(f.Key, f.Name); v.IsZero() {
				v = e.Shared.GetNamed(f.Key, f.Name)
			}
		}
		if !v.IsZero() {
			return v
		}
	}
	return event.Value{}
}

// Text returns the text that is to stand at the one place of names that the template is,
// as the event has it and before a rule, "" where it has none; false where the template is
// something else, or the value no text.
func (t *Template) Text(e *event.Event) (string, bool) {
	if t == nil || len(t.pieces) != 1 || t.pieces[0].fields == nil {
		return "", false
	}
	v := t.pieces[0].value(e)
	return v.Str(), v.IsZero() || v.Kind() == event.KindString
}

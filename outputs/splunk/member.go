package splunk

import (
	"strings"

	"tallyman/outputs/format/json"
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// member is what an envelope said last of a text: most events have the same one.
type member struct {
	of   string
	text []byte // with the comma behind it
}

// is reports whether the member is that of a text.
func (m *member) is(of string) bool { return m.of == of && m.text != nil }

// appendKind appends the member sourcetype.
func (r *renderer) appendKind(dst []byte, e *event.Event) []byte {
	if !r.sourcetype.Empty() {
		r.buf = r.appendSourcetype(r.buf[:0], e)
		return r.pair(dst, "sourcetype")
	}
	m := &r.kinds[0]
	if isAlert(e) {
		m = &r.kinds[1]
	}
	if !m.is(e.Dataset) {
		r.buf = r.appendSourcetype(r.buf[:0], e)
		*m = member{strings.Clone(e.Dataset), r.pair(m.text[:0], "sourcetype")}
	}
	return append(dst, m.text...)
}

func isAlert(e *event.Event) bool { return e.Get(schema.EventKind).Str() == "alert" }

// appendFields appends the fields that are indexed beside the event. The id is
// there so that a search can tell events that came twice.
func (r *renderer) appendFields(dst []byte, e *event.Event) []byte {
	dst = append(dst, `"fields":{`...)
	from := len(dst)
	if !e.ID.IsZero() {
		dst = append(dst, `"`+idField+`":"`...)
		dst = append(e.ID.Append(dst), `",`...) // letters and digits
	}
	for i := range r.fields {
		if f := &r.fields[i]; f.name != idField {
			dst = r.appendField(dst, f, e)
		}
	}
	if len(dst) > from {
		dst = dst[:len(dst)-1] // the last comma
	}
	return append(dst, "},"...)
}

// appendField appends the member of a field, unless it is empty.
func (r *renderer) appendField(dst []byte, f *indexed, e *event.Event) []byte {
	text, ok := f.text.Text(e)
	switch {
	case !ok || len(text) > most:
		r.buf, _ = f.text.Append(r.buf[:0], e, &r.asLine)
		return r.named(dst, f.name)
	case text == "":
		return dst
	case !f.last.is(text):
		r.buf, _ = f.text.Append(r.buf[:0], e, &r.asLine)
		f.last = member{strings.Clone(text), r.named(f.last.text[:0], f.name)}
	}
	return append(dst, f.last.text...)
}

// named is pair for a name that somebody chose.
func (r *renderer) named(dst []byte, name string) []byte {
	if len(r.buf) == 0 {
		return dst
	}
	dst, _ = json.AppendText(dst, name)
	return append(r.quote(append(dst, ':')), ',')
}

const idField = "event_id"

package pieces

import (
	"slices"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// Spare is the room that Finish needs in an event's fields.
const Spare = 8

// Finish adds to the event of a line what every container's line has: its kind
// and module, the line as message, and its stream. SCHEMA has no field for the
// stream; it is a label.
func (l *Line) Finish(e *event.Event, module string) {
	n := len(e.Fields)
	f := slices.Grow(e.Fields, 4)[:n+4]
	f[n].Put(schema.EventKind, "", "event")
	f[n+1].Put(schema.EventModule, "", module)
	if n += 2; l.Text != "" {
		f[n].Put(schema.Message, "", l.Text)
		n++
	}
	if l.Stream != "" {
		f[n].Put(schema.Labels, "stream", l.Stream)
		n++
	}
	if e.Fields = f[:n]; l.Why != "" {
		e.Fields.AddString(schema.Tags, TagPartial)
		e.Fields.AddString(schema.ErrorMessage, l.Why)
	}
}

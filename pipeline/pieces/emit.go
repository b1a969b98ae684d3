package pieces

import (
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// Spare is the room that Finish needs in an event's fields.
const Spare = 8

// Finish adds to the event of a line what every container's line has: its kind
// and module, the line as message, and its stream. SCHEMA has no field for the
// stream; it is a label.
func (l *Line) Finish(e *event.Event, module string) {
	e.Fields.AddString(schema.EventKind, "event")
	e.Fields.AddString(schema.EventModule, module)
	e.Fields.AddString(schema.Message, l.Text)
	if l.Stream != "" {
		e.Fields.AddNamed(schema.Labels, "stream", event.String(l.Stream))
	}
	if l.Why != "" {
		e.Fields.AddString(schema.Tags, TagPartial)
		e.Fields.AddString(schema.ErrorMessage, l.Why)
	}
}

package pieces

import (
	"strconv"

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

// seedText is how much of a line is part of its id.
const seedText = 512

// ID returns the id of a line: where it was written and what it says. Many files
// are read by one input, each begins at offset 0, and so does each one that
// follows by rotation under the same name; time and text tell them apart.
func (l *Line) ID(seed []byte, hostID string, e *event.Event) (event.ID, []byte) {
	b := seed[:0]
	b = append(b, hostID...)
	for _, part := range [...]string{e.Dataset, e.Get(schema.LogFilePath).Str(), e.Get(schema.LogSourceAddress).Str(),
		e.Get(schema.ContainerID).Str(), l.Stream, l.Text[:min(len(l.Text), seedText)]} {
		b = append(append(b, 0), part...)
	}
	b = strconv.AppendInt(append(b, 0), e.Offset, 10)
	b = strconv.AppendInt(append(b, 0), l.Time.UnixNano(), 10)
	return event.NewID(b), b
}

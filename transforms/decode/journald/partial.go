package journald

import (
	"unicode/utf8"

	"tallyman/pipeline/event"
	"tallyman/pipeline/pieces"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// A container's line that is longer than 16 KiB comes in several entries. Docker
// gives them an id of the line (CONTAINER_PARTIAL_ID) and says which is the last;
// conmon says of all but the last that they go on.

// piece returns what of a container's line an entry is, and false for one that is
// a line by itself, or no line of a container that its engine sent.
func (d *decoder) piece(x entry, e *event.Event) (pieces.Piece, bool) {
	id := x.get("CONTAINER_ID_FULL")
	if id == "" || !isID(id) || !x.engine() {
		return pieces.Piece{}, false
	}
	text, last := x.get("MESSAGE"), x.get("CONTAINER_PARTIAL_MESSAGE") != "true"
	s := pieces.Stream{Path: e.Get(schema.LogFilePath).Str(), Peer: e.Get(schema.LogSourceAddress).Str(), Container: id, Name: x.get("CONTAINER_PARTIAL_ID")}
	if s.Name == "" {
		s.Name = "priority " + x.get("PRIORITY") // that of stdout or of stderr
	}
	if last && !d.join.Waits(s) {
		return pieces.Piece{}, false
	}
	return pieces.Piece{Stream: s, Text: text, Time: x.time(e.Seen), Last: last, Keep: !utf8.ValidString(text)}, true
}

// joined emits a line of several entries: what the first says beside its piece is
// said of all.
func (d *decoder) joined(l *pieces.Line, out *event.Batch) {
	list, doubt, err := read(l.Event.Raw, nil) // of an entry that was read before
	if err != nil {
		doubt = err.Error()
	}
	for i := range list {
		if list[i].name == "MESSAGE" {
			list[i].value = l.Text
			break
		}
	}
	e := *l.Event
	e.Raw = l.Raw
	d.emit(e, list, doubt, out)
	if e := &out.Events[len(out.Events)-1]; l.Why != "" {
		e.Fields.AddString(schema.Tags, pieces.TagPartial)
		if e.Fields.Get(schema.ErrorMessage).IsZero() {
			e.Fields.AddString(schema.ErrorMessage, l.Why)
		}
	}
}

// Held implements plugin.HoldingDecoder.
func (d *decoder) Held(dst []event.Event) []event.Event { return d.join.Held(dst) }

// Idle implements plugin.HoldingDecoder.
func (d *decoder) Idle(out *event.Batch) { d.join.Idle(func(l *pieces.Line) { d.joined(l, out) }) }

// Flush implements plugin.HoldingDecoder.
func (d *decoder) Flush(out *event.Batch) { d.join.Flush(func(l *pieces.Line) { d.joined(l, out) }) }

var _ plugin.HoldingDecoder = (*decoder)(nil)

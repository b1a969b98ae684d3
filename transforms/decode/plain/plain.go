// Package plain takes a record as a line of text: it is the message, and the
// time is the one when it was read. It reads nothing out of it.
package plain

import (
	"tallyman/pipeline/event"
	"tallyman/pipeline/pieces"
	"tallyman/pipeline/plugin"
)

// Plugin is the decoder `plain`.
var Plugin = plugin.NewDecoder("plain", "Lines of text: the line is the message, and nothing is read out of it.", build)

// Dataset is that of the events.
const Dataset = "file.log"

type decoder struct{ ids *pieces.IDs }

func build(env plugin.Env) plugin.Decoder { return &decoder{pieces.NewIDs(env.HostID, env.Name)} }

// Decode implements plugin.Decoder.
func (d *decoder) Decode(e event.Event, out *event.Batch) error {
	l := pieces.Line{Text: e.Raw}
	e.Decode, e.Dataset, e.Raw = "", Dataset, ""
	if e.Time.IsZero() {
		e.Time = e.Seen
	}
	e.ID = d.ids.Of(&e, "", l.Text)
	e.Fields = out.Take(e.Fields, pieces.Spare)
	l.Finish(&e, "file")
	out.Events = append(out.Events, e)
	return nil
}

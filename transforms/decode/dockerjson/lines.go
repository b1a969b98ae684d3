package dockerjson

import (
	"tallyman/pipeline/event"
	"tallyman/pipeline/pieces"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// Lines is the decoder `docker_line`: what a container printed as it is, with its
// time and stream from the input.
var Lines = plugin.NewDecoder("docker_line", "Lines of containers as the input docker_logs has them of Docker's API: the text is the message.",
	func(env plugin.Env) plugin.Decoder { return &lineDecoder{ids: pieces.NewIDs(env.HostID, env.Name)} })

type lineDecoder struct {
	ids *pieces.IDs
}

// Decode implements plugin.Decoder. Two lines of one time have two offsets.
func (d *lineDecoder) Decode(e event.Event, out *event.Batch) error {
	l := pieces.Line{Text: e.Raw, Time: e.Time}
	if l.Time.IsZero() {
		l.Time = e.Seen
	}
	e.Decode, e.Dataset, e.Time, e.Raw = "", Dataset, l.Time, ""
	e.ID = d.ids.Stamped(&e, e.Fields.GetNamed(schema.Labels, "stream").Str(), l.Text, l.Time)
	e.Fields = out.Take(e.Fields, pieces.Spare)
	l.Finish(&e, "docker")
	out.Events = append(out.Events, e)
	return nil
}

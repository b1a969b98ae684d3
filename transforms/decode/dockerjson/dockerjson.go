// Package dockerjson understands what Docker's json-file driver writes: one JSON
// object a line, {"log":"…\n","stream":"stdout","attrs":{…},"time":"…"}. A line
// of the container that is longer than 16 KiB comes in pieces, all but the last
// without \n, which it puts together. It knows nothing of what containers say.
package dockerjson

import (
	"errors"

	"tallyman/pipeline/event"
	"tallyman/pipeline/pieces"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// Plugin is the decoder `docker_json`.
var Plugin = plugin.NewDecoder("docker_json", "Lines of containers as Docker's json-file driver writes them; pieces of long lines are put together.", build)

// Dataset is that of the events.
const Dataset = "docker.container_logs"

type decoder struct {
	texts texts
	clock pieces.Clock
	join  *pieces.Joiner
	ids   *pieces.IDs
}

func build(env plugin.Env) plugin.Decoder {
	return &decoder{ids: pieces.NewIDs(env.HostID, env.Name), join: pieces.New(env.Now, env.Meter, env.Name, "docker_json")}
}

var (
	errSyntax = errors.New("no JSON object")
	errLog    = errors.New(`no "log" that is a text`)
)

// Decode implements plugin.Decoder.
func (d *decoder) Decode(e event.Event, out *event.Batch) error {
	r, ok := d.texts.parse(e.Raw, out)
	switch {
	case !ok:
		return errSyntax
	case !r.hasLog:
		return errLog
	}
	doubt, at := r.unknown, e.Seen
	t, timed := d.clock.Parse(r.time)
	if timed {
		at = t
	} else {
		doubt = doubt || r.time != ""
	}
	if d.join.Whole(&e, r.stream, r.last) {
		line := pieces.Line{Stream: r.stream, Text: r.log, Time: at}
		if doubt {
			line.Raw = e.Raw
		}
		d.emit(&e, &line, &r, timed, out)
		return nil
	}
	p := pieces.Piece{Stream: pieces.StreamOf(&e, r.stream), Text: r.log, Time: at, Last: r.last, Keep: doubt}
	d.join.Add(&e, p, func(l *pieces.Line) { d.joined(l, out) })
	return nil
}

// joined emits a line of several records: what the first says beside its piece
// is said of all.
func (d *decoder) joined(l *pieces.Line, out *event.Batch) {
	r, _ := d.texts.parse(l.Event.Raw, out)
	_, timed := d.clock.Parse(r.time)
	d.emit(l.Event, l, &r, timed, out)
}

// emit emits a line; timed says that its time is the record's, and not that of reading,
// which is another one each time.
func (d *decoder) emit(of *event.Event, l *pieces.Line, r *record, timed bool, out *event.Batch) {
	out.Events = append(out.Events, *of)
	e := &out.Events[len(out.Events)-1]
	e.Decode, e.Dataset, e.Time, e.Raw = "", Dataset, l.Time, l.Raw
	if timed {
		e.ID = d.ids.Stamped(e, l.Stream, l.Text, l.Time)
	} else {
		e.ID = d.ids.Of(e, l.Stream, l.Text)
	}
	e.Fields = out.Take(e.Fields, pieces.Spare+2*r.attrCount)
	l.Finish(e, "docker")
	if e.Get(schema.ContainerRuntime).IsZero() {
		e.Fields.AddString(schema.ContainerRuntime, "docker")
	}
	if r.attrCount > 0 {
		eachAttr(r.attrs, func(name, value string) {
			if value != "" {
				e.Fields.AddNamed(schema.DockerAttributes, name, event.String(value))
			}
		})
	}
}

// Held implements plugin.HoldingDecoder.
func (d *decoder) Held(dst []event.Event) []event.Event { return d.join.Held(dst) }

// Idle implements plugin.HoldingDecoder.
func (d *decoder) Idle(out *event.Batch) { d.join.Idle(func(l *pieces.Line) { d.joined(l, out) }) }

// Flush implements plugin.HoldingDecoder.
func (d *decoder) Flush(out *event.Batch) { d.join.Flush(func(l *pieces.Line) { d.joined(l, out) }) }

var _ plugin.HoldingDecoder = (*decoder)(nil)

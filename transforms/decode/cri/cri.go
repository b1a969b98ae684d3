// Package cri understands the log files that the runtimes of Kubernetes write,
// one record a line: TIME STREAM TAGS TEXT, where the first of the tags, parted
// by ':', is P for a piece of a line and F for its last or only one
// (kubernetes/design-proposals-archive, node/kubelet-cri-logging.md). It puts the
// pieces together and knows nothing of what containers say.
package cri

import (
	"errors"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/pieces"
	"tallyman/pipeline/plugin"
)

// Plugin is the decoder `cri`.
var Plugin = plugin.NewDecoder("cri", "Lines of containers as containerd, CRI-O and podman write them; pieces of long lines are put together.", build)

// Dataset is that of the events.
const Dataset = "kubernetes.container_logs"

type decoder struct {
	clock pieces.Clock
	join  *pieces.Joiner
	ids   *pieces.IDs
}

func build(env plugin.Env) plugin.Decoder {
	return &decoder{ids: pieces.NewIDs(env.HostID, env.Name), join: pieces.New(env.Now, env.Meter, env.Name, "cri")}
}

var errForm = errors.New("no TIME STREAM TAGS TEXT")

// record is what one line says; all are views of it.
type record struct {
	time, stream, text string
	more               string // tags beside the first
	last               bool
}

// parse cuts a line at its first three blanks. The text may be empty, and then
// even the blank before it may be missing.
func parse(line string) (record, bool) {
	time, rest, ok := strings.Cut(line, " ")
	if !ok {
		return record{}, false
	}
	stream, rest, ok := strings.Cut(rest, " ")
	if !ok || stream != "stdout" && stream != "stderr" {
		return record{}, false
	}
	tags, text, _ := strings.Cut(rest, " ")
	tag, more, _ := strings.Cut(tags, ":")
	return record{time: time, stream: stream, text: text, more: more, last: tag == "F"}, tag == "F" || tag == "P"
}

// Decode implements plugin.Decoder.
func (d *decoder) Decode(e event.Event, out *event.Batch) error {
	r, ok := parse(e.Raw)
	if !ok {
		return errForm
	}
	at, ok := d.clock.Parse(r.time)
	if !ok {
		return errForm
	}
	if d.join.Whole(&e, r.stream, r.last) {
		line := pieces.Line{Stream: r.stream, Text: r.text, Time: at}
		if r.more != "" {
			line.Raw = e.Raw
		}
		d.emit(&e, &line, out)
		return nil
	}
	p := pieces.Piece{Stream: pieces.StreamOf(&e, r.stream), Text: r.text, Time: at, Last: r.last, Keep: r.more != ""}
	d.join.Add(&e, p, func(l *pieces.Line) { d.emit(l.Event, l, out) })
	return nil
}

func (d *decoder) emit(of *event.Event, l *pieces.Line, out *event.Batch) {
	out.Events = append(out.Events, *of)
	e := &out.Events[len(out.Events)-1]
	e.Decode, e.Dataset, e.Time, e.Raw = "", Dataset, l.Time, l.Raw
	e.ID = d.ids.Stamped(e, l.Stream, l.Text, l.Time)
	e.Fields = out.Take(e.Fields, pieces.Spare)
	l.Finish(e, "kubernetes")
}

// Held implements plugin.HoldingDecoder.
func (d *decoder) Held(dst []event.Event) []event.Event { return d.join.Held(dst) }

// Idle implements plugin.HoldingDecoder.
func (d *decoder) Idle(out *event.Batch) {
	d.join.Idle(func(l *pieces.Line) { d.emit(l.Event, l, out) })
}

// Flush implements plugin.HoldingDecoder.
func (d *decoder) Flush(out *event.Batch) {
	d.join.Flush(func(l *pieces.Line) { d.emit(l.Event, l, out) })
}

var _ plugin.HoldingDecoder = (*decoder)(nil)

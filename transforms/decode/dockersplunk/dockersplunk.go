// Package dockersplunk reads lines of containers as Docker's log driver `splunk`
// sends them: an object with the line, its stream and the container's tag (the
// formats inline and json), or a text that begins with the tag (the format raw).
// It knows nothing of the collector that they were sent to.
package dockersplunk

import (
	"errors"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/pieces"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/record"
	"tallyman/pipeline/schema"
)

// Plugin is the decoder `docker_splunk`.
var Plugin = plugin.NewDecoder("docker_splunk", "Lines of containers as Docker's log driver splunk sends them, in each of its formats: inline, json and raw.",
	func(env plugin.Env) plugin.Decoder { return build(env) })

// Dataset is that of the events.
const Dataset = "container.log"

// room is the place for labels beside what each line has.
const room = 16

var (
	errObject = errors.New("no object of Docker's log driver: it has no line, or is no JSON")
	errTag    = errors.New("neither an object of Docker's log driver nor a line that begins with a container's id: leave the driver's tag as it is, or make it {{.FullID}}")
)

func build(env plugin.Env) *decoder { return &decoder{env: env} }

// decoder belongs to one lane.
type decoder struct {
	env  plugin.Env
	doc  jsontree.Doc
	seed []byte
}

// said is what a record says.
type said struct {
	line, stream, tag string
	attrs             jsontree.Node
	over              bool
}

// Decode implements plugin.Decoder.
func (d *decoder) Decode(e event.Event, out *event.Batch) error {
	s, err := d.read(e.Raw)
	if err != nil {
		return err
	}
	raw := e.Raw
	e.Decode, e.Dataset, e.Raw = "", Dataset, ""
	if e.Time.IsZero() {
		e.Time = e.Seen
	}
	e.Fields = out.Take(e.Fields, pieces.Spare+room)
	l := pieces.Line{Text: s.line, Stream: s.stream, Time: e.Time}
	l.Finish(&e, "docker")
	f := &e.Fields
	if id, _, _ := strings.Cut(s.tag, " "); isID(id) {
		f.AddString(schema.ContainerID, id)
	}
	f.AddString(schema.ContainerRuntime, "docker")
	s.over = !record.Label(f, "tag", s.tag)
	s.attrs.Rest(func(path string, n jsontree.Node) {
		s.over = !record.Label(f, path, n.Text()) || s.over
	})
	if s.over {
		e.Raw = raw
	}
	if e.ID.IsZero() {
		e.ID, d.seed = record.LineID(d.seed, d.env.HostID, &e, raw, 0)
	}
	out.Events = append(out.Events, e)
	return nil
}

// read takes a record apart. A line of the format json is a value of its own, and
// its text is the message; one of raw is what follows the tag.
func (d *decoder) read(raw string) (s said, err error) {
	if !strings.HasPrefix(strings.TrimLeft(raw, " \t"), "{") {
		tag, line, ok := strings.Cut(raw, " ")
		if !ok || !isID(tag) {
			return s, errTag
		}
		s.tag, s.line = tag, line
		return s, nil
	}
	root, ok := d.doc.Parse(strings.TrimSpace(raw))
	if !ok || !root.IsObject() || !root.Get("line").Is() {
		return s, errObject
	}
	if line := root.Get("line"); line.IsString() {
		s.line = line.Str()
	} else {
		s.line = line.JSON()
		line.Skip()
	}
	s.stream, s.tag = root.Get("source").Str(), root.Get("tag").Str()
	s.attrs = root.Get("attrs")
	return s, nil
}

// isID reports whether a text is the id of a container, short or whole.
func isID(s string) bool {
	if len(s) != 12 && len(s) != 64 {
		return false
	}
	return strings.Trim(s, "0123456789abcdef") == ""
}

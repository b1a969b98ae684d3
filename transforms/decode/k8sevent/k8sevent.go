// Package k8sevent understands the events of Kubernetes, which say what happened
// to its objects: Event of core/v1 and of events.k8s.io/v1, alone, as a line of a
// watch ({"type":"ADDED","object":{…}}), in a list, or as fluent-bit writes them
// ([time,{…}]). It knows no transport, and asks nobody.
package k8sevent

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsonscan"
	"tallyman/pipeline/pieces"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// Plugin is the decoder `kubernetes_event`.
var Plugin = plugin.NewDecoder("kubernetes_event", "Events of Kubernetes (core/v1 and events.k8s.io/v1): single objects, lines of a watch, lists.", build)

// Dataset is that of the events.
const Dataset = "kubernetes.events"

// What an event says of itself when a part of its record is in doubt: a tag and a
// code. error.message says which part.
const (
	TagIncomplete = "tallyman_incomplete"
	CodeParse     = "parse_error"
)

var (
	errSyntax = errors.New("no JSON object")
	errEvent  = errors.New("no event of Kubernetes: it has no reason and is about nothing")
	errWatch  = errors.New("the watch ended with an error")
)

const (
	// spare is the room of an event's fields.
	spare = 48
	// mostMessage is how long a message is, in bytes, as with the API server.
	mostMessage = 1024
)

type decoder struct {
	env plugin.Env
	buf []byte
}

func build(env plugin.Env) plugin.Decoder { return &decoder{env: env} }

// Decode implements plugin.Decoder.
func (d *decoder) Decode(e event.Event, out *event.Batch) error {
	var r record
	r.read(e.Raw)
	switch {
	case !r.ok:
		return errSyntax
	case strings.HasSuffix(r.kind, "List") && r.items != "":
		list(&e, r.items, out)
		return nil
	case r.change == "ERROR":
		return errWatch
	case r.change == "BOOKMARK":
		out.Filtered += e.Records // it says how far the watch is, and nothing else
		return nil
	case r.reason == "" && r.about.kind == "" || r.kind != "" && r.kind != "Event":
		return errEvent
	}
	d.emit(&e, &r, out)
	return nil
}

// list takes a list apart whose items came as one record. The first stands for
// that.
func list(e *event.Event, items string, out *event.Batch) {
	s := jsonscan.New(items)
	records := e.Records
	s.Items(func() {
		item := *e
		item.Raw, item.Records = s.Raw(), records
		item.Fields = out.Take(e.Fields, 0)
		records = 0
		out.Events = append(out.Events, item)
	})
	if records > 0 {
		out.Filtered += records // a list of nothing says nothing
	}
}

func (d *decoder) emit(e *event.Event, r *record, out *event.Batch) {
	e.Decode, e.Dataset = "", Dataset
	e.Fields = out.Take(e.Fields, spare)
	f := &e.Fields
	d.times(e, r)
	v := r.judge()
	f.AddString(schema.EventKind, "event")
	f.AddString(schema.EventModule, "kubernetes")
	f.AddString(schema.EventCategory, v.category)
	f.AddString(schema.EventType, v.kind)
	f.AddString(schema.EventAction, v.action)
	f.AddString(schema.EventOutcome, v.outcome)
	f.AddString(schema.EventCode, r.level)
	f.Add(schema.EventSeverity, event.Int(v.severity))
	f.AddString(schema.EventReason, r.reason)
	f.AddString(schema.EventProvider, r.component)
	r.target(f)
	if r.count > 0 {
		f.AddNamed(schema.Labels, "count", event.String(strconv.FormatInt(r.count, 10)))
	}
	for _, l := range [...]struct{ name, value string }{{"step", r.action}, {"instance", r.instance}, {"event_name", r.name}, {"event_uid", r.uid}, {"watch", r.change}} {
		if l.value != "" {
			f.AddNamed(schema.Labels, l.name, event.String(l.value))
		}
	}
	f.AddString(schema.Message, bound(r.message))
	if r.doubt != "" {
		f.AddString(schema.Tags, TagIncomplete)
		f.AddString(schema.ErrorCode, CodeParse)
		f.AddString(schema.ErrorMessage, r.doubt)
	}
	if r.doubt == "" && !r.unknown && len(r.message) <= mostMessage {
		e.Raw = ""
	}
	d.id(e, r)
	out.Events = append(out.Events, *e)
}

// target adds what the event is about.
func (r *record) target(f *event.Fields) {
	space := r.about.namespace
	if space == "" && r.about.kind != "Node" && r.about.kind != "Namespace" {
		space = r.namespace
	}
	f.AddString(schema.OrchestratorType, "kubernetes")
	f.AddString(schema.OrchestratorNamespace, space)
	f.AddString(schema.OrchestratorAPIVersion, r.about.version)
	f.AddString(schema.OrchestratorResourceType, strings.ToLower(r.about.kind))
	f.AddString(schema.OrchestratorResourceName, r.about.name)
	f.AddString(schema.OrchestratorResourceID, r.about.uid)
	f.AddString(schema.KubernetesNamespace, space)
	node := r.host
	switch r.about.kind {
	case "Pod":
		f.AddString(schema.KubernetesPodName, r.about.name)
		f.AddString(schema.KubernetesPodUID, r.about.uid)
		f.AddString(schema.KubernetesContainerName, containerOf(r.about.path))
	case "Node":
		node = r.about.name
	}
	if node == "" && r.component == "kubelet" {
		node = r.instance
	}
	f.AddString(schema.KubernetesNodeName, node)
	if r.about.path != "" {
		f.AddNamed(schema.Labels, "field_path", event.String(r.about.path))
	}
}

// containerOf returns the container that a field path names:
// spec.containers{api}.
func containerOf(path string) string {
	_, name, ok := strings.Cut(path, "ontainers{")
	if name, whole := strings.CutSuffix(name, "}"); ok && whole {
		return name
	}
	return ""
}

// times sets when it happened, the last time where it did several times.
func (d *decoder) times(e *event.Event, r *record) {
	e.Time = time.Time{}
	for _, s := range [...]string{r.observed, r.last, r.at, r.first, r.created} {
		if t, ok := r.when(s); ok {
			e.Time = t
			break
		}
	}
	if e.Time.IsZero() {
		e.Time = e.Seen
	}
	if t, ok := r.when(r.first); ok && r.count > 1 {
		e.Fields.Add(schema.EventStart, event.Time(t))
		e.Fields.Add(schema.EventEnd, event.Time(e.Time))
	}
}

// when reads a time; what does not fit the schema's range is none.
func (r *record) when(s string) (time.Time, bool) {
	if s == "" {
		return time.Time{}, false
	}
	t, ok := pieces.ParseTime(s)
	if !ok || t.Year() < 1970 || t.Year() > 2261 {
		r.say("a time is not as the API server writes it: " + s[:min(len(s), 64)])
		return time.Time{}, false
	}
	return t, true
}

// id makes the event's id: an Event is one object that changes as it happens
// again, and each change is an event of its own.
func (d *decoder) id(e *event.Event, r *record) {
	b := d.buf[:0]
	b = append(b, d.env.HostID...)
	for _, part := range [...]string{Dataset, r.uid, r.revision, r.change, r.namespace, r.name, r.reason, r.first, r.last, r.at, r.observed} {
		b = append(append(b, 0), part...)
	}
	b = strconv.AppendInt(append(b, 0), r.count, 10)
	if r.uid == "" {
		b = append(append(b, 0), e.Get(schema.LogFilePath).Str()...)
		b = append(append(b, 0), e.Get(schema.LogSourceAddress).Str()...)
		b = strconv.AppendInt(append(b, 0), e.Offset, 10)
	}
	e.ID, d.buf = event.NewID(b), b
}

// bound cuts a text at the most a message may have, between characters.
func bound(s string) string {
	if len(s) <= mostMessage {
		return s
	}
	n := mostMessage
	for n > mostMessage-4 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}

// Package registry understands what registries of container images say of
// themselves: the notifications, the access log and the application log of
// Distribution, the webhooks and logs of Harbor, JFrog Artifactory, Quay, DTR/MSR
// and Docker Hub. Which of them a record is, its form says. The package knows no
// transport, and asks no registry.
package registry

import (
	"errors"
	"strconv"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/record"
	"tallyman/pipeline/schema"
)

// Plugin is the decoder `registry`: pushes and pulls of layers are left out, those
// of manifests and indexes are events.
var Plugin = plugin.NewDecoder("registry", "Notifications and logs of image registries: Distribution, Harbor, Artifactory, Quay, DTR/MSR, Docker Hub.",
	func(env plugin.Env) plugin.Decoder { return &decoder{env: env, tags: newMemory(mostTags)} })

// Layers is the decoder `registry_layers`, which leaves nothing out.
var Layers = plugin.NewDecoder("registry_layers", "As registry, with an event for each layer that was pushed or pulled.",
	func(env plugin.Env) plugin.Decoder {
		return &decoder{env: env, layers: true, tags: newMemory(mostTags)}
	})

// Dataset is that of the events.
const Dataset = "registry.events"

var (
	errJSON = errors.New("no JSON, nested too deep or too large")
	errForm = errors.New("neither a notification nor a line of a log that is known")
	errMany = errors.New("it holds more items than any registry sends at once")
)

// mostItems bounds the items of one notification: each is an event, and Distribution
// sends a handful at a time.
const mostItems = 10_000

// decoder belongs to one lane.
type decoder struct {
	env    plugin.Env
	layers bool
	doc    jsontree.Doc
	tags   *memory
	seed   []byte
	index  int      // of the event among those of its record
	whole  event.ID // of the record, when one of its events has no name
}

// Decode implements plugin.Decoder.
func (d *decoder) Decode(e event.Event, out *event.Batch) error {
	d.index, d.whole = 0, event.ID{}
	text := strings.TrimSpace(strings.TrimPrefix(e.Raw, "\ufeff"))
	var s said
	if !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[") {
		text = s.prefix(text, e.Seen)
	}
	if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
		root, ok := d.doc.Parse(text)
		if !ok {
			return errJSON
		}
		return d.document(&e, root, s, out)
	}
	if !s.line(text) {
		return errForm
	}
	if d.emit(&e, &s, e.Records, out); d.index == 0 {
		out.Filtered += e.Records
	}
	return nil
}

// document takes a JSON text: one notification or several.
func (d *decoder) document(e *event.Event, root jsontree.Node, head said, out *event.Batch) error {
	records, known := e.Records, true
	each := func(n jsontree.Node, fill func(*said, jsontree.Node)) {
		s := head
		s.one = n
		fill(&s, n)
		d.emit(e, &s, records, out)
		if d.index > 0 {
			records = 0 // the first stands for the record
		}
	}
	list := func(n jsontree.Node, fill func(*said, jsontree.Node)) {
		n.Each(func(_ string, n jsontree.Node) { each(n, fill) })
	}
	if max(root.Len(), root.Get("events").Len(), root.Get("logs").Len(), root.Any("event_data", "data").Get("resources").Len()) > mostItems {
		return errMany
	}
	switch {
	case root.IsArray():
		n := 0
		root.Each(func(_ string, item jsontree.Node) {
			if fill := one(item); fill != nil {
				each(item, fill)
				n++
			}
		})
		known = n == root.Len() && n > 0
	case root.Get("events").IsArray():
		list(root.Get("events"), (*said).notification)
	case root.Get("logs").IsArray():
		list(root.Get("logs"), (*said).quay)
	case root.Any("event_data", "data").Get("resources").IsArray():
		// Harbor: what was done to several artifacts at once.
		resources := root.Any("event_data", "data").Get("resources")
		head.harbor(root)
		var all []said
		resources.Each(func(_ string, r jsontree.Node) {
			s := head
			s.resource(r)
			s.one = root
			all = append(all, s)
		})
		for i := range all { // when all of them are read
			d.emit(e, &all[i], records, out)
			records = 0
		}
		known = len(all) > 0
	default:
		fill := one(root)
		if known = fill != nil; known {
			each(root, fill)
		}
	}
	if !known {
		return errForm
	}
	if d.index == 0 && records > 0 { // an empty list, or layers alone
		out.Filtered += records
	}
	return nil
}

// one returns what reads an object, by its members.
func one(n jsontree.Node) func(*said, jsontree.Node) {
	has := func(names ...string) bool {
		for _, name := range names {
			if !n.Get(name).Is() {
				return false
			}
		}
		return true
	}
	switch {
	case has("action", "target"):
		return (*said).notification
	case has("type", "event_data"), has("type", "specversion") && strings.HasPrefix(n.Get("type").JSON(), "harbor."):
		return (*said).harbor
	case has("operation", "op_time"):
		return (*said).harborAudit
	case has("push_data", "repository"):
		return (*said).dockerHub
	case has("type", "contents"):
		return (*said).trusted
	case has("kind", "datetime"), has("kind_id", "datetime"), has("kind", "metadata", "performer"):
		return (*said).quay
	case has("docker_url", "repository"):
		return (*said).quayNotification
	case has("log_source"), has("RequestPath", "RequestMethod"):
		return (*said).jfrogLog
	case has("event_type") && (has("domain") || has("repo_key")):
		return (*said).jfrogHook
	case has("msg", "level"), has("msg", "time"):
		return (*said).application
	}
	return nil
}

// emit adds the event, unless it is about a layer and those are left out.
func (d *decoder) emit(e *event.Event, s *said, records uint32, out *event.Batch) {
	if s.layer && !d.layers && (s.action == actionPush || s.action == actionPull) {
		return
	}
	ev := *e
	ev.Decode, ev.Dataset, ev.Records = "", Dataset, records
	if ev.Time = s.time; ev.Time.IsZero() {
		ev.Time = e.Seen
		if s.clock {
			s.say("the record has no time that can be read")
		}
	}
	ev.Fields = out.Take(e.Fields, spare+len(s.labels))
	if s.name != "" && s.stamp != "" {
		ev.ID, d.seed = record.ID(d.seed, d.env.HostID, &ev, s.provider, s.name, s.stamp, s.action, s.repository, s.tag, s.digest, s.user)
	} else {
		if d.index == 0 || d.whole.IsZero() {
			d.whole, d.seed = record.LineID(d.seed, d.env.HostID, e, e.Raw, 0)
		}
		if ev.ID = d.whole; d.index > 0 {
			// Not the whole text again for each: there may be thousands.
			d.seed = strconv.AppendInt(append(d.seed[:0], d.whole[:]...), int64(d.index), 10)
			ev.ID = event.NewID(d.seed)
		}
	}
	d.index++
	d.moved(s)
	s.fields(&ev.Fields)
	if s.one.Left() {
		s.unknown = true
	}
	switch {
	case s.doubt != "":
		record.Doubt(&ev.Fields, s.doubt)
	case !s.unknown:
		ev.Raw = ""
	}
	if ev.Raw != "" && s.one.Is() {
		ev.Raw = s.one.JSON() // its part of a list
	}
	if s.secret != "" {
		ev.Raw = without(ev.Raw, s.secret)
	}
	out.Events = append(out.Events, ev)
}

// moved says what a tag pointed to before, as far as this lane has seen it, and
// remembers where it points now.
func (d *decoder) moved(s *said) {
	if s.repository == "" || s.tag == "" || s.outcome == "failure" {
		return
	}
	where := s.host + "/" + s.repository + ":" + s.tag
	switch {
	case s.action == actionDelete:
		d.tags.forget(where)
	case s.digest == "" || s.layer:
	case s.action == actionPush:
		before := d.tags.put(where, s.digest)
		if before != "" && before != s.digest {
			s.previous, s.overwritten = before, true
		}
	case s.action == actionPull:
		d.tags.put(where, s.digest)
	}
}

// appName adds the program that a line of syslog names.
func (s *said) appName(f *event.Fields) {
	f.AddString(schema.LogSyslogAppname, s.app)
	f.AddString(schema.LogSyslogProcID, s.procID)
}

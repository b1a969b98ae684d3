// Package falco understands the alerts of Falco: one JSON object each, as Falco
// writes them to a file (json_output), posts them (http_output), and as
// falcosidekick hands them on; or one line of text each, as it prints them otherwise.
// It knows no transport.
package falco

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/record"
	"tallyman/pipeline/schema"
	"tallyman/pipeline/zone"
)

// Plugin is the decoder `falco`.
var Plugin = plugin.NewDecoder("falco", "Alerts of Falco: as JSON, from its file output, its HTTP output or falcosidekick, and as lines of plain text.",
	func(env plugin.Env) plugin.Decoder { return &decoder{env: env} })

// Dataset is that of the events.
const Dataset = "falco.alerts"

// spare is the room of an event's fields without those that come many times.
const spare = 48

var (
	errJSON  = errors.New("no JSON, nested too deep or too large")
	errAlert = errors.New("no alert: it has no rule, or no priority")
)

// decoder belongs to one lane.
type decoder struct {
	env   plugin.Env
	doc   jsontree.Doc
	zones zone.Finder
	seed  []byte
}

// Decode implements plugin.Decoder.
func (d *decoder) Decode(e event.Event, out *event.Batch) error {
	text := strings.TrimSpace(e.Raw)
	if !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[") {
		return d.plain(&e, text, out)
	}
	root, ok := d.doc.Parse(text)
	if !ok {
		return errJSON
	}
	if !root.IsArray() {
		return d.alert(&e, root, e.Records, out)
	}
	records := e.Records
	var err error
	root.Each(func(_ string, n jsontree.Node) {
		if err == nil {
			err = d.alert(&e, n, records, out)
			records = 0
		}
	})
	if root.Len() == 0 {
		return errAlert
	}
	return err
}

// alert adds the event of one alert (SCHEMA, section 4.12). An alert says that a
// rule matched, and nothing of how what it saw ended: there is no event.outcome.
func (d *decoder) alert(e *event.Event, n jsontree.Node, records uint32, out *event.Batch) error {
	rule, priority := n.Get("rule").Str(), n.Get("priority").Str()
	if rule == "" || priority == "" {
		return errAlert
	}
	ev := *e
	ev.Decode, ev.Dataset, ev.Records = "", Dataset, records
	if ev.Time.IsZero() { // no transport says one
		ev.Time = e.Seen
	}
	of := n.Get("output_fields")
	tags := n.Get("tags")
	ev.Fields = out.Take(e.Fields, spare+2*min(of.Len(), 1024)+2*min(tags.Len(), 256))
	f := &ev.Fields
	doubt, stamp := "", n.Get("time").Str()
	if t, ok := record.Time(stamp); ok {
		ev.Time = t
	} else if t, ok := eventTime(of); ok {
		ev.Time = t
	} else {
		doubt = "the alert has no time that can be read"
	}
	severity, known := priorities[strings.ToLower(priority)]
	if !known {
		severity, doubt = 5, "the priority "+priority[:min(len(priority), 64)]+" is not known"
	}
	head(f, severity)
	if host := n.Get("hostname").Str(); host != "" {
		f.Set(schema.HostName, event.String(host)) // it knows better than a relay
	}
	f.AddString(schema.FalcoRule, rule)
	f.AddString(schema.FalcoPriority, priority)
	f.AddString(schema.FalcoSource, n.Get("source").Str())
	uuid, output := n.Get("uuid").Str(), n.Get("output").Str()
	f.AddString(schema.FalcoUUID, uuid)
	if len(output) <= record.MaxText {
		f.AddString(schema.FalcoOutput, output)
		f.AddString(schema.Message, output)
	} else {
		doubt = "the output is too long for a field"
	}
	tags.Each(func(_ string, t jsontree.Node) { tag(f, t.Str()) })
	d.saw(f, of)
	of.Rest(func(path string, v jsontree.Node) {
		if text := v.Text(); text != none {
			f.AddNamed(schema.FalcoOutputFields, path, event.String(text))
		}
	})
	ev.ID, d.seed = record.ID(d.seed, d.env.HostID, &ev, uuid, stamp, rule, output)
	switch {
	case doubt != "":
		record.Doubt(f, doubt)
	case !n.Left():
		ev.Raw = ""
	}
	if ev.Raw != "" {
		ev.Raw = n.JSON()
	}
	out.Events = append(out.Events, ev)
	return nil
}

// head adds what kind of event it is.
func head(f *event.Fields, severity int64) {
	for _, v := range [...]struct {
		k    schema.Key
		text string
	}{{schema.EventKind, "alert"}, {schema.EventModule, "falco"}, {schema.EventCategory, "intrusion_detection"}, {schema.EventType, "info"}, {schema.EventAction, "alert"}} {
		f.AddString(v.k, v.text)
	}
	f.Add(schema.EventSeverity, event.Int(severity))
}

// eventTime reads the nanoseconds among a rule's fields.
func eventTime(of jsontree.Node) (time.Time, bool) {
	ns, ok := of.Get("evt.time").Int()
	if !ok || ns <= 0 {
		return time.Time{}, false
	}
	t := time.Unix(0, ns).UTC()
	return t, record.Sane(t)
}

// none is how Falco writes that a field has no value.
const none = "<NA>"

// priorities are Falco's, as SCHEMA (section 5) has their severity.
var priorities = map[string]int64{"emergency": 10, "alert": 10, "critical": 10, "error": 8, "warning": 5, "notice": 3, "informational": 2, "info": 2, "debug": 2}

// tag adds a tag; those of MITRE ATT&CK have fields of their own.
func tag(f *event.Fields, t string) {
	f.AddString(schema.Tags, t)
	id := strings.TrimPrefix(strings.ToUpper(t), "MITRE_")
	switch {
	case len(id) == 6 && id[:2] == "TA" && digits(id[2:]):
		f.AddString(schema.ThreatTacticID, id)
	case len(id) == 5 && id[0] == 'T' && digits(id[1:]):
		f.AddString(schema.ThreatTechniqueID, id)
	case len(id) == 9 && id[0] == 'T' && id[5] == '.' && digits(id[1:5]) && digits(id[6:]):
		f.AddString(schema.ThreatTechniqueID, id[:5])
		f.AddString(schema.ThreatTechniqueSubtechniqueID, id)
	}
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// saw adds what the rule's fields say.
func (d *decoder) saw(f *event.Fields, n jsontree.Node) {
	n.Get("evt.time").Skip() // the time of the alert
	text := func(k schema.Key, name string) string {
		v := n.Get(name).Text()
		if v == none {
			return ""
		}
		f.AddString(k, v)
		return v
	}
	number := func(k schema.Key, name string) {
		if v, ok := n.Get(name).Int(); ok && v >= 0 {
			f.Add(k, event.Int(v))
		}
	}
	text(schema.ProcessName, "proc.name")
	text(schema.ProcessExecutable, "proc.exepath")
	text(schema.ProcessCommandLine, "proc.cmdline")
	text(schema.ProcessWorkingDirectory, "proc.cwd")
	number(schema.ProcessPID, "proc.pid")
	number(schema.ProcessVPID, "proc.vpid")
	text(schema.ProcessParentName, "proc.pname")
	text(schema.ProcessParentExecutable, "proc.pexepath")
	text(schema.ProcessParentCommandLine, "proc.pcmdline")
	number(schema.ProcessParentPID, "proc.ppid")
	f.AddString(schema.RelatedUser, text(schema.UserName, "user.name"))
	text(schema.UserID, "user.uid")
	if login := n.Get("user.loginuid").Text(); login != none && login != "-1" && login != "4294967295" {
		f.AddString(schema.UserAuditID, login)
	}
	if name := n.Get("user.loginname").Text(); name != none {
		f.AddString(schema.UserAuditName, name)
	}
	text(schema.GroupID, "group.gid")
	text(schema.GroupName, "group.name")
	d.container(f, n)
	d.descriptor(f, n)
}

// container adds where it was; "host" is no container.
func (d *decoder) container(f *event.Fields, n jsontree.Node) {
	id, name := n.Get("container.id").Text(), n.Get("container.name").Text()
	if full := n.Get("container.full_id"); id != "" && len(full.Str()) > len(id) && strings.HasPrefix(full.Str(), id) { // of newer versions; the other is its start
		id = full.Str()
		full.Skip()
	}
	image := record.ParseImage(n.Get("container.image").Text())
	for _, part := range [...]struct {
		to   *string
		name string
	}{{&image.Name, "container.image.repository"}, {&image.Tag, "container.image.tag"}, {&image.Digest, "container.image.digest"}} {
		v := n.Get(part.name)
		if v.IsArray() && v.Len() == 1 {
			v.Each(func(_ string, one jsontree.Node) { *part.to = one.Text() })
		} else if text := v.Text(); text != "" {
			*part.to = text
		}
	}
	for _, v := range [...]*string{&image.Name, &image.Tag, &image.Digest} {
		if *v == none {
			*v = ""
		}
	}
	place(f, id, name, image, n.Get("k8s.ns.name").Text(), n.Get("k8s.pod.name").Text())
	if uid := n.Get("k8s.pod.uid").Text(); uid != none {
		f.AddString(schema.KubernetesPodUID, uid)
	}
}

// place adds a container, its image and its pod, of which some may be none.
func place(f *event.Fields, id, name string, image record.Image, namespace, pod string) {
	switch {
	case id == "host":
		f.Add(schema.TallymanContainerHost, event.Bool(true))
	case id != "" && id != none:
		f.AddString(schema.ContainerID, id)
		f.AddString(schema.TallymanContainerMethod, "source")
	}
	if name != none && name != "host" {
		f.AddString(schema.ContainerName, name)
	}
	if image.Registry == "" {
		image.Registry = record.ParseImage(image.Name).Registry
	}
	image.Fields(f)
	if namespace != "" && namespace != none {
		f.AddString(schema.OrchestratorType, "kubernetes")
		f.AddString(schema.OrchestratorNamespace, namespace)
		f.AddString(schema.KubernetesNamespace, namespace)
	}
	if pod != none {
		f.AddString(schema.KubernetesPodName, pod)
	}
}

// descriptor adds the file or the connection that the event is about.
func (d *decoder) descriptor(f *event.Fields, n jsontree.Node) {
	name := n.Get("fd.name").Text()
	from, to, connection := strings.Cut(name, "->")
	if !connection && name != "" && name != none {
		f.AddString(schema.FilePath, name)
	}
	end := func(ip, port, known string, address, number schema.Key) {
		host, p := record.HostPort(known)
		if v := n.Get(ip).Text(); v != "" && v != none {
			host = v
		}
		if v := n.Get(port).Text(); v != "" && v != none {
			p = v
		}
		if v, ok := event.IP(host); ok {
			f.Add(address, v)
			f.Add(schema.RelatedIP, v)
		}
		if v, err := strconv.ParseUint(p, 10, 16); err == nil {
			f.Add(number, event.Int(int64(v)))
		}
	}
	if !connection {
		from, to = "", ""
	}
	end("fd.cip", "fd.cport", from, schema.SourceIP, schema.SourcePort)
	end("fd.sip", "fd.sport", to, schema.DestinationIP, schema.DestinationPort)
	if l4 := n.Get("fd.l4proto").Text(); l4 != none {
		f.AddString(schema.NetworkTransport, l4)
	}
}

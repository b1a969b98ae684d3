package k8saudit

import (
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsonscan"
	"tallyman/pipeline/pieces"
	"tallyman/pipeline/schema"
)

// What an event says of itself when a part of its record is in doubt: a tag and a
// code. error.message says which part.
const (
	TagIncomplete = "tallyman_incomplete"
	CodeParse     = "parse_error"
)

// tagTruncated marks an event whose text is not kept whole.
const tagTruncated = "tallyman_truncated"

const (
	// spare is the room of an event's fields without those that come many times.
	spare = 72
	// keptObjects is how much of the objects of a request is kept in
	// event.original, in bytes; what is larger is left out.
	keptObjects = 16 << 10
	// mostMessage is how long a message is, in bytes.
	mostMessage = 1024
	// mostExtra is how long what a user has beside name and groups may be, in bytes.
	mostExtra = 2 << 10
)

func (d *decoder) emit(e *event.Event, r *record, out *event.Batch) {
	e.Decode, e.Dataset = "", Dataset
	e.Fields = out.Take(e.Fields, spare+3*len(r.ips)+2*(len(r.user.groups)+len(r.subjects.users))+r.noteCount+len(r.pod.images)+len(r.pod.paths))
	f := &e.Fields
	d.times(e, r)
	v := r.judge()
	f.AddString(schema.EventKind, "event")
	f.AddString(schema.EventModule, "kubernetes")
	for _, c := range v.categories {
		f.AddString(schema.EventCategory, c)
	}
	for _, t := range v.types {
		f.AddString(schema.EventType, t)
	}
	f.AddString(schema.EventAction, r.verb)
	f.AddString(schema.EventOutcome, v.outcome)
	f.AddString(schema.EventCode, r.stage)
	f.Add(schema.EventSeverity, event.Int(v.severity))
	f.AddString(schema.EventReason, r.cause(v.outcome))
	r.actor(f)
	r.origin(f)
	r.head(f)
	r.target(f)
	r.asked(f)
	r.notesInto(f)
	f.AddString(schema.Message, d.message(r))
	r.original(e)
	d.id(e, r)
	out.Events = append(out.Events, *e)
}

// cause is why a request failed.
func (r *record) cause(outcome string) string {
	if r.reason == "" && outcome == "failure" {
		return r.why
	}
	return r.reason
}

// times sets when the stage was reached. The betas had only the second in which
// the event was made.
func (d *decoder) times(e *event.Event, r *record) {
	received, okReceived := r.when(r.received)
	staged, ok := r.when(r.staged)
	switch {
	case ok:
		e.Time = staged
	case okReceived:
		e.Time = received
	default:
		if e.Time, ok = r.when(r.stamp); !ok {
			e.Time = e.Seen
		}
	}
	if okReceived {
		e.Fields.Add(schema.EventStart, event.Time(received))
		if took := staged.Sub(received); ok && !staged.IsZero() && took >= 0 {
			e.Fields.Add(schema.EventDuration, event.Int(took.Nanoseconds()))
		}
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

// actor adds who asked, and whom that one played.
func (r *record) actor(f *event.Fields) {
	f.AddString(schema.UserID, r.user.uid)
	f.AddString(schema.UserName, r.user.name)
	f.AddString(schema.KubernetesAuditUserUsername, r.user.name)
	for _, g := range r.user.groups {
		f.AddString(schema.UserRoles, g)
		f.AddString(schema.KubernetesAuditUserGroups, g)
	}
	f.AddString(schema.RelatedUser, r.user.name)
	r.label(f, "user_extra", r.user.extra)
	if r.as.name == "" && len(r.as.groups) == 0 {
		return
	}
	f.AddString(schema.UserEffectiveID, r.as.uid)
	f.AddString(schema.UserEffectiveName, r.as.name)
	f.AddString(schema.KubernetesAuditImpersonatedUser, r.as.name)
	f.AddString(schema.RelatedUser, r.as.name)
	r.label(f, "impersonated_groups", strings.Join(r.as.groups, ","))
	r.label(f, "impersonated_extra", r.as.extra)
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// label adds a text as it stands: the schema has no field for it.
func (r *record) label(f *event.Fields, name, value string) {
	if len(value) > mostExtra {
		r.unknown, value = true, ""
	}
	if value != "" {
		f.AddNamed(schema.Labels, name, event.String(value))
	}
}

// origin adds where the request came from. The first address is what the client,
// or a proxy before it, says; the last is the peer that the API server saw.
func (r *record) origin(f *event.Fields) {
	for i, text := range r.ips {
		ip, ok := event.IP(text)
		if i == 0 {
			f.AddString(schema.SourceAddress, text)
			f.Add(schema.SourceIP, ip)
		}
		if !ok {
			r.say("sourceIPs holds what is no address")
		}
		f.Add(schema.RelatedIP, ip)
	}
	f.AddString(schema.UserAgentOriginal, r.agent)
}

// head adds the names of the source.
func (r *record) head(f *event.Fields) {
	f.AddString(schema.KubernetesAuditAuditID, r.auditID)
	f.AddString(schema.KubernetesAuditLevel, r.level)
	f.AddString(schema.KubernetesAuditStage, r.stage)
	f.AddString(schema.KubernetesAuditVerb, r.verb)
	f.AddString(schema.KubernetesAuditRequestURI, r.uri)
	if r.code > 0 {
		f.Add(schema.HTTPResponseStatusCode, event.Int(r.code))
		f.Add(schema.KubernetesAuditResponseStatusCode, event.Int(r.code))
	}
}

// target adds what the request is about.
func (r *record) target(f *event.Fields) {
	f.AddString(schema.OrchestratorType, "kubernetes")
	o := &r.ref
	if o.resource == "" {
		return
	}
	f.AddString(schema.KubernetesAuditObjectRefResource, o.resource)
	f.AddString(schema.KubernetesAuditObjectRefSubresource, o.subresource)
	f.AddString(schema.KubernetesAuditObjectRefNamespace, o.namespace)
	f.AddString(schema.KubernetesAuditObjectRefName, o.name)
	f.AddString(schema.KubernetesAuditObjectRefAPIGroup, o.group)
	name, uid := o.name, o.uid
	if name == "" {
		name = r.objectName
	}
	if uid == "" && (o.subresource == "" || o.subresource == "status") {
		uid = r.objectUID
	}
	f.AddString(schema.OrchestratorNamespace, o.namespace)
	f.AddString(schema.OrchestratorAPIVersion, o.version)
	f.AddString(schema.OrchestratorResourceType, singular(o.resource))
	f.AddString(schema.OrchestratorResourceName, name)
	f.AddString(schema.OrchestratorResourceID, uid)
	f.AddString(schema.KubernetesNamespace, o.namespace)
	switch o.resource {
	case "pods":
		f.AddString(schema.KubernetesPodName, name)
		f.AddString(schema.KubernetesPodUID, uid)
	case "nodes":
		f.AddString(schema.KubernetesNodeName, name)
	}
	r.label(f, "resource_version", o.revision)
}

// asked adds what the request asks for: of a pod, of a binding, of an exec.
func (r *record) asked(f *event.Fields) {
	if p := &r.pod; p.found {
		f.Add(schema.KubernetesAuditPodPrivileged, event.Bool(p.privileged))
		f.Add(schema.KubernetesAuditPodHostNetwork, event.Bool(p.hostNetwork))
		f.Add(schema.KubernetesAuditPodHostPID, event.Bool(p.hostPID))
		f.Add(schema.KubernetesAuditPodHostIPC, event.Bool(p.hostIPC))
		for _, path := range p.paths {
			f.AddString(schema.KubernetesAuditPodHostPaths, path)
		}
		for _, image := range p.images {
			f.AddString(schema.KubernetesAuditPodImages, image)
		}
	}
	f.AddString(schema.KubernetesAuditRoleRef, r.role)
	f.AddString(schema.UserTargetName, first(r.subjects.users))
	f.AddString(schema.UserTargetGroupName, first(r.subjects.groups))
	for _, u := range r.subjects.users {
		f.AddString(schema.RelatedUser, u)
	}
	if r.session() && r.ref.resource == "pods" {
		r.command(f)
	}
}

func (r *record) notesInto(f *event.Fields) {
	if r.noteCount == 0 {
		return
	}
	s, left := jsonscan.New(r.notes), r.noteCount
	s.Members(func(name string) {
		v, ok := s.Str()
		if r.secret && strings.HasPrefix(name, patches) {
			v = "withheld"
		}
		if ok && v != "" && left > 0 {
			f.AddNamed(schema.KubernetesAuditAnnotations, name, event.String(v))
			left--
		}
	})
}

// original leaves the text with the event where it says more than the fields do,
// but neither secrets nor more of the objects than is bearable.
func (r *record) original(e *event.Event) {
	objects := len(r.request) + len(r.response)
	if r.doubt != "" {
		e.Fields.AddString(schema.Tags, TagIncomplete)
		e.Fields.AddString(schema.ErrorCode, CodeParse)
		e.Fields.AddString(schema.ErrorMessage, r.doubt)
	}
	switch {
	case r.cloud && (r.secret || objects > keptObjects):
		if e.Raw = ""; !r.secret {
			e.Fields.AddString(schema.Tags, tagTruncated)
			e.Fields.AddNamed(schema.Labels, "objects_bytes", event.String(strconv.Itoa(objects)))
		}
	case r.cloud && (r.kept || objects > 0):
	case r.doubt == "" && !r.unknown && (objects == 0 || r.secret):
		e.Raw = ""
	case objects == 0 && !r.secret:
	case r.secret:
		e.Raw = without(e.Raw, true)
	case objects > keptObjects:
		e.Raw = without(e.Raw, false)
		e.Fields.AddString(schema.Tags, tagTruncated)
		e.Fields.AddNamed(schema.Labels, "objects_bytes", event.String(strconv.Itoa(objects)))
	}
}

// id makes the event's id. The auditID alone will not do: a client chooses it
// with the header Audit-ID, and could make receivers drop its later requests as
// doubles of an earlier one.
func (d *decoder) id(e *event.Event, r *record) {
	b := d.buf[:0]
	b = append(b, d.env.HostID...)
	for _, part := range [...]string{Dataset, r.auditID, r.stage, r.received, r.staged, r.stamp, r.user.name, r.verb, r.uri} {
		b = append(append(b, 0), part...)
	}
	b = strconv.AppendInt(append(b, 0), r.code, 10)
	if r.auditID == "" || r.staged == "" {
		b = append(append(b, 0), e.Get(schema.LogFilePath).Str()...)
		b = append(append(b, 0), e.Get(schema.LogSourceAddress).Str()...)
		b = strconv.AppendInt(append(b, 0), e.Offset, 10)
	}
	e.ID, d.buf = event.NewID(b), b
}

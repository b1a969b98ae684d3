package dockerevent

import (
	"strconv"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// room is how many fields an event may give beside its attributes, with those
// that transforms add.
const room = 40

// The labels of Compose.
const (
	composeProject = "com.docker.compose.project"
	composeService = "com.docker.compose.service"
)

// fields adds what the record says, and returns what is in doubt.
func (d *decoder) fields(f *event.Fields, r *record) string {
	m, known := meaningOf(r.kind, r.action)
	f.AddString(schema.EventKind, "event")
	f.AddString(schema.EventModule, "docker")
	f.AddString(schema.EventCategory, m.category)
	f.AddString(schema.EventType, m.kind)
	f.AddString(schema.EventAction, r.action)
	f.AddString(schema.DockerEventType, r.kind)
	f.AddString(schema.DockerEventAction, r.action)
	f.AddString(schema.DockerEventScope, r.scope)
	doubt := ""
	if !known {
		doubt = "the action is not known"
	}
	outcome, severity := "success", m.severity
	if r.kind == typeContainer {
		forged := d.forged.see(r, &m)
		if code, why := r.container(f, &m, forged); why != "" {
			doubt, outcome = why, "unknown"
		} else if code != 0 {
			outcome, severity = "failure", min(severity+1, 4)
		}
	} else {
		r.object(f)
	}
	if r.action == "oom" || m.severity > severity {
		severity = m.severity
	}
	f.AddString(schema.EventOutcome, outcome)
	f.Add(schema.EventSeverity, event.Int(severity))
	return doubt
}

// container adds what an event of a container says. It returns the code with
// which something ended, or why that is not known.
func (r *record) container(f *event.Fields, m *meaning, forged uint8) (code int64, doubt string) {
	f.AddString(schema.ContainerID, r.actor)
	f.AddString(schema.ContainerName, r.attributes["name"])
	image(f, r.attributes["image"])
	switch r.action {
	case "exec_create", "exec_start":
		f.AddString(schema.DockerExecCommand, r.text)
		f.AddString(schema.ProcessCommandLine, r.text)
	default:
		if r.text != "" {
			f.AddNamed(schema.DockerAttributes, r.action, event.String(r.text))
		}
	}
	for _, name := range r.names() {
		value := r.attributes[name]
		own := strings.Contains(m.own, " "+name+" ")
		switch {
		case value == "" || name == "name" || name == "image":
		case own && has(forged, name):
			f.AddNamed(schema.DockerAttributes, name, event.String(value))
			doubt = "the container has a label " + name + ", which takes the place of the engine's word"
		case !own:
			f.AddNamed(schema.ContainerLabels, name, event.String(value))
		case name == "execID":
			f.AddString(schema.DockerExecID, value)
		case name == "exitCode" || name == "containerExitCode":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				doubt = "the exit code is no number"
				f.AddNamed(schema.DockerAttributes, name, event.String(value))
				continue
			}
			code = n
			f.Add(schema.ProcessExitCode, event.Int(n))
		default:
			f.AddNamed(schema.DockerAttributes, name, event.String(value))
		}
	}
	if project := r.attributes[composeProject]; project != "" {
		f.AddString(schema.OrchestratorType, "compose")
		f.AddString(schema.OrchestratorNamespace, project)
		f.AddString(schema.OrchestratorResourceName, r.attributes[composeService])
	}
	return code, doubt
}

// object adds what an event of anything else says.
func (r *record) object(f *event.Fields) {
	if r.actor != "" {
		f.AddNamed(schema.DockerAttributes, "id", event.String(r.actor))
	}
	if r.kind == typeImage {
		r.image(f)
	}
	if r.text != "" {
		f.AddNamed(schema.DockerAttributes, r.action, event.String(r.text))
	}
	for _, name := range r.names() {
		value := r.attributes[name]
		if value == "" {
			continue
		}
		if name == "id" { // the place of the actor's own
			name = "attributes.id"
		}
		f.AddNamed(schema.DockerAttributes, name, event.String(value))
	}
}

// image names the image that an event is about. At tag and build the actor is
// an id and the attribute its name; at pull it is the other way round.
func (r *record) image(f *event.Fields) {
	if strings.HasPrefix(r.actor, "sha256:") {
		image(f, r.attributes["name"])
		if r.attributes["name"] != r.actor {
			f.AddString(schema.ContainerImageHashAll, r.actor)
		}
		return
	}
	image(f, r.actor)
}

// image adds a reference to an image, as name, tag and digest.
func image(f *event.Fields, ref string) {
	if ref == "" {
		return
	}
	if strings.HasPrefix(ref, "sha256:") {
		f.AddString(schema.ContainerImageHashAll, ref)
		return
	}
	name, digest, _ := strings.Cut(ref, "@")
	tag := ""
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name, tag = name[:i], name[i+1:]
	}
	f.AddString(schema.ContainerImageName, name)
	f.AddString(schema.ContainerImageTag, tag)
	f.AddString(schema.ContainerImageHashAll, digest)
}

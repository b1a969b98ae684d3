package ocsf

import (
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// class is a layout and an activity of its class.
type class struct {
	layout   layoutOf
	activity int
}

// classify returns what an event is (SCHEMA.md section 3).
func (c *Encoder) classify() (layoutOf, int) {
	if c.Str(schema.EventKind) == "alert" {
		return detectionFinding, 1
	}
	action := c.Str(schema.EventAction)
	var got class
	switch module := c.Str(schema.EventModule); module {
	case "docker":
		got = c.docker(action)
	case "kubernetes":
		got = c.kubernetes(action)
	case "jenkins":
		got = jenkins[action]
	case "git":
		got = c.git(action)
	case "registry":
		if got = registry[action]; action == "push" && c.Get(schema.OCITagOverwritten).True() {
			got.activity = 3
		}
	case "falco":
		got = class{detectionFinding, 1}
	case "tallyman":
		got = class{eventLog, other}
		switch action {
		case "started":
			got.activity = 6
		case "stopped":
			got.activity = 7
		}
	case "cef", "leef": // words of devices that we know nothing of
	default:
		got = c.audit(action)
	}
	if got == (class{}) {
		got = class{baseEvent, other}
	}
	return got.layout, got.activity
}

// audit is section 3.1, for what programs write as well.
func (c *Encoder) audit(action string) class {
	got, known := audit[action]
	switch action {
	case "opened-file":
		switch c.Str(schema.EventType) {
		case "change":
			got.activity = 3
		case "creation":
			got.activity = 1
		}
	case "connected-to":
		if c.Str(schema.EventOutcome) == "failure" {
			if got.activity = 4; c.Str(schema.EventReason) == "ECONNREFUSED" {
				got.activity = 5
			}
		}
	case "killed-pid", "traced-process":
		if !c.OPID().IsZero() {
			got.layout = processTarget
		}
		if request := c.member("request"); strings.Contains(request, "POKE") || strings.HasSuffix(c.Syscall().Str(), "writev") {
			got.activity = 4
		}
	case "authenticated", "started-session", "ended-session":
		if c.Switches() {
			if got.layout = accountSwitch; action == "authenticated" {
				got.activity = 7
			}
		}
	case "modified-group-account":
		switch op := c.member("op"); {
		case strings.Contains(op, "add"):
			got.activity = 3
		case strings.Contains(op, "delet"), strings.Contains(op, "remov"):
			got.activity = 4
		}
	case "violated-selinux-policy", "violated-apparmor-policy":
		return c.denial()
	case "changed-audit-configuration":
		switch c.member("audit_enabled") {
		case "0":
			got.activity = 10
		case "1", "2":
			got.activity = 9
		}
	}
	if !known && !c.Syscall().IsZero() {
		return class{kernelActivity, 4}
	}
	return got
}

// denial is the class of what a policy forbade, by what was asked for.
func (c *Encoder) denial() class {
	switch kind := c.member("tclass"); {
	case strings.HasSuffix(kind, "file"), kind == "dir", kind == "filesystem":
		return class{fileActivity, 14}
	case strings.HasSuffix(kind, "socket"):
		return class{networkActivity, 5}
	case kind == "" && !c.Get(schema.FilePath).IsZero(): // AppArmor has no classes
		return class{fileActivity, 14}
	}
	return class{processActivity, other}
}

// member returns a member of auditd.data.
func (c *Encoder) member(name string) string {
	if v := c.Event.Fields.GetNamed(schema.AuditdData, name); v.Kind() == event.KindString {
		return v.Str()
	}
	return ""
}

// docker is the engine's part of section 3.2.
func (c *Encoder) docker(action string) class {
	switch c.Str(schema.DockerEventType) {
	case "container":
		if got, ok := containers[action]; ok {
			return got
		}
		return class{applicationLifecycle, other}
	case "image":
		if got, ok := images[action]; ok {
			return got
		}
		return class{apiActivity, other}
	case "daemon":
		return class{applicationLifecycle, 8}
	case "":
		return class{}
	}
	switch c.Str(schema.EventType) {
	case "creation":
		return class{apiActivity, 1}
	case "deletion":
		return class{apiActivity, 4}
	}
	return class{apiActivity, 3}
}

// kubernetes is the API server's part; what the cluster says of itself is no
// request.
func (c *Encoder) kubernetes(verb string) class {
	if c.Get(schema.KubernetesAuditVerb).IsZero() {
		return class{}
	}
	switch c.Str(schema.KubernetesAuditObjectRefSubresource) {
	case "exec", "attach", "portforward":
		return class{apiActivity, 1}
	}
	switch verb {
	case "create":
		return class{apiActivity, 1}
	case "get", "list", "watch":
		return class{apiActivity, 2}
	case "update", "patch":
		return class{apiActivity, 3}
	case "delete", "deletecollection":
		return class{apiActivity, 4}
	}
	return class{apiActivity, other}
}

// git is what a Git server says.
func (c *Encoder) git(action string) class {
	if action == "push" {
		switch c.Str(schema.EventType) {
		case "creation":
			return class{apiActivity, 1}
		case "deletion":
			return class{apiActivity, 4}
		}
	}
	return git[action]
}

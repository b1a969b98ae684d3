package view

import (
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// Time is the event's time by its source, the zero time where it is not known.
func (v *View) Time() time.Time {
	if t := v.Get(schema.Timestamp); t.Kind() == event.KindTime {
		return t.Instant()
	}
	return v.Event.Time
}

// Dataset is event.dataset.
func (v *View) Dataset() string {
	if s := v.Str(schema.EventDataset); s != "" {
		return s
	}
	return v.Event.Dataset
}

// Message is the event's message; what was not understood has none, and shows
// its source text.
func (v *View) Message() string {
	for _, k := range [...]schema.Key{schema.Message, schema.EventOriginal} {
		if s := v.Str(k); s != "" {
			return s
		}
	}
	return v.Event.Raw
}

// Severity is event.severity, 0 to 10.
func (v *View) Severity() int {
	n, _ := v.Get(schema.EventSeverity).Int64()
	return int(min(max(n, 0), 10))
}

// Version is the agent's, "0" where it is not known.
func (v *View) Version() string {
	if s := v.Str(schema.AgentVersion); s != "" {
		return s
	}
	return "0"
}

// DestinationHost is a name, or the path of a Unix socket.
func (v *View) DestinationHost() string {
	if s := v.Str(schema.DestinationDomain); s != "" {
		return s
	}
	s := v.Str(schema.DestinationAddress)
	if s == "" {
		s = v.Str(schema.ServerAddress)
	}
	if strings.HasPrefix(s, "/") || strings.HasPrefix(s, "@") || v.Str(schema.NetworkType) == "unix" {
		return s
	}
	return ""
}

// Target returns the name, or with id the id, of whom an account was acted on:
// the target, for su and sudo the account that is switched to, else the group.
func (v *View) Target(id bool) event.Value {
	target, effective, group := schema.UserTargetName, schema.UserEffectiveName, schema.GroupName
	if id {
		target, effective, group = schema.UserTargetID, schema.UserEffectiveID, schema.GroupID
	}
	if val := v.Get(target); !val.IsZero() {
		return val
	}
	if v.Switches() {
		if val := v.Get(effective); !val.IsZero() {
			return val
		}
	}
	return v.Get(group)
}

// Switches reports whether the event is of a program that changes the account.
func (v *View) Switches() bool {
	for _, k := range [...]schema.Key{schema.EventProvider, schema.ProcessName, schema.ProcessExecutable} {
		s := v.Str(k)
		if n := len(s); n < 2 || s[n-1] != 'u' && s[n-1] != 'o' {
			continue // nearly all
		}
		if s = Base(s); s == "su" || s == "sudo" {
			return true
		}
	}
	return false
}

// Base returns what follows the last slash of a path.
func Base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// Renamed reports whether the event says that a file has a new name.
func (v *View) Renamed() bool {
	return v.Str(schema.EventAction) == "renamed" && !v.Get(schema.FileTargetPath).IsZero()
}

// Path is the file's name, after a rename the new one; old asks for the name
// before that.
func (v *View) Path(old bool) event.Value {
	renamed := v.Renamed()
	switch {
	case renamed && !old:
		return v.Get(schema.FileTargetPath)
	case renamed || !old:
		return v.Get(schema.FilePath)
	}
	return event.Value{}
}

// FileName is the last part of what Path gives.
func (v *View) FileName() string {
	if !v.Renamed() {
		return v.Str(schema.FileName)
	}
	return Base(v.Str(schema.FileTargetPath))
}

// Address is an address as a SIEM takes it: an IPv4 address in the form of IPv6 as
// what it is (RFC 4291 section 2.5.5.2), and the zone of an IPv6 address only where
// it is a name: it may be any bytes, line ends too.
func Address(v event.Value) string {
	s, zone, _ := strings.Cut(v.Str(), "%")
	if four := strings.TrimPrefix(s, "::ffff:"); strings.IndexByte(four, ':') < 0 {
		return four
	}
	if isName(zone) {
		return v.Str()
	}
	return s
}

// isName reports whether s could be that of an interface.
func isName(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return s != ""
}

// Image is the container's image and its tag, else what a registry was asked for.
func (v *View) Image() (name, tag string) {
	if name = v.Str(schema.ContainerImageName); name != "" {
		return name, v.Str(schema.ContainerImageTag)
	}
	return v.Str(schema.OCIRepository), v.Str(schema.OCITag)
}

// Pod is the namespace and the name of a pod. A Compose project is none, nor is
// what a request to Kubernetes or an event of it is about, unless it says so.
func (v *View) Pod() (namespace, name string) {
	if t := v.Str(schema.OrchestratorType); t == "compose" || t == "swarm" {
		return "", ""
	}
	if t := v.Str(schema.OrchestratorResourceType); t != "" && t != "pod" {
		return "", ""
	}
	if name = v.Str(schema.OrchestratorResourceName); name == "" {
		return "", ""
	}
	return v.Str(schema.OrchestratorNamespace), name
}

// Package view is what the formats with names of their own look at of an event:
// the first value of each field that they ask for, and what follows from several
// of them (which account was acted on, what a file is called after a rename, the
// class id). It knows the schema and SCHEMA.md sections 3, 6 and 7; it knows no
// format and writes nothing but the class id.
package view

import (
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// View holds the fields of one event at a time.
type View struct {
	Event *event.Event // the one at hand

	// Members of auditd.data.
	Exit, OPID, OPIDComm, Syscall event.Value

	slot  []uint8       // by schema.Key: its place in val; 0 for a key that is not asked for
	val   []event.Value // of the event at hand, where have has them
	place []int32       // where each stands: in the event's fields, or from the end down in what it shares
	have  Set
}

// Set is a set of keys that are asked for.
type Set [4]uint64

// Meets reports whether two sets have a key in common.
func (s *Set) Meets(o *Set) bool {
	return s[0]&o[0]|s[1]&o[1]|s[2]&o[2]|s[3]&o[3] != 0
}

func (s *Set) has(slot uint8) bool { return s[slot>>6]>>(slot&63)&1 != 0 }
func (s *Set) add(slot uint8)      { s[slot>>6] |= 1 << (slot & 63) }

// common are the keys that the methods of View read themselves.
func common() []schema.Key {
	return []schema.Key{
		schema.Timestamp, schema.EventID, schema.EventModule, schema.EventDataset, schema.EventAction, schema.EventType, schema.EventProvider,
		schema.EventSeverity, schema.EventOriginal, schema.Message, schema.AgentVersion, schema.RuleID, schema.FalcoRule, schema.LogSyslogAppname,
		schema.DockerEventType, schema.KubernetesAuditObjectRefResource, schema.KubernetesAuditObjectRefSubresource,
		schema.ProcessName, schema.ProcessExecutable, schema.DestinationDomain, schema.DestinationAddress, schema.ServerAddress, schema.NetworkType,
		schema.UserTargetName, schema.UserTargetID, schema.UserEffectiveName, schema.UserEffectiveID, schema.GroupName, schema.GroupID,
		schema.FileName, schema.FilePath, schema.FileTargetPath, schema.ContainerImageName, schema.ContainerImageTag, schema.OCIRepository, schema.OCITag,
		schema.OrchestratorType, schema.OrchestratorNamespace, schema.OrchestratorResourceName, schema.OrchestratorResourceType,
	}
}

// New returns a view of the keys that are asked for, 254 at most with those that
// it needs itself.
func New(asked []schema.Key) *View {
	keys := schema.Keys()
	v := &View{slot: make([]uint8, int(keys[len(keys)-1])+1)}
	for _, list := range [...][]schema.Key{common(), asked} {
		for _, k := range list {
			if v.slot[k] == 0 {
				v.val = append(v.val, event.Value{})
				v.slot[k] = uint8(len(v.val))
			}
		}
	}
	v.place = make([]int32, len(v.val))
	return v
}

// SetOf returns the set of keys that are asked for.
func (v *View) SetOf(keys []schema.Key) (s Set) {
	for _, k := range keys {
		if n := v.slot[k]; n > 0 {
			s.add(n - 1)
		}
	}
	return s
}

// HasAny reports whether the event has a value for one of a set.
func (v *View) HasAny(s *Set) bool { return v.have.Meets(s) }

// Load takes up an event: its own values come before what it shares.
func (v *View) Load(e *event.Event) {
	v.Event, v.have, v.Exit, v.OPID, v.OPIDComm, v.Syscall = e, Set{}, event.Value{}, event.Value{}, event.Value{}, event.Value{}
	for i := range e.Fields {
		f := &e.Fields[i]
		if f.Key == schema.AuditdData {
			v.named(f)
		}
		if int(f.Key) < len(v.slot) && v.slot[f.Key] > 0 {
			v.take(f, i)
		}
	}
	for i := range e.Shared {
		if f := &e.Shared[i]; int(f.Key) < len(v.slot) && v.slot[f.Key] > 0 {
			v.take(f, -1-i)
		}
	}
}

// Clear lets go of the event, whose memory is the caller's.
func (v *View) Clear() {
	clear(v.val)
	v.Event, v.have, v.Exit, v.OPID, v.OPIDComm, v.Syscall = nil, Set{}, event.Value{}, event.Value{}, event.Value{}, event.Value{}
}

// take keeps the first value of a key that is asked for.
func (v *View) take(f *event.Field, at int) {
	if n := v.slot[f.Key] - 1; !v.have.has(n) && !Empty(f.Val) {
		v.val[n], v.place[n] = f.Val, int32(at)
		v.have.add(n)
	}
}

func (v *View) named(f *event.Field) {
	switch f.Name {
	case "exit":
		v.Exit = f.Val
	case "opid":
		v.OPID = f.Val
	case "opid_comm":
		v.OPIDComm = f.Val
	case "syscall":
		v.Syscall = f.Val
	}
}

// Get returns the first value of a key that is asked for.
func (v *View) Get(k schema.Key) event.Value {
	if n := v.slot[k]; n > 0 && v.have.has(n-1) {
		return v.val[n-1]
	}
	return event.Value{}
}

// Str returns the first value of a key as text, "" for what is none.
func (v *View) Str(k schema.Key) string { return v.Get(k).Str() }

// First returns the first of the keys that has a value, and the value.
func (v *View) First(from []schema.Key) (schema.Key, event.Value) {
	for _, k := range from {
		if val := v.Get(k); !val.IsZero() {
			return k, val
		}
	}
	return schema.None, event.Value{}
}

// Fields returns where the values of k stand: in the event, else in what it
// shares. For a key that is asked for, it begins with the first that is no empty text.
func (v *View) Fields(k schema.Key) event.Fields {
	switch n := v.slot[k]; {
	case n == 0:
		return v.search(k)
	case !v.have.has(n - 1):
		return nil
	case v.place[n-1] >= 0:
		return v.Event.Fields[v.place[n-1]:]
	default:
		return v.Event.Shared[-1-v.place[n-1]:]
	}
}

// search is Fields for a key that is not asked for.
func (v *View) search(k schema.Key) event.Fields {
	for i := range v.Event.Fields {
		if f := &v.Event.Fields[i]; f.Key == k && !Empty(f.Val) {
			return v.Event.Fields
		}
	}
	return v.Event.Shared
}

// Empty reports whether v is absent, or a text without a character, which is the
// same (SCHEMA.md section 1 rule 1).
func Empty(v event.Value) bool { return v.IsZero() || v.Kind() == event.KindString && v.Str() == "" }

// Text returns v as text, whatever its kind; a number in the place of a text is rare.
func Text(v event.Value) string {
	if s := v.Str(); s != "" || v.IsZero() {
		return s
	}
	return string(v.Append(nil))
}

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
		if s := Base(v.Str(k)); s == "su" || s == "sudo" {
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

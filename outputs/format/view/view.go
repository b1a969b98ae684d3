// Package view is what the formats with names of their own look at of an event:
// the first value of each field that they ask for, and what follows from several
// of them (which account was acted on, what a file is called after a rename, the
// class id). It knows the schema and SCHEMA.md sections 3, 6 and 7; it knows no
// format and writes nothing but the class id.
package view

import (
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// View holds the fields of one event at a time.
type View struct {
	Event *event.Event // the one at hand

	slot  []uint8  // by schema.Key: its place in place; 0 for a key that is not asked for
	use   []uint64 // by slot: what is told of a key with Watch
	place []int32  // by slot: 1 + where the first value stands in the event's fields, in what it shares -1 - that, 0 for none
	many  Set      // keys of which the event's own fields have a second value
	data  [members]int32
	uses  [members]uint64 // what is told of a member of auditd.data with WatchOPID

	own   uint64 // what is watched of the event's own fields
	known *Known // what it shares
	sets  map[place]*Known
}

// Set is a set of keys that are asked for, by slot.
type Set [4]uint64

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
	v := &View{slot: make([]uint8, int(keys[len(keys)-1])+1), sets: map[place]*Known{}}
	n := uint8(1) // slot 0 is that of the keys that are not asked for
	for _, list := range [...][]schema.Key{common(), asked} {
		for _, k := range list {
			if v.slot[k] == 0 {
				v.slot[k] = n
				n++
			}
		}
	}
	v.use, v.place = make([]uint64, n), make([]int32, n)
	v.known = v.take(nil)
	return v
}

// Watch gives keys a bit that Seen has when the event has a value for one of them.
func (v *View) Watch(bit int, keys []schema.Key) {
	for _, k := range keys {
		v.use[v.slot[k]] |= 1 << bit
	}
}

// WatchOPID gives the pid and the name of the process that was acted on such bits.
func (v *View) WatchOPID(pid, name int) {
	v.uses[opid], v.uses[opidComm] = 1<<pid, 1<<name
}

// Seen returns the bits of what the event has, and those of what its own fields have.
func (v *View) Seen() (all, own uint64) { return v.own | v.known.seen, v.own }

// Shared is what is known of the set that the event shares.
func (v *View) Shared() *Known { return v.known }

// Load takes up an event: its own values come before what it shares.
func (v *View) Load(e *event.Event) {
	v.Event, v.known = e, v.share(e.Shared)
	fields, place, slot, use := e.Fields, v.place, v.slot, v.use
	copy(place, v.known.place)
	v.data, v.many = [members]int32{}, Set{}
	own := uint64(0)
	for i := range fields {
		f := &fields[i]
		if int(f.Key) >= len(slot) {
			continue
		}
		n := slot[f.Key]
		if n == 0 {
			if f.Key == schema.AuditdData {
				own |= v.named(f.Name(), i)
			}
			continue
		}
		switch {
		case place[n] > 0:
			v.many.add(n)
		case !Empty(f.Value()):
			place[n] = int32(i) + 1
			own |= use[n]
		}
	}
	v.own = own
}

// Clear lets go of the event, whose memory is the caller's.
func (v *View) Clear() {
	clear(v.place)
	v.Event, v.own, v.many, v.data = nil, 0, Set{}, [members]int32{}
}

// The members of auditd.data that are looked at.
const (
	exit = iota
	opid
	opidComm
	syscall
	members
)

// named remembers where a member of auditd.data stands, and returns its bit.
func (v *View) named(name string, at int) uint64 {
	n := 0
	switch name {
	case "exit":
		n = exit
	case "opid":
		n = opid
	case "opid_comm":
		n = opidComm
	case "syscall":
		n = syscall
	default:
		return 0
	}
	v.data[n] = int32(at) + 1
	return v.uses[n]
}

func (v *View) member(n int) event.Value {
	if at := v.data[n]; at > 0 {
		return v.Event.Fields[at-1].Value()
	}
	return event.Value{}
}

// Exit is what a system call returned.
func (v *View) Exit() event.Value { return v.member(exit) }

// OPID is the pid of the process that was acted on.
func (v *View) OPID() event.Value { return v.member(opid) }

// OPIDComm is its name.
func (v *View) OPIDComm() event.Value { return v.member(opidComm) }

// Syscall is the name of the system call.
func (v *View) Syscall() event.Value { return v.member(syscall) }

// Get returns the first value of a key that is asked for.
func (v *View) Get(k schema.Key) event.Value {
	switch at := v.place[v.slot[k]]; {
	case at > 0:
		return v.Event.Fields[at-1].Value()
	case at < 0:
		return v.Event.Shared[-1-at].Value()
	}
	return event.Value{}
}

// Has reports whether there is a value of a key that is asked for.
func (v *View) Has(k schema.Key) bool { return v.place[v.slot[k]] != 0 }

// One reports whether the first value of a key that is asked for is the only one
// where it stands.
func (v *View) One(k schema.Key) bool {
	n := v.slot[k]
	if v.place[n] > 0 {
		return !v.many.has(n)
	}
	return !v.known.many.has(n)
}

// Str returns the first value of a key as text, "" for what is none.
func (v *View) Str(k schema.Key) string { return v.Get(k).Str() }

// First returns the first of the keys that has a value, and the value.
func (v *View) First(from []schema.Key) (schema.Key, event.Value) {
	for _, k := range from {
		switch at := v.place[v.slot[k]]; {
		case at > 0:
			return k, v.Event.Fields[at-1].Value()
		case at < 0:
			return k, v.Event.Shared[-1-at].Value()
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
	case v.place[n] > 0:
		return v.Event.Fields[v.place[n]-1:]
	case v.place[n] < 0:
		return v.Event.Shared[-1-v.place[n]:]
	}
	return nil
}

// search is Fields for a key that is not asked for.
func (v *View) search(k schema.Key) event.Fields {
	for i := range v.Event.Fields {
		if f := &v.Event.Fields[i]; f.Key == k && !Empty(f.Value()) {
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

package engine

import (
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// foreign takes from events of other hosts what their input knows of this one: a
// router's message that comes by syslog has a host.name of its own, and neither our
// machine-id nor our operating system. That we have read it, agent.* says.
type foreign struct{ sets []foreignSet }

// foreignSet is a set that events share, and what is left of it for those of other
// hosts. Formats know a set again by its memory, so each has one.
type foreignSet struct{ of, part event.Fields }

// mostForeign is how many sets are known: one per input or log file that has such
// events.
const mostForeign = 64

// check looks at one event; what it shared before is not changed.
func (f *foreign) check(e *event.Event) {
	if len(e.Shared) == 0 {
		return
	}
	name := e.Fields.Get(schema.HostName).Str()
	if name == "" {
		return
	}
	if own := e.Shared.Get(schema.HostName).Str(); own == "" || event.SameHost(name, own) {
		return
	}
	e.Shared = f.part(e.Shared)
}

func (f *foreign) part(set event.Fields) event.Fields {
	for i := range f.sets {
		if s := &f.sets[i]; &s.of[0] == &set[0] && len(s.of) == len(set) {
			return s.part
		}
	}
	part := make(event.Fields, 0, len(set))
	for _, x := range set {
		if !strings.HasPrefix(x.Key.String(), "host.") {
			part = append(part, x)
		}
	}
	if len(f.sets) >= mostForeign {
		f.sets = f.sets[:0]
	}
	f.sets = append(f.sets, foreignSet{set, part})
	return part
}

package dockerevent

import "strings"

// engineNames are the attributes that an engine adds to some actions and that
// this decoder believes. A label of the same name takes their place.
var engineNames = [...]string{"exitCode", "containerExitCode", "execID", "signal", "oldName"}

// maxForged is how many containers with such labels are remembered.
const maxForged = 4096

// forgeries remembers which containers have a label that is named like an
// attribute of the engine's: where the engine adds none (at create, at start),
// an attribute of that name is a label. A restart forgets it, so that only what
// happens to containers of before is believed again.
type forgeries struct {
	of    map[string]uint8 // by container: the bits of engineNames
	order []string
}

// see learns from one event of a container, and returns the names that are no
// word of the engine's, in this event or in any.
func (f *forgeries) see(r *record, m *meaning) uint8 {
	var labels uint8
	for i, name := range engineNames {
		if _, there := r.attributes[name]; there && !strings.Contains(m.own, " "+name+" ") {
			labels |= 1 << i
		}
	}
	known := f.of[r.actor]
	if labels&^known != 0 {
		f.learn(r.actor, known|labels)
	}
	return known | labels
}

func (f *forgeries) learn(id string, bits uint8) {
	if f.of == nil {
		f.of = map[string]uint8{}
	}
	if _, there := f.of[id]; !there {
		if len(f.order) >= maxForged {
			delete(f.of, f.order[0])
			f.order = f.order[1:]
		}
		f.order = append(f.order, id)
	}
	f.of[id] = bits
}

// has reports whether a name is among bits.
func has(bits uint8, name string) bool {
	for i, n := range engineNames {
		if n == name {
			return bits&(1<<i) != 0
		}
	}
	return false
}

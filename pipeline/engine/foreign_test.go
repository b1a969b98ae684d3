package engine

import (
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// TestAnotherHostIsNotThisOne: an event that names another host has nothing of what
// this one is, but says still who read it and where; one of this host keeps all.
func TestAnotherHostIsNotThisOne(t *testing.T) {
	home := event.Fields{event.NewField(schema.HostID, "", event.String("ours")), event.NewField(schema.HostName, "", event.String("node-7")), event.NewField(schema.HostOSName, "", event.String("Debian")),
		event.NewField(schema.AgentType, "", event.String("tallyman")), event.NewField(schema.LogFilePath, "", event.String("/p")), event.NewField(schema.TallymanInput, "", event.String("in"))}
	var f foreign
	var last *event.Field
	for range 2 {
		for _, c := range []struct {
			name string
			ours bool
		}{{"", true}, {"node-7", true}, {"NODE-7.example.com", true}, {"router", false}, {"node-70", false}} {
			e := event.Event{Shared: home}
			e.Fields.AddString(schema.HostName, c.name)
			f.check(&e)
			if ours := e.Get(schema.HostID).Str() == "ours"; ours != c.ours || !e.Get(schema.HostOSName).IsZero() != c.ours {
				t.Errorf("%q: %v", c.name, e)
			}
			if e.Get(schema.AgentType).Str() != "tallyman" || e.Get(schema.LogFilePath).Str() != "/p" || e.Get(schema.TallymanInput).Str() != "in" {
				t.Errorf("%q: who read it is gone: %v", c.name, e)
			}
			if c.ours {
				continue
			}
			if last != nil && last != &e.Shared[0] { // who knows a set by its memory would learn one for each event
				t.Error("what is left of one set is made anew")
			}
			last = &e.Shared[0]
			f.check(&e) // once more, behind the transforms
			if &e.Shared[0] != last {
				t.Error("what is left is taken apart again")
			}
		}
	}
	for range 2 * mostForeign {
		e := event.Event{Shared: append(event.Fields{}, home...)}
		e.Fields.AddString(schema.HostName, "router")
		f.check(&e)
	}
	if len(f.sets) > mostForeign {
		t.Errorf("%d sets are known", len(f.sets))
	}
}

func TestAnotherHostCostsNoMemory(t *testing.T) {
	home := event.Fields{event.NewField(schema.HostID, "", event.String("ours")), event.NewField(schema.HostName, "", event.String("node-7"))}
	var f foreign
	e := event.Event{Shared: home}
	e.Fields.AddString(schema.HostName, "router")
	if n := testing.AllocsPerRun(100, func() { e.Shared = home; f.check(&e) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

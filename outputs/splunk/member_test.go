package splunk

import (
	"math/rand/v2"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// TestMembersAreThoseOfTheEvent: whatever the events before have said, an envelope is what
// it is alone.
func TestMembersAreThoseOfTheEvent(t *testing.T) {
	values := []event.Value{{}, event.String(""), event.String("a"), event.String("b\"\n\xff"), event.String(strings.Repeat("y", most)),
		event.String(strings.Repeat("y", most+1)), event.Int(5), event.Bool(true)}
	change := func(s *Settings) {
		s.Fields = map[string]string{"event_id": "mine", "n\"": "{{ event.action }}", "either": "{{ container.id | event.action }}", "label": "{{ labels.x }}",
			"fixed": "f", "both": "{{ event.dataset }}-{{ rule.id }}", "dataset": "{{ event.dataset }}", "own": "{{ event.id }}"}
	}
	s := settingsFor(t, "http://127.0.0.1:1")
	change(s)
	o, err := build(s, plugintest.Env(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	value := func() event.Value { return values[r.IntN(len(values))] }
	for range 20 {
		var events []event.Event
		for range 30 {
			e := event.Event{Dataset: []string{"auditd.log", "docker.events", "kubernetes.audit", "tallyman.internal", ""}[r.IntN(5)]}
			if r.IntN(9) > 0 {
				e.ID = event.NewID([]byte{byte(r.IntN(3))})
			}
			e.Fields.AddString(schema.EventKind, []string{"alert", "event", ""}[r.IntN(3)])
			e.Fields.Add(schema.EventAction, value())
			e.Fields.Add(schema.ContainerID, value())
			e.Fields.AddNamed(schema.Labels, "x", value())
			e.Shared.Add(schema.RuleID, value())
			events = append(events, e)
		}
		if failed := o.render(events); len(failed) > 0 {
			t.Fatal(failed)
		}
		for _, at := range o.spans {
			if got, want := string(o.raw[at.from:at.to]), rendered(t, &events[at.event], change); got != want {
				t.Fatalf("among others: %s\nalone: %s", got, want)
			}
		}
	}
}

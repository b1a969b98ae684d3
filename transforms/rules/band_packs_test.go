package rules

import (
	"maps"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// TestShippedBands lets an image be measured for four days; then each number is
// what it was, then far from it, for one container.
func TestShippedBands(t *testing.T) {
	b := &bench{t: t, dir: "."}
	s := shipped()
	s.Files = []plugin.Text{text("../../configs/rules/*.yaml")}
	b.begin(s)
	of := func(at float64, module, action string, more ...string) event.Event {
		e := exec(at, append([]string{"container.id", "c1", "container.image.name", "shop/api", "container.image.tag", "1.4"}, more...)...)
		set := func(k schema.Key, v string) {
			for i := range e.Fields {
				if e.Fields[i].Key == k {
					e.Fields[i].Val = event.String(v)
					return
				}
			}
			e.Fields.AddString(k, v)
		}
		set(schema.EventModule, module)
		set(schema.EventAction, action)
		return e
	}
	got := map[string]bool{}
	hour := func(h float64, memory, pids, egress int64, seconds string, programs int) {
		at := h * 3600
		stats := of(at, "docker", "container-stats")
		stats.Fields.Add(schema.DockerStatsMemoryBytes, event.Int(memory))
		stats.Fields.Add(schema.DockerStatsPIDs, event.Int(pids))
		stats.Fields.Add(schema.ContainerNetworkEgressBytes, event.Int(egress))
		die := of(at, "docker", "die", "docker.event.type", "container")
		die.Fields.AddNamed(schema.DockerAttributes, "execDuration", event.String(seconds))
		list := []event.Event{stats, die}
		for range programs {
			list = append(list, of(at, "auditd", "executed", "event.outcome", "success"))
		}
		for _, id := range b.alerts(list...) {
			if strings.HasPrefix(id, "TM-BH-1") {
				got[id] = true
			}
		}
	}
	for h := range 96 {
		hour(float64(h), 100<<20+int64(h%7)<<20, 12+int64(h%3), 1<<20, "60", 4+h%3)
	}
	if len(got) > 0 {
		t.Errorf("what is usual is told: %v", got)
	}
	hour(97, 400<<20, 90, 1<<30, "3600", 200)
	want := map[string]bool{"TM-BH-101": true, "TM-BH-102": true, "TM-BH-103": true, "TM-BH-104": true, "TM-BH-105": true}
	if !maps.Equal(got, want) {
		t.Errorf("of what is far from it: %v", got)
	}
}

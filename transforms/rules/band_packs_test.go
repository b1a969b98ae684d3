package rules

import (
	"maps"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// host is a host on which containers of one image are measured, judged by all that
// is shipped.
type measuredHost struct{ *based }

func newMeasuredHost(t *testing.T) measuredHost {
	t.Helper()
	b := &based{bench: &bench{t: t, dir: "."}}
	s := shipped()
	s.Files = []plugin.Text{text("../../configs/rules/*.yaml")}
	tr, err := New(s, b.env())
	if err != nil {
		t.Fatal(err)
	}
	b.tr, b.stage = tr.(Baselined), tr.Lane("audit")
	return measuredHost{b}
}

// restarted is the host after the program was stopped and started again.
func (h measuredHost) restarted() measuredHost {
	h.t.Helper()
	saved, err := h.tr.(plugin.Keeper).Snapshot(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	next := newMeasuredHost(h.t)
	if err := next.tr.(plugin.Keeper).Restore(saved); err != nil {
		h.t.Fatal(err)
	}
	return next
}

// hour is what a container did in an hour; it returns the values that were told, by
// rule.
func (h measuredHost) hour(at float64, memory, pids, egress int64, seconds string, programs int) map[string]float64 {
	of := func(module, action string, more ...string) event.Event {
		e := exec(at*3600, append([]string{"container.id", "c1", "container.image.name", "shop/api", "container.image.tag", "1.4"}, more...)...)
		e.Fields.Set(schema.EventModule, event.String(module))
		e.Fields.Set(schema.EventAction, event.String(action))
		return e
	}
	stats := of("docker", "container-stats")
	stats.Fields.Add(schema.DockerStatsMemoryBytes, event.Int(memory))
	stats.Fields.Add(schema.DockerStatsPIDs, event.Int(pids))
	stats.Fields.Add(schema.ContainerNetworkEgressBytes, event.Int(egress))
	die := of("docker", "die", "docker.event.type", "container")
	die.Fields.AddNamed(schema.DockerAttributes, "execDuration", event.String(seconds))
	list := []event.Event{stats, die}
	for range programs {
		list = append(list, of("auditd", "executed", "event.outcome", "success"))
	}
	told := map[string]float64{}
	for _, e := range h.run(list...) {
		if id := e.Fields.Get(schema.RuleID).Str(); strings.HasPrefix(id, "TM-BH-1") {
			told[id] = e.Fields.Get(schema.TallymanBandValue).Float64()
		}
	}
	return told
}

// usual is an hour in which nothing is unusual.
func (h measuredHost) usual(from, hours int) (told map[string]float64) {
	told = map[string]float64{}
	for i := from; i < from+hours; i++ {
		maps.Copy(told, h.hour(float64(i), 100<<20+int64(i%7)<<20, 12+int64(i%3), 1<<20, "60", 4+i%3))
	}
	return told
}

// strange is an hour in which everything is; programs tells how many are started
// before that is told.
func (h measuredHost) strange(at float64) map[string]float64 {
	return h.hour(at, 400<<20, 90, 1<<30, "3600", 200)
}

// TestShippedBands lets an image be measured for four days; then each number is
// what it was, then far from it, for one container.
func TestShippedBands(t *testing.T) {
	h := newMeasuredHost(t)
	if told := h.usual(0, 96); len(told) > 0 {
		t.Errorf("what is usual is told: %v", told)
	}
	h.wants("of what is far from it", h.strange(97))
}

func (h measuredHost) wants(when string, got map[string]float64) {
	h.t.Helper()
	for id, want := range map[string]float64{"TM-BH-101": 400 << 20, "TM-BH-102": 90, "TM-BH-103": 3600, "TM-BH-105": 1 << 30} {
		if got[id] != want {
			h.t.Errorf("%s: %s told %v, want %v", when, id, got[id], want)
		}
	}
	// The first number of programs that is too much, and not what the minute ends with.
	if n := got["TM-BH-104"]; n < 10 || n > 199 || len(got) != 5 {
		h.t.Errorf("%s: %v", when, got)
	}
}

// TestShippedBandsAreApproved: every kind is learned in silence, told from its
// approval on although its time is not over, silent on a rerun of what is usual, and
// all that over a restart.
func TestShippedBandsAreApproved(t *testing.T) {
	h := newMeasuredHost(t)
	if told := h.usual(0, 8); len(told) > 0 {
		t.Errorf("it is told while it is learned: %v", told)
	}
	if told := h.strange(8); len(told) > 0 {
		t.Errorf("it is told before its approval: %v", told)
	}
	h = newMeasuredHost(t)
	h.usual(0, 8)
	h = h.restarted()
	for _, kind := range []string{"memory", "pids", "lifetime", "exec-rate", "egress-bytes"} {
		if r := h.do(BaselineChange{Verb: "approve", By: "shop/api", Kind: kind}); r.Profiles != 1 || r.Values != 1 {
			t.Errorf("%s is approved: %+v", kind, r)
		}
	}
	if told := h.usual(8, 8); len(told) > 0 {
		t.Errorf("a rerun of what is usual is told: %v", told)
	}
	h.wants("after the approval", h.strange(17))
	h = h.restarted()
	if told := h.usual(18, 8); len(told) > 0 {
		t.Errorf("a rerun after a restart is told: %v", told)
	}
	h.wants("after a restart", h.strange(40))
}

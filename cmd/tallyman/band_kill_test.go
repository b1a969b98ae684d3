package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const bandRule = `pack: mine
version: 1
rules:
- id: CORP-BAND-001
  title: A number far off
  severity: low
  sources: [auditd]
  condition: >-
    process.executable == "/usr/bin/api"
  band: {value: user.id, by: [process.executable], learn: 20s, width: 3, floor: 5}
`

// TestABandLive: a band that was learned stands after kill -9, so that the first
// number after it is judged and not learned.
func TestABandLive(t *testing.T) {
	h := newImageHost(t)
	write(t, filepath.Join(h.dir, "band.yaml"), bandRule)
	text, err := os.ReadFile(h.conf)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(text), "  - {type: rules")
	rest := strings.Index(string(text), "outputs:")
	write(t, h.conf, string(text)[:at]+"  - {type: rules, files: [band.yaml]}\n"+string(text)[rest:])
	number := func(uid int) { h.does(59, "/usr/bin/api", "tm_exec", uid) }
	want := func(when string, n int) {
		t.Helper()
		h.judged()
		if got := h.alertsOf("CORP-BAND-001"); got != n {
			t.Errorf("%s: %d alerts, want %d", when, got, n)
		}
	}
	cmd := h.started()
	for i := range 30 {
		number(1000 + i%3)
	}
	want("while it learns", 0)
	h.killed(cmd)

	cmd = h.started()
	number(9000)
	want("the first after a kill, far off", 1)
	number(1001)
	want("what is usual", 1)
	h.killed(cmd)

	cmd = h.started()
	number(9000) // what was outside was not learned either
	want("after another kill", 2)
	h.killed(cmd)
}

// alertsOf counts the alerts of a rule that were delivered, each once.
func (h *imageHost) alertsOf(rule string) int {
	h.t.Helper()
	b, err := os.ReadFile(filepath.Join(h.dir, "all.json"))
	if err != nil {
		h.t.Fatal(err)
	}
	ids := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		var e struct {
			Event struct{ ID, Kind string }
			Rule  struct{ ID string }
		}
		if json.Unmarshal([]byte(line), &e) == nil && e.Event.Kind == "alert" && e.Rule.ID == rule {
			ids[e.Event.ID] = true
		}
	}
	return len(ids)
}

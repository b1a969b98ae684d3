package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const packs = "../../configs/rules/*.yaml"

func TestRulesVerbs(t *testing.T) {
	out, _ := expect(t, exitOK, "rules", "list", "--file", packs)
	if !strings.Contains(out, "TM-CT-001") || !strings.Contains(out, "86 rules, 86 of them on") {
		t.Errorf("list says\n%s", out)
	}
	out, _ = expect(t, exitOK, "rules", "list", "--file", packs, "--json")
	var list []struct {
		ID      string
		Enabled bool
		Place   string
		Attack  []string
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 86 || !list[0].Enabled || !strings.Contains(list[0].Place, ".yaml:") {
		t.Errorf("list --json: %v\n%.300s", err, out)
	}
	out, _ = expect(t, exitOK, "rules", "explain", "TM-HOST-002", "--file", packs)
	for _, want := range []string{"TM-HOST-002  Login succeeded", "within 15m0s after TM-HOST-001 per source.ip", `event.outcome == "success"`, "T1078.003", "10.4.1.1"} {
		if !strings.Contains(out, want) {
			t.Errorf("explain lacks %q:\n%s", want, out)
		}
	}
	_, talk := expect(t, exitUsage, "rules", "explain", "TM-HOST-02", "--file", packs)
	if !strings.Contains(talk, `did you mean "TM-HOST-002"?`) {
		t.Errorf("an unknown rule: %s", talk)
	}
	out, _ = expect(t, exitOK, "rules", "lint", "--file", packs)
	if !strings.Contains(out, "nothing to mend") {
		t.Errorf("lint says %s", out)
	}
	out, _ = expect(t, exitOK, "rules", "test", "--file", packs)
	if !strings.Contains(out, "of 86 rules: all as they say") {
		t.Errorf("test says %s", out)
	}
}

func TestRulesCoverage(t *testing.T) {
	out, _ := expect(t, exitOK, "rules", "coverage", "--file", packs, "--json")
	var m map[string][]covered
	if err := json.Unmarshal([]byte(out), &m); err != nil || len(m) != len(matrices) {
		t.Fatalf("%v: %.200s", err, out)
	}
	found := false
	for i, c := range m["cis"] {
		if i > 0 && natural(m["cis"][i-1].Control, c.Control) >= 0 {
			t.Errorf("%s stands before %s", m["cis"][i-1].Control, c.Control)
		}
	}
	for _, c := range m["attack"] {
		if c.Control == "T1609" {
			found = strings.Contains(strings.Join(c.On, " "), "TM-CT-001") && strings.Contains(strings.Join(c.Keys, " "), "tm_exec")
		}
	}
	if !found {
		t.Errorf("T1609 is not served by TM-CT-001 with tm_exec: %+v", m["attack"])
	}
	out, _ = expect(t, exitOK, "rules", "coverage", "--file", packs, "--matrix", "keys")
	if !strings.HasPrefix(out, "AUDIT KEY") || strings.Contains(out, "TECHNIQUE") {
		t.Errorf("one matrix: %.200s", out)
	}
	_, talk := expect(t, exitUsage, "rules", "coverage", "--file", packs, "--matrix", "iso")
	if !strings.Contains(talk, "none of attack, pci") {
		t.Errorf("an unknown matrix: %s", talk)
	}
	for _, c := range [][2]string{{"5.9", "5.10"}, {"T1059", "T1059.004"}, {"10.2.1.2", "10.10"}, {"a", "b"}, {"", "1"}} {
		if natural(c[0], c[1]) >= 0 || natural(c[1], c[0]) <= 0 || natural(c[0], c[0]) != 0 {
			t.Errorf("%q is not before %q", c[0], c[1])
		}
	}
}

func TestRulesThatAreWrong(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	bad := write("bad.yaml", "rules:\n- {id: MY-001, title: x, severity: low, condition: 'process.nmae == \"x\"'}\n")
	_, talk := expect(t, exitConfig, "rules", "list", "--file", bad)
	if !strings.Contains(talk, "bad.yaml:2:") || !strings.Contains(talk, `did you mean "process.name"?`) {
		t.Errorf("it said %s", talk)
	}
	loose := write("loose.yaml", "rules:\n- id: MY-001\n  title: x\n  severity: low\n  condition: process.name == \"x\"\n  tests:\n  - {match: true, event: {process: {name: y}}}\n")
	_, talk = expect(t, exitCheck, "rules", "lint", "--file", loose)
	if !strings.Contains(talk, "has no description") {
		t.Errorf("lint said %s", talk)
	}
	out, talk := expect(t, exitCheck, "rules", "test", "--file", loose)
	if !strings.Contains(talk, "does not match this sample") || !strings.Contains(out, "1 of 1 sample") {
		t.Errorf("test said %s %s", out, talk)
	}
	_, talk = expect(t, exitConfig, "rules", "list", "--file", filepath.Join(dir, "none*.yaml"))
	if !strings.Contains(talk, "no file matches") {
		t.Errorf("it said %s", talk)
	}
	none := write("t.yaml", "journal: {dir: j}\ninputs: {a: {type: auditd, path: x}}\noutputs: {o: {type: stdout}}\n")
	_, talk = expect(t, exitUsage, "rules", "list", "--config", none)
	if !strings.Contains(talk, "no transform of type rules") {
		t.Errorf("it said %s", talk)
	}
}

// TestBacktest: a rule tried on the journal and on the file it came from finds the
// same, and finds what the rules of the run found.
func TestBacktest(t *testing.T) {
	log, path := journalled(t)
	dir := t.TempDir()
	mine := filepath.Join(dir, "mine.yaml")
	if err := os.WriteFile(mine, []byte("rules:\n- id: MY-001\n  title: a program ran\n  severity: low\n  sources: [auditd]\n  condition: 'event.action == \"executed\"'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	count := func(args ...string) (rules map[string]uint64, events uint64) {
		t.Helper()
		out, _ := expect(t, exitOK, append([]string{"rules", "backtest", "--json", "--config", path}, args...)...)
		var r struct {
			Events, Alerts uint64
			Rules          []fired
		}
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatal(err)
		}
		rules = map[string]uint64{}
		sum := uint64(0)
		for _, f := range r.Rules {
			rules[f.Rule] = f.Alerts
			sum += f.Alerts
			if len(f.Examples) == 0 || f.Examples[0].Event == "" || f.First.After(f.Last) {
				t.Errorf("%+v", f)
			}
		}
		if sum != r.Alerts {
			t.Errorf("%d alerts, and the rules have %d", r.Alerts, sum)
		}
		return rules, r.Events
	}
	want, _ := expect(t, exitOK, "query", "--config", path, "--format", "json", `event.action == "executed" && event.kind != "alert"`)
	ran := uint64(strings.Count(want, "\n"))
	past, events := count("--file", mine)
	if ran == 0 || past["MY-001"] != ran {
		t.Errorf("of %d events the rule found %d, want %d", events, past["MY-001"], ran)
	}
	again, _ := count("--file", mine, filepath.Join(log, "audit.log"))
	if again["MY-001"] != ran {
		t.Errorf("in the file it found %d, want %d", again["MY-001"], ran)
	}
	if none, events := count("--file", mine, "--until", "2001-01-01T00:00:00Z"); events != 0 || len(none) != 0 {
		t.Errorf("before the beginning: %d events, %v", events, none)
	}
	out, _ := expect(t, exitOK, "rules", "backtest", "--config", path, "--file", mine, "--examples", "1")
	if !strings.Contains(out, "MY-001") || !strings.Contains(out, "a program ran") || strings.Count(out, "\n\nMY-001  ") != 1 {
		t.Errorf("for people:\n%s", out)
	}
}

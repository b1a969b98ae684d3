package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

const trialConfig = `journal: {dir: journal}
admin: {listen: off}
inputs: {audit: {type: auditd, path: audit.log}}
transforms:
- {type: audit}
- {type: rules, files: [mine.yaml]}
outputs: {o: {type: stdout}}
`

const trialRules = `rules:
- id: MY-001
  title: id was run
  severity: low
  sources: [auditd]
  condition: event.action == "executed" && process.name == "id"
`

const trialRecords = `    type=SYSCALL msg=audit(1795231898.035:7): arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=1 ppid=10 pid=11 auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=3 comm="id" exe="/usr/bin/id" key="k"
    type=EXECVE msg=audit(1795231898.035:7): argc=2 a0="id" a1="-u"
    type=EOE msg=audit(1795231898.035:7):
`

func TestTrials(t *testing.T) {
	dir := t.TempDir()
	path := conf(t, dir, trialConfig)
	write(t, filepath.Join(dir, "mine.yaml"), trialRules)
	tests := filepath.Join(dir, "t.yaml")
	good := "tests:\n- name: id\n  records: |\n" + trialRecords + `  count: 1
  events:
  - {event.action: executed, process.name: id, process.args: [id, -u], process.pid: 11, event.dataset: auditd.log, container.name: ""}
  alerts: [MY-001]
  rendered: {json: ['"executable":"/usr/bin/id"'], cef: [executed]}
`
	write(t, tests, good)
	out, _ := expect(t, exitOK, "test", "--config", path, dir+"/t.yaml")
	if !strings.Contains(out, "ok    id (") || !strings.Contains(out, "1 test, 0 failed") {
		t.Errorf("it says\n%s", out)
	}
	for _, c := range []struct{ name, from, to, want string }{
		{"count", "count: 1", "count: 2", "1 event came out, want 2"},
		{"a value", "process.name: id", "process.name: sh", `process.name is ["id"], want ["sh"]`},
		{"a list", "[id, -u]", "[id]", `process.args is ["id" "-u"], want ["id"]`},
		{"alerts", "[MY-001]", "[]", "the alerts are [MY-001], want []"},
		{"rendered", "cef: [executed]", "cef: [nowhere]", `nothing that was rendered as cef has "nowhere"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			write(t, tests, strings.Replace(good, c.from, c.to, 1))
			out, _ := expect(t, exitCheck, "test", "--config", path, tests)
			if !strings.Contains(out, "FAIL  id") || !strings.Contains(out, c.want) {
				t.Errorf("it says\n%s", out)
			}
			out, _ = expect(t, exitCheck, "test", "--config", path, tests, "--json")
			var list []trial
			if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 1 || len(list[0].Failures) != 1 {
				t.Errorf("as JSON: %v\n%s", err, out)
			}
		})
	}
	for _, c := range []struct{ name, from, to, want string }{
		{"a field", "process.name: id", "process.nmae: id", `there is no field "process.nmae"`},
		{"a key", "count: 1", "cuont: 1", "field cuont not found"},
		{"a format", "cef: [executed]", "xml: [executed]", `there is no format "xml"`},
		{"no name", "name: id", "name: ''", "has no name"},
		{"no records", "records:", "records: ''\n  # |", "t.yaml"},
	} {
		t.Run(c.name, func(t *testing.T) {
			write(t, tests, strings.Replace(good, c.from, c.to, 1))
			_, talk := expect(t, exitConfig, "test", "--config", path, tests)
			if !strings.Contains(talk, c.want) {
				t.Errorf("it says\n%s", talk)
			}
		})
	}
	write(t, tests, strings.Replace(good, "  records:", "  input: adit\n  records:", 1))
	_, talk := expect(t, exitUsage, "test", "--config", path, tests)
	if !strings.Contains(talk, `no input "adit"; it has audit`) {
		t.Errorf("it says %s", talk)
	}
	write(t, tests, "tests: []\n")
	_, talk = expect(t, exitConfig, "test", "--config", path, tests)
	if !strings.Contains(talk, "there is no test in") {
		t.Errorf("it says %s", talk)
	}
}

// TestTrialsStandAlone: what a test leaves behind does not reach the next one.
func TestTrialsStandAlone(t *testing.T) {
	dir := t.TempDir()
	path := conf(t, dir, trialConfig)
	write(t, filepath.Join(dir, "mine.yaml"), strings.Replace(trialRules, "  condition:", "  suppress: {for: 1h}\n  condition:", 1))
	one := "- name: %\n  records: |\n" + trialRecords + "  alerts: [MY-001]\n"
	write(t, filepath.Join(dir, "tests.yaml"), "tests:\n"+strings.Replace(one, "%", "a", 1)+strings.Replace(one, "%", "b", 1))
	out, _ := expect(t, exitOK, "test", "--config", path, filepath.Join(dir, "tests.yaml"))
	if !strings.Contains(out, "2 tests, 0 failed") {
		t.Errorf("it says\n%s", out)
	}
}

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const filterConfig = `journal: {dir: journal}
admin: {listen: off}
log: {level: error}
host: {name: h, id: h1}
inputs:
  audit: {type: auditd, path: audit.log}
transforms:
  - {type: audit}
  - {type: container}
  - {type: filter, drop: [{name: kids, exe: [/usr/bin/parent], syscall: [execve]}, {type: [USER_CMD]}], keep: [{when: 'process.pid == 77'}]}
outputs:
  one: {type: file, path: one.json, format: json}
  two: {type: file, path: two.json, format: json, when: 'event.outcome == "failure"'}
`

// started is the record of a program that a process has started.
func started(serial, ppid, pid int, comm, exe string) string {
	return fmt.Sprintf(`type=SYSCALL msg=audit(1795232000.%03d:%d): arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=0 ppid=%d pid=%d `+
		`auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=1 comm=%q exe=%q key="tm_exec"`+"\n"+
		`type=PROCTITLE msg=audit(1795232000.%03d:%d): proctitle="x"`+"\n", serial%1000, serial, ppid, pid, comm, exe, serial%1000, serial)
}

// TestFilterIsCounted: what is dropped is filtered in the book of every output, in
// source records, the books balance, and the process of a dropped event is known
// as the parent of what comes after it.
func TestFilterIsCounted(t *testing.T) {
	dir := t.TempDir()
	path := conf(t, dir, filterConfig)
	var log strings.Builder
	log.WriteString(started(1, 1, 100, "parent", "/usr/bin/parent")) // dropped
	log.WriteString(started(2, 100, 101, "child", "/usr/bin/child"))
	log.WriteString(started(3, 1, 77, "parent", "/usr/bin/parent"))                                  // kept
	log.WriteString(strings.NewReplacer("1795231999.001:99001", "1795232000.004:4").Replace(acting)) // dropped: one record
	write(t, filepath.Join(dir, "audit.log"), log.String())
	if code, text := said(t, "", "run", "--once", "--config", path); code != exitOK {
		t.Fatalf("exit %d: %s", code, text)
	}
	out, err := os.ReadFile(filepath.Join(dir, "one.json"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d events:\n%s", len(lines), out)
	}
	var child struct {
		Process struct {
			Name   string
			Parent struct{ Name, Executable string }
		}
	}
	if err := json.Unmarshal([]byte(lines[0]), &child); err != nil {
		t.Fatal(err)
	}
	if child.Process.Name != "child" || child.Process.Parent.Name != "parent" || child.Process.Parent.Executable != "/usr/bin/parent" {
		t.Errorf("the parent whose start was dropped is not known: %s", lines[0])
	}
	_, text, _ := spoke("ledger", "--json", "--config", path)
	for _, want := range []string{`"filtered":{"records":3,`, `"delivered":{"records":4,`, `"filtered":{"records":7,`, `"balanced":true`} { // of output one, and of two
		if !strings.Contains(strings.NewReplacer(" ", "", "\n", "").Replace(text), want) {
			t.Errorf("%s is not in the books:\n%s", want, text)
		}
	}
}

// TestAdvice: validate says what order loses, and which secrets are stored.
func TestAdvice(t *testing.T) {
	const filter = "{type: filter, drop: [{syscall: [connect]}]}"
	for _, c := range []struct{ name, transforms, want string }{
		{"redact before rules", "[{type: audit}, {type: redact}, {type: container}]", "transform container stands behind redact"},
		{"filter before audit", "[" + filter + ", {type: audit}, {type: redact}]", "transform filter stands before audit"},
		{"filter before container", "[{type: audit}, " + filter + ", {type: container}, {type: redact}]", "transform filter stands before container"},
		{"all is well", "[{type: audit}, {type: container}, " + filter + ", {type: redact}]", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(good, "transforms:\n  - {type: audit}\n", "transforms: "+c.transforms+"\n", 1)
			code, out := said(t, "", "validate", "--config", conf(t, t.TempDir(), text))
			if code != exitOK {
				t.Fatalf("exit %d: %s", code, out)
			}
			if c.want != "" && !strings.Contains(out, c.want) || c.want == "" && strings.Contains(out, "warning") {
				t.Errorf("want %q in:\n%s", c.want, out)
			}
		})
	}
}

// TestFilterMessages: a word that does not exist is refused with the one that was
// meant, where it stands.
func TestFilterMessages(t *testing.T) {
	text := strings.Replace(good, "- {type: audit}\n", "- {type: audit}\n  - {type: filter, drop: [{syscall: [opneat]}]}\n", 1)
	code, out := said(t, "", "validate", "--config", conf(t, t.TempDir(), text))
	for _, want := range []string{"tallyman.yaml:7:", `there is no system call "opneat"`, `did you mean "openat"?`, "^~~~~~"} {
		if code != exitConfig || !strings.Contains(out, want) {
			t.Errorf("exit %d, want %q in:\n%s", code, want, out)
		}
	}
}

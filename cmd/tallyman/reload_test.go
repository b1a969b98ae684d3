package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

const reloadConfig = `
journal: {dir: journal}
admin: {listen: %q}
log: {level: error}
host: {name: h, id: h1}
inputs:
  audit: {type: auditd, path: audit.log}
transforms:
  - {type: audit}
outputs:
  out: {type: file, path: %s, format: json}
`

// TestReload reloads a running program by SIGHUP: to another file, and to a
// configuration that is refused, after which the one before goes on.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	admin := freeAddr(t)
	path := conf(t, dir, fmt.Sprintf(reloadConfig, admin, "a.json"))
	lines := demoLines(t)
	k := &killer{dir: dir, lines: lines}
	cmd := tallyman(t, "run", "--config", path)
	var talk strings.Builder
	cmd.Stderr = &talk
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	t.Cleanup(func() {
		if !stopped {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	delivered := func() float64 { return metric(admin, `tallyman_ledger_records{output="out",state="delivered"}`) }
	k.grow(t, 1000)
	until(t, "the first part is delivered", func() bool { return delivered() > 900 })

	conf(t, dir, fmt.Sprintf(reloadConfig, admin, "b.json"))
	hup(t, cmd.Process.Pid)
	until(t, "the program has reloaded", func() bool { return metric(admin, "tallyman_reloads_total") == 1 })
	k.grow(t, 1000)
	until(t, "the second part is delivered", func() bool { return delivered() > 1900 })

	conf(t, dir, strings.Replace(fmt.Sprintf(reloadConfig, admin, "c.json"), "type: audit}", "type: audti}", 1))
	hup(t, cmd.Process.Pid)
	until(t, "the reload is refused", func() bool { return metric(admin, "tallyman_reloads_rejected_total") == 1 })
	k.grow(t, 1000)
	until(t, "the third part is delivered", func() bool { return delivered() > 2900 })

	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	stopped = true
	if err := cmd.Wait(); err != nil {
		t.Errorf("the stop: %v", err)
	}
	if !strings.Contains(talk.String(), "audti") || !strings.Contains(talk.String(), `did you mean "audit"`) {
		t.Errorf("the refused reload said:\n%s", talk.String())
	}
	if _, err := os.Stat(filepath.Join(dir, "c.json")); err == nil {
		t.Error("the refused configuration was used")
	}
	ids := idsOf(t, filepath.Join(dir, "a.json"))
	for id, n := range idsOf(t, filepath.Join(dir, "b.json")) {
		ids[id] += n
	}
	out, err := tallyman(t, "run", "--config", conf(t, dir, fmt.Sprintf(reloadConfig, "off", "b.json")), "--once").CombinedOutput()
	if err != nil {
		t.Fatalf("the last run: %v\n%s", err, out)
	}
	for id, n := range idsOf(t, filepath.Join(dir, "b.json")) {
		ids[id] = max(ids[id], n)
	}
	for id, n := range ids {
		if n != 1 {
			t.Errorf("event %s was delivered %d times", id, n)
		}
	}
	if !regexp.MustCompile(`received +3000\n`).Match(out) {
		t.Errorf("3000 records were written; the books say:\n%s", out)
	}
}

func hup(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// TestExplain: a record goes through the real pipeline, and everything that was
// found is shown.
func TestExplain(t *testing.T) {
	dir := t.TempDir()
	path := conf(t, dir, strings.Replace(good, "  - {type: audit}\n", "  - {type: audit}\n  - {type: container, procfs: "+dir+"}\n  - {type: rules, files: [rule.yaml]}\n", 1))
	write(t, filepath.Join(dir, "rule.yaml"), strings.Replace(badRule, "executabel", "executable", 1))
	record := `type=SYSCALL msg=audit(1795227901.123:348501): arch=c000003e syscall=59 success=yes exit=0 ppid=4100 pid=4242 auid=4294967295 uid=1000 gid=1000 euid=1000 suid=1000 fsuid=1000 egid=1000 sgid=1000 fsgid=1000 tty=pts0 ses=4294967295 comm="x" exe="/bin/x" key="tm_exec"
type=EXECVE msg=audit(1795227901.123:348501): argc=2 a0="x" a1=1B5B33316D72656400
type=PROCTITLE msg=audit(1795227901.123:348501): proctitle="x"
`
	code, text := said(t, record, "explain", "--config", path)
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, text)
	}
	for _, want := range []string{
		"3 records, claimed by input audit, decoder audit", "stands for 3 records", "process.executable", "/bin/x",
		"container: unknown (method none, confidence unknown)", "rule TM-TEST-001  match", `"sequence":348501`, "made by tallyman",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("explain does not say %q", want)
		}
	}
	if strings.Contains(text, "\x1b") {
		t.Error("an escape sequence of a log reaches the terminal")
	}
	if t.Failed() {
		t.Log(text)
	}
	if code, text := said(t, "", "explain", "--config", path); code != exitFailure || !strings.Contains(text, "no record") {
		t.Errorf("without a record: exit %d: %s", code, text)
	}
	if code, text := said(t, record, "explain", "--config", path, "--input", "adit"); code != exitUsage || !strings.Contains(text, "audit") {
		t.Errorf("an unknown input: exit %d: %s", code, text)
	}
}

// TestVersion names the program and how it was built.
func TestVersion(t *testing.T) {
	if code, text := said(t, "", "version"); code != exitOK || !strings.HasPrefix(text, "tallyman ") {
		t.Errorf("exit %d: %s", code, text)
	}
	if code, text := said(t, "", "version", "--json"); code != exitOK || !strings.Contains(text, `"go":"go1.`) {
		t.Errorf("exit %d: %s", code, text)
	}
}

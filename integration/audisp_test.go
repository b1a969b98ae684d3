//go:build integration

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestAudispPlugin lets the real auditd start tallyman as a plugin of its
// dispatcher, which gives it records on standard input, and holds what it
// delivers against what auditd logged.
func TestAudispPlugin(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT RUN: auditd takes root")
	}
	auditd, auditctl := need(t, "auditd", "auditd"), need(t, "auditctl", "auditd")
	if out, err := exec.Command(auditctl, "-s").CombinedOutput(); err != nil || !regexp.MustCompile(`(?m)^pid 0$`).Match(out) {
		t.Skipf("NOT RUN: the kernel's audit is not free: %v\n%s", err, out)
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, "log", "audit.log")
	write(t, filepath.Join(dir, "etc", "auditd.conf"), strings.Replace(fmt.Sprintf(auditdConf, log, "ENRICHED"), "max_log_file = 1", "max_log_file = 100", 1)+
		"plugin_dir = "+filepath.Join(dir, "etc", "plugins.d")+"\n")
	conf := write(t, filepath.Join(dir, "tallyman.yaml"), `
journal: {dir: journal, max_size: 64MiB, segment_size: 1MiB}
admin: {listen: off}
inputs: {audit: {type: auditd, stdin: true}}
transforms: [{type: audit}]
outputs: {out: {type: file, path: out.json, format: json}}
`)
	wrapper := write(t, filepath.Join(dir, "plugin"), fmt.Sprintf("#!/bin/sh\nexec %s run --config %s 2>%s\n", program(t), conf, filepath.Join(dir, "talk")))
	if err := os.Chmod(wrapper, 0o750); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "etc", "plugins.d", "tallyman.conf"), fmt.Sprintf(
		"active = yes\ndirection = out\npath = %s\ntype = always\nformat = string\n", wrapper))
	if err := os.Chmod(filepath.Join(dir, "etc", "plugins.d", "tallyman.conf"), 0o640); err != nil {
		t.Fatal(err)
	}
	write(t, log, "")
	start(t, exec.Command(auditd, "-n", "-c", filepath.Join(dir, "etc")))
	t.Cleanup(func() {
		if b, err := os.ReadFile(filepath.Join(dir, "talk")); err == nil && t.Failed() {
			t.Logf("tallyman said:\n%s", tail(b))
		}
	})
	eventually(t, "auditd starts the plugin", 10*time.Second, func() bool { _, err := os.Stat(filepath.Join(dir, "out.json")); return err == nil })
	t.Cleanup(func() {
		if out, err := exec.Command(auditctl, "-D").CombinedOutput(); err != nil {
			t.Errorf("auditctl -D: %v\n%s", err, out)
		}
	})
	rule := []string{"-a", "always,exit", "-F", "arch=b64", "-S", "execve", "-F", fmt.Sprintf("uid=%d", auditUID), "-k", "tm_it"}
	if out, err := exec.Command(auditctl, rule...).CombinedOutput(); err != nil {
		t.Fatalf("auditctl: %v\n%s", err, out)
	}
	load(t, 500)
	var want map[string]bool
	eventually(t, "every event is delivered", 30*time.Second, func() bool {
		want = loggedExecs(t, filepath.Dir(log))
		return len(want) >= 500 && len(delivered(t, filepath.Join(dir, "out.json"))) >= len(want)
	})
	got := delivered(t, filepath.Join(dir, "out.json"))
	for serial := range want {
		if got[serial] != 1 {
			t.Errorf("event %s was delivered %d times", serial, got[serial])
		}
	}
}

package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

func TestAuditRules(t *testing.T) {
	dir := t.TempDir()
	all, _ := expect(t, exitOK, "audit-rules", "print")
	if !strings.Contains(all, "-F key=tm_exec") {
		t.Fatalf("print says %.200s", all)
	}
	loaded := filepath.Join(dir, "loaded")
	write(t, loaded, all)
	out, _ := expect(t, exitOK, "audit-rules", "check", "--loaded", loaded, "--file", packs)
	if !strings.Contains(out, "nothing that the rules need is missing") || strings.Contains(out, "BLIND") {
		t.Errorf("with all loaded:\n%s", out)
	}
	// One key is missing, one has only half of its rules, one has another rule; system
	// calls in another order are the same rule.
	var kept []string
	for line := range strings.Lines(all) {
		switch {
		case strings.Contains(line, "key=tm_bpf"):
			continue
		case strings.Contains(line, "arch=b32") && strings.Contains(line, "key=tm_mount"):
			continue
		case strings.Contains(line, "key=tm_ns"):
			line = "-a always,exit -F arch=b64 -S unshare -F uid=7 -F key=tm_ns\n"
		case strings.Contains(line, "arch=b64") && strings.Contains(line, "key=tm_exec"):
			line = "-a always,exit -F arch=b64 -S execveat,execve -F key=tm_exec\n"
		}
		kept = append(kept, line)
	}
	write(t, loaded, strings.Join(kept, ""))
	out, _ = expect(t, exitCheck, "audit-rules", "check", "--loaded", loaded, "--file", packs, "--json")
	var list []auditKey
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	by := map[string]auditKey{}
	for _, k := range list {
		by[k.Key] = k
	}
	if k := by["tm_bpf"]; !k.Blind || len(k.Missing) != k.Wanted || k.Wanted == 0 || k.Rules[0] != "TM-ES-006" {
		t.Errorf("%+v", k)
	}
	if k := by["tm_mount"]; k.Blind || k.Loaded != 1 || len(k.Missing) != 1 || !strings.Contains(k.Missing[0], "arch=b32") {
		t.Errorf("%+v", k)
	}
	if k := by["tm_ns"]; k.Blind || k.Loaded != 0 || k.Others == 0 {
		t.Errorf("%+v", k)
	}
	if k := by["tm_exec"]; k.missing() || k.Loaded != k.Wanted {
		t.Errorf("%+v", k)
	}
	out, _ = expect(t, exitCheck, "audit-rules", "check", "--loaded", loaded, "--file", packs)
	for _, want := range []string{"BLIND", "in part", "other rules: ", "missing are:"} {
		if !strings.Contains(out, want) {
			t.Errorf("for people, %q is missing:\n%s", want, out)
		}
	}
	write(t, loaded, "-a always,exit -F arhc=b64 -S setns\n")
	_, talk := expect(t, exitFailure, "audit-rules", "check", "--loaded", loaded, "--file", packs)
	if !strings.Contains(talk, "line 1") || !strings.Contains(talk, loaded) {
		t.Errorf("a file that is none: %s", talk)
	}
}

// TestTheShippedRulesAreInside: without a configuration, check is about the packs that
// are inside the program.
func TestTheShippedRulesAreInside(t *testing.T) {
	book, err := shippedBook()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(book.Rules()); n != 86 {
		t.Errorf("%d rules are inside", n)
	}
}

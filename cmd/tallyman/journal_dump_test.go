package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestJournalDump(t *testing.T) {
	dir, path := journalled(t)
	out, _ := expect(t, exitOK, "journal", "dump", "--config", path)
	delivered, err := os.ReadFile(filepath.Join(dir, "json.json"))
	if err != nil {
		t.Fatal(err)
	}
	if out != string(delivered) {
		t.Errorf("the journal holds %d bytes of events, and the output got %d", len(out), len(delivered))
	}
	all := strings.Count(out, "\n")
	failures := strings.Count(out, `"outcome":"failure"`)
	for _, c := range []struct {
		name string
		args []string
		want int
	}{
		{"limit", []string{"--limit", "3"}, 3},
		{"what an output still has to get", []string{"--output", "late"}, failures},
		{"what an output has", []string{"--output", "json"}, 0},
		{"beyond the end", []string{"--from", "100000"}, 0},
		{"cef", []string{"--format", "cef"}, all},
		{"rfc5424", []string{"--format", "rfc5424"}, all},
		{"text", []string{"--format", "text"}, all},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, talk := expect(t, exitOK, append([]string{"journal", "dump", "--config", path}, c.args...)...)
			if n := strings.Count(out, "\n"); n != c.want || talk != "" {
				t.Errorf("%d lines, want %d; it said %s", n, c.want, talk)
			}
		})
	}
	if failures == 0 || failures == all {
		t.Errorf("%d failures of %d events", failures, all)
	}
	out, _ = expect(t, exitOK, "journal", "dump", "--journal-dir", filepath.Join(dir, "journal"), "--from", "2")
	if !strings.HasSuffix(string(delivered), out) || len(out) >= len(delivered) || out == "" {
		t.Errorf("from the second frame on there are %d bytes of %d", len(out), len(delivered))
	}
	_, talk := expect(t, exitUsage, "journal", "dump", "--config", path, "--output", "jsn")
	if !strings.Contains(talk, "jsn") || !strings.Contains(talk, "json, late") {
		t.Errorf("an output that is not known: %s", talk)
	}
	_, talk = expect(t, exitUsage, "journal", "dump", "--config", path, "--format", "smoke")
	if !strings.Contains(talk, "smoke") {
		t.Errorf("a format that is not known: %s", talk)
	}
}

// TestInert: nothing that a log brings along acts on a terminal.
func TestInert(t *testing.T) {
	_, path := journalled(t)
	acts := func(r rune) bool { return r != '\n' && r != '\t' && unicode.IsControl(r) }
	for _, as := range formats() {
		for _, args := range [][]string{{"journal", "dump"}, {"query", "true"}} {
			out, _ := expect(t, exitOK, append(args, "--config", path, "--format", as)...)
			if i := strings.IndexFunc(out, acts); i >= 0 || !utf8.ValidString(out) {
				t.Errorf("%v as %s: byte %d of %d acts: %q", args, as, i, len(out), out[max(i-20, 0):max(i, 0)+20])
			}
			if !strings.Contains(out, "pwned") && as != "text" {
				t.Errorf("%v as %s: the record that would act is not there", args, as)
			}
		}
	}
	if got := inertString("a\x1b[31m\u009bé\xff\x9b\t漢"); got != `a\x1b[31m\xc2\x9bé\xff\x9b`+"\t漢" {
		t.Errorf("made inert: %q", got)
	}
}

func TestJournalExport(t *testing.T) {
	dir, path := journalled(t)
	file := filepath.Join(dir, "events.jsonl")
	out, talk := expect(t, exitOK, "journal", "export", file, "--config", path)
	if out != "" || !strings.Contains(talk, file) {
		t.Errorf("it said %s%s", out, talk)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dumped, _ := expect(t, exitOK, "journal", "dump", "--config", path)
	if string(got) != dumped || dumped == "" {
		t.Errorf("%d bytes, and dump gives %d", len(got), len(dumped))
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "target"), link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, link} {
		if _, talk := expect(t, exitFailure, "journal", "export", name, "--config", path); !strings.Contains(talk, "exists") {
			t.Errorf("what is there: %s", talk)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "target")); err == nil {
		t.Error("it wrote through a link")
	}
}

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

func TestJournalLs(t *testing.T) {
	dir, path := journalled(t)
	before := state(t, filepath.Join(dir, "journal"))
	out, talk := expect(t, exitOK, "journal", "ls", "--config", path)
	for _, name := range segmentsOf(t, dir) {
		if !strings.Contains(out, filepath.Base(name)) {
			t.Errorf("it does not list %s", name)
		}
	}
	if talk != "" || !strings.Contains(out, "json") || !strings.Contains(out, "late") {
		t.Errorf("it said %s%s", out, talk)
	}
	out, _ = expect(t, exitOK, "journal", "ls", "--json", "--config", path)
	var l struct {
		OK       bool
		Segments []struct {
			First  uint64 `json:"first_sequence"`
			Last   uint64 `json:"last_sequence"`
			Frames uint64
			Bytes  int64
		}
		Outputs []struct {
			Output string
			Waits  struct{ Records, Generated uint64 }
			Frames uint64
			Bytes  int64
			Since  time.Time
		}
	}
	if err := json.Unmarshal([]byte(out), &l); err != nil {
		t.Fatal(err)
	}
	if !l.OK || len(l.Outputs) != 2 || l.Outputs[0].Waits.Records != 0 || l.Outputs[0].Bytes != 0 || !l.Outputs[0].Since.IsZero() {
		t.Errorf("the output that has all: %+v", l.Outputs)
	}
	late := l.Outputs[1]
	if late.Output != "late" || late.Waits.Records != 3001 || late.Frames < 3 || late.Bytes < 1000 || time.Since(late.Since) > time.Hour {
		t.Errorf("the output that has nothing: %+v", late)
	}
	next := uint64(1)
	for _, s := range l.Segments {
		if s.First != next || s.Last-s.First+1 != s.Frames || s.Bytes == 0 {
			t.Errorf("segment %+v", s)
		}
		next = s.Last + 1
	}
	expect(t, exitOK, "journal", "verify", "--config", path)
	expect(t, exitOK, "ledger", "--config", path)
	expect(t, exitOK, "query", "true", "--config", path)
	if after := state(t, filepath.Join(dir, "journal")); after != before {
		t.Errorf("looking changed the folder:\n%s\n%s", before, after)
	}
}

func TestLookMessages(t *testing.T) {
	dir, path := journalled(t)
	empty := t.TempDir()
	for _, c := range []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"folder missing", []string{"--journal-dir", "/nowhere/journal"}, exitFailure, []string{"/nowhere/journal", "no such file", "--journal-dir"}},
		{"no journal in it", []string{"--journal-dir", empty}, exitFailure, []string{empty, "there is no journal"}},
		{"a file", []string{"--journal-dir", path}, exitFailure, []string{path, "not a directory"}},
		{"empty flag", []string{"--journal-dir", ""}, exitUsage, []string{"--journal-dir", "no folder"}},
		{"configuration missing", []string{"--config", "/nowhere.yaml"}, exitConfig, []string{"/nowhere.yaml", "--journal-dir"}},
		{"configuration not valid", []string{"--config", conf(t, t.TempDir(), strings.Replace(good, "format: json", "fromat: json", 1))}, exitConfig, []string{"fromat", "^", "--journal-dir"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, verb := range [][]string{{"ledger"}, {"journal", "ls"}, {"journal", "dump"}, {"journal", "verify"}, {"journal", "export", filepath.Join(dir, "never")}, {"query", "true"}} {
				out, talk := expect(t, c.code, append(verb, c.args...)...)
				for _, w := range c.want {
					if !strings.Contains(talk, w) {
						t.Errorf("%v does not say %q: %s", verb, w, talk)
					}
				}
				if out != "" {
					t.Errorf("%v writes to standard output: %s", verb, out)
				}
			}
		})
	}
	if list, err := os.ReadDir(empty); err != nil || len(list) != 0 {
		t.Errorf("looking made %v", list)
	}
	if _, err := os.Stat(filepath.Join(dir, "never")); err == nil {
		t.Error("an export that failed left a file")
	}
}

// examples calls fn with every example of the verbs below cmd.
func examples(cmd *cobra.Command, fn func(cmd *cobra.Command, line string)) {
	for line := range strings.Lines(cmd.Example) {
		fn(cmd, strings.TrimSpace(line))
	}
	for _, sub := range cmd.Commands() {
		examples(sub, fn)
	}
}

// words splits a line as a shell does, as far as examples need it.
func words(line string) []string {
	var out []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			out = append(out, part)
			continue
		}
		out = append(out, strings.Fields(part)...)
	}
	return out
}

// TestLookExamples runs every example of the verbs that look at a journal.
func TestLookExamples(t *testing.T) {
	dir, path := journalled(t)
	t.Setenv("TALLYMAN_CONFIG", path)
	t.Chdir(dir)
	n := 0
	for _, cmd := range newRoot(streams{}).Commands() {
		switch cmd.Name() {
		case "ledger", "journal", "query":
		default:
			continue
		}
		examples(cmd, func(cmd *cobra.Command, line string) {
			n++
			args := words(strings.ReplaceAll(line, "/var/lib/tallyman", filepath.Join(dir, "journal")))
			if args[0] != "tallyman" {
				t.Errorf("%s: the example %q is of another program", cmd.CommandPath(), line)
				return
			}
			if code, out, talk := spoke(args[1:]...); code != exitOK {
				t.Errorf("%s: exit %d: %s%s", line, code, out, talk)
			}
		})
	}
	if n < 10 {
		t.Errorf("%d examples", n)
	}
}

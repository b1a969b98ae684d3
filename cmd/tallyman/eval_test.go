package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEval asks expressions of events that are given in several ways.
func TestEval(t *testing.T) {
	dir := t.TempDir()
	const byHand = `{"event":{"severity":7,"kind":"alert"},"process":{"executable":"/bin/x\u001b[2J"}}`
	file := filepath.Join(dir, "event.json")
	write(t, file, byHand)
	path := conf(t, dir, good)
	record := strings.TrimSuffix(started(1, 1, 100, "parent", "/usr/bin/parent"), "\n")
	for _, c := range []struct {
		name, stdin string
		args        []string
		code        int
		want        string
	}{
		{"no event", "", []string{"1 + 1 == 2"}, exitOK, "true\n"},
		{"no field", "", []string{`process.name == ""`, "--fields"}, exitOK, "true\n  process.name  keyword  (absent)"},
		{"a file", "", []string{"event.severity >= 6", "-e", file, "--fields"}, exitOK, "true\n  event.severity  long  7"},
		{"does not act on the terminal", "", []string{"process.executable", "-e", file}, exitOK, `/bin/x\x1b[2J` + "\n"},
		{"two of standard input", byHand + "\n" + `{"@timestamp":"2026-11-25T10:00:00Z","event.id":"0123456789ABCDEFGHJKMNPQRS","event.dataset":"d","event.severity":3}`,
			[]string{"event.severity >= 6", "-e", "-"}, exitOK, "true\nfalse\n"},
		{"a record", "", []string{"process.executable", "--record", record, "--config", path}, exitOK, "/usr/bin/parent\n"},
		{"an input that is none", "", []string{"true", "--record", record, "--config", path, "--input", "x"}, exitUsage, `no input "x"; it has audit`},
		{"a typo", "", []string{`1 == 1 && process.nmae == "x"`}, exitUsage, "          ^\n  there is no field process.nmae (did you mean \"process.name\"?)"},
		{"half an expression", "", []string{"event.severity >"}, exitUsage, "^\n  unexpected token EOF"},
		{"not JSON", "[1", []string{"true", "-e", "-"}, exitFailure, "event 1 of - is not JSON"},
		{"nothing", "", []string{"true", "-e", "-"}, exitFailure, "event 1 of - is not JSON"},
		{"no object", "[1]", []string{"true", "-e", "-"}, exitFailure, "none of tallyman's"},
		{"both", "", []string{"true", "-e", "-", "--record", "x"}, exitUsage, "event"},
		{"no file", "", []string{"true", "-e", filepath.Join(dir, "none")}, exitFailure, "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if code, text := said(t, c.stdin, append([]string{"eval"}, c.args...)...); code != c.code || !strings.Contains(text, c.want) {
				t.Errorf("exit %d, want %d and %q: %s", code, c.code, c.want, text)
			}
		})
	}
}

// TestManuals: each verb has a page of its own, and so has each verb below it.
func TestManuals(t *testing.T) {
	dir := t.TempDir()
	if code, text := said(t, "", "man", "--dir", dir); code != exitOK {
		t.Fatalf("exit %d: %s", code, text)
	}
	for _, name := range []string{"tallyman", "tallyman-run", "tallyman-journal-ls", "tallyman-man", "tallyman-completion-bash"} {
		page, err := os.ReadFile(filepath.Join(dir, name+".1"))
		if err != nil || !strings.Contains(string(page), `.TH "`+strings.ToUpper(name)+`" "1"`) || !strings.Contains(string(page), ".SH SYNOPSIS") {
			t.Errorf("%s: %v\n%.200s", name, err, page)
		}
	}
	pages, err := filepath.Glob(dir + "/*.1")
	if err != nil || len(pages) < 40 {
		t.Errorf("%d pages: %v", len(pages), err)
	}
	for _, page := range pages { // as apropos reads it
		name := strings.TrimSuffix(filepath.Base(page), ".1")
		if !regexp.MustCompile(`(?m)^\.SH NAME\n` + regexp.QuoteMeta(name) + ` - \S.*$`).MatchString(slurp(t, page)) {
			t.Errorf("the page of %s does not begin with what it is", name)
		}
	}
	if packed := slurp(t, "../../configs/deploy/packages/nfpm.yaml"); !strings.Contains(packed, "build/package/man/*.gz, dst: /usr/share/man/man1/") || !strings.Contains(slurp(t, "../../Makefile"), "man --dir $(@D)/man") {
		t.Error("the packages hold no manual pages")
	}
	whole, err := os.ReadFile(filepath.Join(dir, "tallyman-journal-ls.1"))
	if err != nil {
		t.Fatal(err)
	}
	if code, text := said(t, "", "man", "journal", "ls"); code != exitOK || text != string(whole) {
		t.Errorf("exit %d: %.200s", code, text)
	}
	if code, text := said(t, "", "man", "rnu"); code != exitUsage || !strings.Contains(text, `no verb "rnu"`) {
		t.Errorf("exit %d: %s", code, text)
	}
}

// TestCompletion: the scripts of the shells are there, and are of this program.
func TestCompletion(t *testing.T) {
	for shell, want := range map[string]string{"bash": "complete -o default -F __start_tallyman tallyman", "zsh": "#compdef tallyman", "fish": "complete -c tallyman"} {
		if code, text := said(t, "", "completion", shell); code != exitOK || !strings.Contains(text, want) {
			t.Errorf("%s: exit %d: %.200s", shell, code, text)
		}
	}
	if _, text := said(t, "", "--help"); !strings.Contains(text, "completion") {
		t.Errorf("--help does not name it: %s", text)
	}
}

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestJournalDir(t *testing.T) {
	env := func(name string) (string, bool) { return "/from/env", name == "SET" }
	flag := []Override{{Key: []string{"journal", "dir"}, Value: "/from/flag", Source: "--journal-dir"}}
	for _, c := range []struct {
		name, text string
		o          []Override
		want, bad  string
	}{
		{name: "absolute", text: "journal: {dir: /j}\n", want: "/j"},
		{name: "relative to the file", text: "journal: {dir: j}\n", want: "DIR/j"},
		{name: "much else is wrong", text: "jurnal: {}\njournal: {dir: /j, max: x}\ninputs: 7\nlog: {level: '${UNSET}'}\n", want: "/j"},
		{name: "by a variable", text: "journal: {dir: '${SET}/j'}\n", want: "/from/env/j"},
		{name: "an anchor", text: "a: &a {dir: /j}\njournal: *a\n", want: "/j"},
		{name: "a flag wins", text: "journal: {dir: /j}\n", o: flag, want: "/from/flag"},
		{name: "a flag and no file that parses", text: "{{{", o: flag, want: "/from/flag"},
		{name: "no YAML", text: "journal: {dir: /j\n", bad: "FILE:"},
		{name: "not named", text: "journal: {}\n", bad: "names no journal.dir"},
		{name: "no journal", text: "inputs: {}\n", bad: "names no journal.dir"},
		{name: "of another kind", text: "journal: /j\n", bad: "names no journal.dir"},
		{name: "a list", text: "journal: {dir: [a]}\n", bad: "is not known"},
		{name: "an unset variable", text: "journal: {dir: '${UNSET}'}\n", bad: "UNSET"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "t.yaml")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, found := JournalDir(path, Options{LookupEnv: env, Override: c.o})
			if want := strings.Replace(c.want, "DIR", dir, 1); got != want {
				t.Errorf("got %q, want %q; %v", got, want, found)
			}
			if text := strings.ReplaceAll(found.Error(), path, "FILE"); c.bad == "" != (len(found) == 0) || !strings.Contains(text, c.bad) {
				t.Errorf("the problems are %q, want %q", text, c.bad)
			}
		})
	}
	if _, found := JournalDir("/nowhere/t.yaml", Options{}); !strings.Contains(found.Error(), "does not exist") {
		t.Errorf("no file: %v", found)
	}
}

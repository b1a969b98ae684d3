package rules

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

const importRules = `pack: mine
version: 1
rules:
- id: CORP-EXE-001
  title: A program that is new to its image
  severity: low
  sources: [auditd]
  condition: >-
    process.executable != ""
  first_seen: {by: [container.image.name], value: process.executable, learn: 1h, baseline: exe}
`

// FuzzBaselinesImport: any text is refused without a change, or taken so that what
// is exported afterwards is taken by an empty host, which then exports the same.
func FuzzBaselinesImport(f *testing.F) {
	f.Add([]byte("version: 1\nbaselines:\n- {rule: CORP-EXE-001, kind: exe, by: [shop/api], mode: enforcing, since: 2026-11-21T03:30:00Z, approved: [/bin/a], learned: [/bin/b]}\n"))
	f.Add([]byte("version: 1\nbaselines:\n- {rule: CORP-EXE-001, kind: exe, by: [\"\"], mode: timed, learned: [\"\\xff\", \"\"]}\n"))
	f.Add([]byte("version: 1\nbaselines: [{rule: CORP-EXE-001, kind: port, by: [a, b], mode: learning}, {rule: X-001, kind: exe, by: [], mode: timed}]\n"))
	f.Add([]byte("version: 9\nbaselines: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var in Baselines
		dec := yaml.NewDecoder(bytes.NewReader(text))
		if dec.KnownFields(true); dec.Decode(&in) != nil {
			return
		}
		first := importer(t)
		_, changed, err := first.ChangeBaselines(&BaselineChange{Verb: "import", Import: in}, importedAt)
		exported := exportOf(t, first)
		if err != nil {
			if changed || len(exported.Baselines) > 0 {
				t.Fatalf("it was refused (%v) and changed something: %+v", err, exported)
			}
			return
		}
		moved, err := yaml.Marshal(exported)
		if err != nil {
			t.Fatal(err)
		}
		var again Baselines
		if err := yaml.Unmarshal(moved, &again); err != nil {
			t.Fatalf("what was exported cannot be read: %v\n%s", err, moved)
		}
		second := importer(t)
		if r, _, err := second.ChangeBaselines(&BaselineChange{Verb: "import", Import: again}, importedAt); err != nil || len(r.Left) > 0 {
			t.Fatalf("what was exported is not taken: %v, %+v\n%s", err, r, moved)
		}
		if diff := cmp.Diff(exported, exportOf(t, second)); diff != "" {
			t.Errorf("another host has something else:\n%s", diff)
		}
	})
}

var importedAt = time.Date(2026, 11, 21, 4, 0, 0, 0, time.UTC)

func importer(t *testing.T) Baselined {
	t.Helper()
	dir := t.TempDir()
	name := filepath.Join(dir, "mine.yaml")
	if err := os.WriteFile(name, []byte(importRules), 0o600); err != nil {
		t.Fatal(err)
	}
	s := Plugin.Settings().(*Settings)
	s.Files = []plugin.Text{{Value: name}}
	made, err := Plugin.Transform(s, plugintest.Env(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = made.Close() })
	return made.(Baselined)
}

func exportOf(t *testing.T, from Baselined) Baselines {
	t.Helper()
	r, _, err := from.ChangeBaselines(&BaselineChange{Verb: "list"}, importedAt)
	if err != nil {
		t.Fatal(err)
	}
	return r.Baselines
}

package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryProblemAtOnce: a mistake in one component hides none of another, be
// it one that only building finds, and all come in the order of the file.
func TestEveryProblemAtOnce(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "rule.yaml"), badRule)
	path := conf(t, dir, `journal: {dir: journal, max_size: 5}
admin: {listen: off}
inputs:
  audit: {type: auditd, path: audit.log}
transforms:
  - {type: audit, windw: 3}
  - {type: rules, files: [rule.yaml]}
  - {type: rules, files: [nowhere.yaml]}
outputs:
  one: {type: file, path: out.json, format: jason}
  two: {type: file, path: two.json, when: process.nmae == "x"}
  three: {type: file, path: ., mode: "0640"}
`)
	for _, verb := range []string{"validate", "run"} {
		code, text := said(t, "", verb, "--config", path)
		if code != exitConfig {
			t.Errorf("%s: exit %d", verb, code)
		}
		rest := text
		for _, w := range []string{"rule.yaml:9:", ":1:35: error", ":6:19: error", "nowhere.yaml", ":10:45: error", "process.nmae", "is a folder"} {
			i := strings.Index(rest, w)
			if i < 0 {
				t.Errorf("%s does not say %q in its place:\n%s", verb, w, text)
				continue
			}
			rest = rest[i+len(w):]
		}
		if strings.Contains(text, "is valid") || strings.Contains(text, "level=") {
			t.Errorf("%s began something:\n%s", verb, text)
		}
	}
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCollisions: what two components would take from each other is refused with
// both of their places.
func TestCollisions(t *testing.T) {
	const second = "format: json}"
	for _, c := range []struct {
		name, from, to string   // the replacement in the good configuration
		want           []string // nil: it is valid
	}{
		{"two outputs on one file", second, second + "\n  two: {type: file, path: ./x/../out.json}",
			[]string{"tallyman.yaml:9:27: ", `output "two" writes to the file that output "out" writes to`, "tallyman.yaml:8:27;"}},
		{"an output on an input", "path: out.json", "path: ./audit.log",
			[]string{"tallyman.yaml:8:27: ", `output "out" writes to the file that input "audit" reads`, "tallyman.yaml:4:31;"}},
		{"an output in the journal", "path: out.json", "path: journal/sub/out.json",
			[]string{"tallyman.yaml:8:27: ", `output "out" writes into the folder of the journal`, "tallyman.yaml:1:16;"}},
		{"two inputs on one file", "transforms:", "  two: {type: auditd, path: audit.log}\ntransforms:",
			[]string{"tallyman.yaml:5:29: ", `input "two" reads the file that input "audit" reads`, "tallyman.yaml:4:31;"}},
		{"two inputs on the default file", "{type: auditd, path: audit.log}", "{type: auditd}\n  two: {type: auditd}",
			[]string{"tallyman.yaml:5:3: ", `input "two" reads the file that input "audit" reads`, "tallyman.yaml:4:3;"}},
		{"two inputs on standard input", "path: audit.log}", "stdin: true}\n  two: {type: auditd, stdin: true}",
			[]string{"tallyman.yaml:5:30: ", `input "two" reads standard input, and so does input "audit"`, "tallyman.yaml:4:32;"}},
		{"two outputs on two files", second, second + "\n  two: {type: file, path: out.json.2}", nil},
		{"an output beside the journal", "path: out.json", "path: journal2", nil},
		{"a file and standard input", "transforms:", "  two: {type: auditd, stdin: true}\ntransforms:", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, text := said(t, "", "validate", "--config", conf(t, t.TempDir(), strings.Replace(good, c.from, c.to, 1)))
			if ok := code == exitOK; ok != (c.want == nil) || !ok && code != exitConfig {
				t.Errorf("exit %d: %s", code, text)
			}
			for _, w := range c.want {
				if !strings.Contains(text, w) {
					t.Errorf("nothing is said of %q:\n%s", w, text)
				}
			}
		})
	}
}

// TestCollisionsByLink (RELIABILITY T12): a file with two names is one file.
func TestCollisionsByLink(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "audit.log"), "")
	for name, link := range map[string]func(from, to string) error{"symbolic": os.Symlink, "hard": os.Link} {
		if err := link(filepath.Join(dir, "audit.log"), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		path := conf(t, dir, strings.Replace(good, "transforms:", "  two: {type: auditd, path: "+name+"}\ntransforms:", 1))
		if code, text := said(t, "", "validate", "--config", path); code != exitConfig || !strings.Contains(text, `input "two" reads the file that input "audit" reads`) {
			t.Errorf("%s: exit %d: %s", name, code, text)
		}
	}
}

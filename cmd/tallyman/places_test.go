package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestPlaces: what a plugin itself finds wrong is shown where it stands.
func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		name, from, to string // the replacement in the good configuration
		mark           string // what the place is that of
	}{
		{"mode of file", "format: json", `format: json, mode: "999"`, `"999"`},
		{"shape of a format", "format: json", "format: cef, shape: dotted", "dotted"},
		{"version of cef", "format: json", "format: cef, cef: {version: 7}", "7"},
		{"max_bytes of cef", "format: json", "format: cef, cef: {max_bytes: 3B}", "3B"},
		{"max_line of auditd", "path: audit.log", "path: audit.log, max_line: 1B", "1B"},
		{"window of audit", "{type: audit}", "{type: audit, window: 0}", "0"},
		{"timeout of audit", "{type: audit}", "{type: audit, timeout: 0s}", "0s"},
		{"max_processes of container", "{type: audit}", "{type: audit}\n  - {type: container, max_processes: 3}", "3"},
		{"engines of container", "{type: audit}", "{type: audit}\n  - {type: container, engines: [bin]}", "[bin]"},
		{"timeout of syslog", "type: file, path: out.json", `type: syslog, address: "udp://127.0.0.1:9", timeout: 0s`, "0s"},
		{"framing of syslog", "type: file, path: out.json", `type: syslog, address: "udp://127.0.0.1:9", framing: newline`, "newline"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(good, c.from, c.to, 1)
			_, said := said(t, "", "validate", "--config", conf(t, t.TempDir(), text))
			before, _, _ := strings.Cut(text, ": "+c.mark)
			line := strings.Count(before, "\n")
			column := len(before) - strings.LastIndex(before, "\n") + len(": ")
			if want := fmt.Sprintf("tallyman.yaml:%d:%d: ", line+1, column); !strings.Contains(said, want) {
				t.Errorf("nothing is said of %s:\n%s", want, said)
			}
		})
	}
}

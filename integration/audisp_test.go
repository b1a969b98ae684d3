//go:build integration

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestAudispPlugin lets the real auditd start tallyman as a plugin of its
// dispatcher, which gives it records on standard input, and holds what it
// delivers against what auditd logged.
func TestAudispPlugin(t *testing.T) {
	h := newHost(t, "ENRICHED", 100)
	dir, out := h.dir, filepath.Join(h.dir, "out.json")
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
	t.Cleanup(func() {
		if b, err := os.ReadFile(filepath.Join(dir, "talk")); err == nil && t.Failed() {
			t.Logf("tallyman said:\n%s", tail(b))
		}
	})
	h.start(t, "auditd starts the plugin", func() bool { _, err := os.Stat(out); return err == nil })
	load(t, 500)
	h.arrived(t, out, 500)
	// What the dispatcher gives has no hole in its serials: there is nothing to tell.
	k := &kernelHost{dir: dir}
	eventually(t, "every serial comes", 20*time.Second, func() bool { s := k.serials(t); return len(s.seen) >= 500 && s.untold() == 0 })
	if s := k.serials(t); len(s.told) > 0 {
		t.Errorf("%d serials are told as missing, the host lost nothing", len(s.told))
	}
}

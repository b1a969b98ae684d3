package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestValidateOpensNothing: what only looks at a configuration does not follow the
// host: no socket of the kernel is opened, and nothing is said of the host's sources.
func TestValidateOpensNothing(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "tallyman.yaml")
	if err := os.WriteFile(conf, fmt.Appendf(nil, `
journal: { dir: %[1]s/journal }
inputs: { audit: { type: auditd, path: %[1]s/audit.log } }
transforms: [{ type: audit }, { type: container, connector: "on" }]
outputs: { out: { type: stdout, format: json } }
`, dir), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, said bytes.Buffer
	if code := run([]string{"validate", "--config", conf}, strings.NewReader(""), &out, &said); code != 0 || said.Len() > 0 {
		t.Errorf("it ended with %d and said:\n%s", code, said.String())
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("it left %v behind (%v)", list, err)
	}
}

//go:build integration

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestZonesInAnEmptyRoot: the image holds nothing but the program, and names of zones
// are known in it.
func TestZonesInAnEmptyRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT RUN: only root may change the root of a process")
	}
	dir := t.TempDir()
	text, err := os.ReadFile(program(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tallyman"), text, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "c.yaml"), "journal: {dir: /j}\ninputs: {in: {type: file, path: [/a.log]}}\n"+
		"outputs: {o: {type: stdout, format: rfc3164, rfc3164: {time_zone: Europe/Berlin}}}\n")
	cmd := exec.Command("/tallyman", "validate", "-c", "/c.yaml")
	cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{Chroot: dir}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

// TestStdinOutlivesAReload: standard input is read on after a reload, and nobody
// else gets its descriptor.
func TestStdinOutlivesAReload(t *testing.T) {
	dir, admin := t.TempDir(), freeAddr(t)
	path := conf(t, dir, strings.Replace(fmt.Sprintf(controlConfig, admin), "path: audit.log", "stdin: true", 1))
	cmd := tallyman(t, "run", "--config", path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	for n := range 4 {
		if _, err := io.WriteString(in, oneByOne(n*100, 100)); err != nil {
			t.Fatal(err)
		}
		until(t, "what was written is delivered", func() bool { return records(admin, "out") >= float64(n+1)*100 })
		answers(t, exitOK, nil, "reload", "--config", path)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	answers(t, exitOK, nil, "drain", "--config", path)
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v: %s", err, &said)
	}
	if n := len(jsonIDs(t, filepath.Join(dir, "out.json"))); n != 400 {
		t.Errorf("%d events of 400 came:\n%s", n, &said)
	}
}

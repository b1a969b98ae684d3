//go:build integration || peers || sizing

// Package integration drives the built program against real servers. Each test
// starts what it needs, ends only that, and says loudly what it could not run.
package integration

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// program is the binary under test, which `make integration` names.
func program(t *testing.T) string {
	t.Helper()
	p := os.Getenv("TALLYMAN")
	if p == "" {
		t.Fatal("TALLYMAN does not name the binary; run make integration")
	}
	return p
}

// need skips, loudly, where a program is missing and may not be installed.
func need(t *testing.T, name, pkg string) string {
	t.Helper()
	for _, dir := range []string{"", "/usr/sbin/", "/sbin/"} {
		if p, err := exec.LookPath(dir + name); err == nil {
			return p
		}
	}
	if os.Geteuid() != 0 {
		t.Skipf("NOT RUN: %s is missing and only root may install it (apt-get install %s)", name, pkg)
	}
	out, err := exec.Command("sh", "-c", "apt-get install -y --no-install-recommends "+pkg+
		" || { apt-get update && apt-get install -y --no-install-recommends "+pkg+"; }").CombinedOutput()
	if err != nil {
		t.Skipf("NOT RUN: %s is missing and could not be installed: %v\n%s", name, err, tail(out))
	}
	p, err := exec.LookPath(name)
	if err != nil {
		p = "/usr/sbin/" + name
	}
	return p
}

func tail(b []byte) []byte {
	if len(b) > 1500 {
		return b[len(b)-1500:]
	}
	return b
}

// start runs a server until the test ends; it ends with SIGTERM, and with
// SIGKILL when that does nothing.
func start(t *testing.T, cmd *exec.Cmd) *bytes.Buffer {
	t.Helper()
	out := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-done
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", cmd.Path, tail(out.Bytes()))
		}
	})
	return out
}

// long skips what takes many minutes, a build mostly, where not everything is asked
// for: .ci/run has to end within 40 minutes on two processors.
func long(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("INTEGRATION") != "full" {
		t.Skipf("NOT RUN: %s; `make integration-full` runs it", why)
	}
}

// soakOnly skips what takes a quarter of an hour, or a machine that is quiet, outside
// of make soak, which sets SOAK_CYCLES.
func soakOnly(t *testing.T) {
	t.Helper()
	for _, name := range []string{"SOAK_CYCLES", "SOAK_OUTAGE", "SOAK_ROUNDS"} {
		if os.Getenv(name) != "" {
			return
		}
	}
	t.Skip("NOT RUN: it takes long, and a quiet machine; `make soak` runs it")
}

// eventually polls until ok; real servers say when they are ready in no better way.
func eventually(t *testing.T, what string, limit time.Duration, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("after %v still not: %s", limit, what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	return path
}

// eventsIn returns the events of a file of JSON lines. A line that is no whole event
// fails; what follows the last newline is being written, and is none yet.
func eventsIn(t *testing.T, path string) []map[string]any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []map[string]any
	for line := range bytes.Lines(text) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		var e map[string]any
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%s holds %q: %v", path, line, err)
		}
		list = append(list, e)
	}
	return list
}

// get walks an event: get(e, "event", "id").
func get(e map[string]any, path ...string) any {
	var v any = e
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

// freePort is a port of loopback that nobody had a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	return freePorts(t, 1)[0]
}

// freePorts are n different ports of loopback that nobody had a moment ago: all are
// held until the last is known, or the kernel may give the same one twice.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports
}

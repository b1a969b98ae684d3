package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/sys/unix"

	"tallyman/cmd/tallyman/top"
)

const topConfig = `
journal: {dir: journal, max_size: 512MiB}
admin: {listen: off}
console: {listen: off}
log: {level: error}
host: {name: h, id: h1}
inputs:
  lines: {type: file, path: [app.log]}
outputs:
  all: {type: file, path: all.json, format: json}
`

// topRuns starts a process that has read three lines.
func topRuns(t *testing.T) (config string, b *background) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	config = write("tallyman.yaml", topConfig)
	write("app.log", "one\ntwo\nthree\n")
	b = start(t, config)
	until(t, "three lines are delivered", func() bool {
		var st processStatus
		return json.Unmarshal([]byte(b.status(config)), &st) == nil && len(st.Outputs) == 1 && st.Outputs[0].Book["delivered"] == 3
	})
	return config, b
}

// pty returns both ends of a terminal of 24 lines of 80 cells.
func pty(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("SKIPPED: this machine gives no terminal: %v", err)
	}
	t.Cleanup(func() { _ = ours.Close() })
	fd := int(ours.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	theirs, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = theirs.Close() })
	return ours, theirs
}

// TestTopOnATerminal runs top against a running process, on a terminal of its own,
// turns to the books, opens the help, and ends it with q.
func TestTopOnATerminal(t *testing.T) {
	config, _ := topRuns(t)
	ours, theirs := pty(t)
	cmd := tallyman(t, "top", "--config", config, "--interval", "100ms")
	cmd.Env = append(cmd.Env, "TERM=xterm", "NO_COLOR=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	t.Cleanup(func() {
		if !ended {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	pieces := make(chan string, 100)
	go func() {
		defer close(pieces)
		b := make([]byte, 4096)
		for {
			n, err := ours.Read(b)
			if n > 0 {
				pieces <- string(b[:n])
			}
			if err != nil {
				return
			}
		}
	}()
	raw := ""
	sees := func(want ...string) {
		t.Helper()
		limit := time.After(20 * time.Second)
		for from := len(raw); ; {
			text := ansi.Strip(raw[from:])
			missing := ""
			for _, w := range want {
				if !strings.Contains(text, w) {
					missing = w
				}
			}
			if missing == "" {
				return
			}
			select {
			case p, ok := <-pieces:
				if raw += p; !ok {
					t.Fatalf("the screen ended without %q; it was %q", missing, text)
				}
			case <-limit:
				t.Fatalf("the screen has no %q; it is %q", missing, text)
			}
		}
	}
	press := func(keys string) {
		t.Helper()
		if _, err := ours.WriteString(keys); err != nil {
			t.Fatal(err)
		}
	}
	sees("ready", "[1 Inputs]", "lines", "RECORDS/S")
	press("3")
	sees("RECEIVED", "balanced")
	press("?")
	sees("hold the picture still")
	press("q")
	if err := cmd.Wait(); err != nil {
		t.Fatalf("top ended with %v", err)
	}
	ended = true
	if !strings.Contains(raw, "\x1b[?1049h") {
		t.Error("the screen was not one of its own")
	}
	for _, seq := range []string{"\x1b[31m", "\x1b[32m", "\x1b[1m"} {
		if strings.Contains(raw, seq) {
			t.Errorf("with NO_COLOR there is %q", seq)
		}
	}
}

// TestTopPlain: without a terminal there are tables, and objects for scripts.
func TestTopPlain(t *testing.T) {
	config, b := topRuns(t)
	code, text := said(t, "", "top", "--once", "--interval", "100ms", "--config", config)
	for _, want := range []string{"INPUT", "lines", "OUTPUT", "all", "ready"} {
		if code != exitOK || !strings.Contains(text, want) {
			t.Errorf("exit %d, no %q in %s", code, want, text)
		}
	}
	if strings.Contains(text, "\x1b") {
		t.Errorf("there are escape sequences in %q", text)
	}
	code, text = said(t, "", "top", "--once", "--json", "--interval", "100ms", "--config", config)
	var s top.Summary
	if err := json.Unmarshal([]byte(text), &s); code != exitOK || err != nil {
		t.Fatalf("exit %d, %v: %s", code, err, text)
	}
	if len(s.Inputs) != 1 || s.Inputs[0].Records != 3 || len(s.Outputs) != 1 || !s.Outputs[0].Balanced || s.PID != b.cmd.Process.Pid {
		t.Errorf("the summary is %+v", s)
	}
}

// TestTopOfNothing says what to do where nothing runs.
func TestTopOfNothing(t *testing.T) {
	dir := t.TempDir()
	code, text := said(t, "", "top", "--once", "--journal-dir", dir)
	if code != exitFailure || !strings.Contains(text, "does not run there") || !strings.Contains(text, "`tallyman run`") {
		t.Errorf("exit %d: %s", code, text)
	}
	if code, text := said(t, "", "top", "--interval", "1ms", "--journal-dir", dir); code != exitUsage || !strings.Contains(text, "--interval") {
		t.Errorf("exit %d: %s", code, text)
	}
}

// TestTopEvent reads what is shown of an event that was rendered.
func TestTopEvent(t *testing.T) {
	got := topEvent(&tapLine{Text: `{"container":{"id":"c1","name":"shop","image":{"name":"acme/shop"}},"event":{"kind":"alert","action":"executed"}}`, Missed: 2})
	want := top.Event{ID: "c1", Name: "shop", Image: "acme/shop", Action: "executed", Alert: true, Missed: 2}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := topEvent(&tapLine{Text: "no JSON"}); got != (top.Event{}) {
		t.Errorf("of no JSON: %+v", got)
	}
}

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const fullConfig = `
journal: {dir: journal, max_size: 1MiB, segment_size: 128KiB, commit_bytes: 64KiB, min_free: 0B}
admin: {listen: %q}
log: {level: error}
host: {name: h, id: h1}
inputs:
  audit: {type: auditd, path: audit.log}
transforms:
  - {type: audit}
outputs:
  siem: {type: syslog, address: "tcp://%s"}
`

// TestFullJournal: with the endpoint down the journal fills to its bound and the
// reader waits, with flat memory; when the endpoint is there, everything arrives.
func TestFullJournal(t *testing.T) {
	dir := t.TempDir()
	admin, siem := freeAddr(t), freeAddr(t)
	path := conf(t, dir, fmt.Sprintf(fullConfig, admin, siem))
	lines := demoLines(t)
	write(t, filepath.Join(dir, "audit.log"), strings.Join(lines, "\n")+"\n")
	cmd := tallyman(t, "run", "--config", path)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	until(t, "the journal is full", func() bool { return metric(admin, "tallyman_journal_blocked") == 1 })
	read := metric(admin, `tallyman_input_records_total{input="audit"}`)
	if read == 0 || read >= float64(len(lines)) {
		t.Errorf("%v of %d records were read: nothing waits", read, len(lines))
	}
	if code, text := ask(admin, "/readyz"); code != 503 || !strings.Contains(text, "full") {
		t.Errorf("/readyz answers %d %q", code, text)
	}
	if n := folder(t, filepath.Join(dir, "journal")); n > 1<<20 {
		t.Errorf("the journal takes %d bytes, more than max_size", n)
	}
	if kb := resident(t, cmd.Process.Pid); kb > 200<<10 {
		t.Errorf("the process takes %d KiB", kb)
	}
	l, err := net.Listen("tcp", siem)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	serials := map[string]int{}
	done := make(chan error, 1)
	go func() { done <- receive(l, func(frame string) { serials[idOf(frame)]++ }) }()
	until(t, "all is delivered", func() bool {
		return metric(admin, `tallyman_ledger_records{output="siem",state="unconfirmed"}`) == float64(len(lines))
	})
	if n := folder(t, filepath.Join(dir, "journal")); n > 1<<20 {
		t.Errorf("the journal takes %d bytes, more than max_size", n)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the stop: %v", err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(serials) != 5100 {
		t.Errorf("%d different events arrived, want 5100", len(serials))
	}
}

var idIn = regexp.MustCompile(` id="([0-9A-Z]{26})"`)

func idOf(frame string) string {
	if m := idIn.FindStringSubmatch(frame); m != nil {
		return m[1]
	}
	return frame
}

// receive reads octet-counted frames of one connection after the other until a
// connection ends after some frames.
func receive(l net.Listener, each func(string)) error {
	c, err := l.Accept()
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	r := bufio.NewReader(c)
	for {
		n, err := r.ReadString(' ')
		if err == io.EOF { //nolint:errorlint // bufio gives it as it is
			return nil
		}
		if err != nil {
			return err
		}
		size, err := strconv.Atoi(strings.TrimSpace(n))
		if err != nil {
			return fmt.Errorf("a frame begins with %q", n)
		}
		b := make([]byte, size)
		if _, err := io.ReadFull(r, b); err != nil {
			return err
		}
		each(string(b))
	}
}

// until polls the program from outside, which says what it does in no better way.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after a minute still not: %s", what)
		}
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func ask(addr, path string) (int, string) {
	c := http.Client{Timeout: 5 * time.Second}
	r, err := c.Get("http://" + addr + path)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = r.Body.Close() }()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, err.Error()
	}
	return r.StatusCode, string(b)
}

// metric returns one number of /metrics, -1 where it is not there.
func metric(addr, name string) float64 {
	_, text := ask(addr, "/metrics")
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
			if err == nil {
				return f
			}
		}
	}
	return -1
}

// folder adds up the bytes of all files below dir, as they are allocated.
func folder(t *testing.T, dir string) int64 {
	t.Helper()
	var n int64
	err := filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return nil // a segment may go while we look
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// resident is the memory of a process in KiB.
func resident(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skipf("NOT RUN: no /proc here: %v", err)
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.Atoi(strings.Fields(v)[0])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	return 0
}

// TestTheLeastJournal: the smallest journal that is valid takes records for ever,
// as long as the output does.
func TestTheLeastJournal(t *testing.T) {
	dir := t.TempDir()
	path := conf(t, dir, strings.Replace(good, "journal: {dir: journal}", "journal: {dir: journal, max_size: 304KiB, segment_size: 64KiB, min_free: 0B}", 1))
	write(t, filepath.Join(dir, "audit.log"), oneByOne(0, 5000))
	if code, text := said(t, "", "run", "--once", "--config", path); code != exitOK {
		t.Errorf("exit %d: %s", code, text)
	}
	if n := len(jsonIDs(t, filepath.Join(dir, "out.json"))); n != 5000 {
		t.Errorf("%d events of 5000 came", n)
	}
}

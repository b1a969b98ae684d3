package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// jsonIDs returns the ids in a file of JSON lines, none while it is not there.
func jsonIDs(t *testing.T, path string) map[string]int {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	return idsOf(t, path)
}

// linesIn counts the whole lines of a file that is being written.
func linesIn(t *testing.T, path string) int {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return bytes.Count(b, []byte("\n"))
}

// records is how many source records an output has settled by the books of the
// running program.
func records(admin, output string) float64 {
	return max(metric(admin, fmt.Sprintf(`tallyman_ledger_records{output=%q,state="delivered"}`, output)), 0) +
		max(metric(admin, fmt.Sprintf(`tallyman_ledger_records{output=%q,state="unconfirmed"}`, output)), 0)
}

// TestTheHolderIsNamed (RELIABILITY B13): a second process on the same folder is
// refused with the pid of the first, which goes on; what a kill leaves is no
// obstacle.
func TestTheHolderIsNamed(t *testing.T) {
	dir := t.TempDir()
	path := conf(t, dir, fmt.Sprintf(controlConfig, "off"))
	k := &killer{dir: dir, lines: demoLines(t)}
	k.grow(t, 100)
	b := start(t, path)
	for _, args := range [][]string{{"run", "--once"}, {"run"}} {
		out, err := tallyman(t, append(args, "--config", path)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), fmt.Sprintf("pid %d", b.cmd.Process.Pid)) || !strings.Contains(string(out), "stop it") {
			t.Errorf("%v of a second one: %v: %s", args, err, out)
		}
	}
	k.grow(t, 100)
	until(t, "the first one goes on", func() bool { return linesIn(t, filepath.Join(dir, "out.json")) > 20 })
	if err := b.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	b.end()
	if _, err := os.Stat(filepath.Join(dir, "journal", "lock")); err != nil {
		t.Fatalf("a kill is to leave the lock's file: %v", err)
	}
	out, err := tallyman(t, "run", "--once", "--config", path).CombinedOutput()
	if err != nil || strings.Contains(string(out), "in use") {
		t.Errorf("after a kill: %v: %s", err, out)
	}
}

// collector listens at addr and collects the ids of what comes, over any number
// of connections.
type collector struct {
	net.Listener
	ids  map[string]int
	done chan error
}

func collect(t *testing.T, addr string) *collector {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{Listener: &counting{Listener: l}, ids: map[string]int{}, done: make(chan error, 1)}
	go func() {
		c.done <- receive(c.Listener, func(frame string) { c.ids[idOf(frame)]++ })
	}()
	return c
}

// counting counts connections.
type counting struct {
	net.Listener
	n int
}

func (c *counting) Accept() (net.Conn, error) {
	c.n++
	return c.Listener.Accept()
}

// ended waits for the end of the connection and returns the ids that came.
func (c *collector) ended(t *testing.T) map[string]int {
	t.Helper()
	if err := <-c.done; err != nil {
		t.Error(err)
	}
	_ = c.Close()
	return c.ids
}

const twoOutputs = `
journal: {dir: journal}
admin: {listen: %q}
grace: 1s
log: {level: warn}
host: {name: h, id: h1}
inputs:
  audit: {type: auditd, path: audit.log}
transforms:
  - {type: audit}
outputs:
  out: {type: file, path: out.json, format: json}
  siem: {type: syslog, address: %q}
`

// same holds what the output siem got against what the file has.
func same(t *testing.T, got, want map[string]int) {
	t.Helper()
	missing := 0
	for id := range want {
		if got[id] == 0 {
			missing++
		}
	}
	if missing > 0 || len(got) != len(want) || len(want) == 0 {
		t.Errorf("siem has %d events, of %d of the file are %d missing", len(got), len(want), missing)
	}
}

// TestAStopWithAnOutputAway (RELIABILITY B18, O19): stopped with an endpoint that
// cannot be reached the program ends within the grace time and says what is left;
// the next one delivers all of it.
func TestAStopWithAnOutputAway(t *testing.T) {
	dir, admin, siem := t.TempDir(), freeAddr(t), freeAddr(t)
	path := conf(t, dir, fmt.Sprintf(twoOutputs, admin, "tcp://"+siem))
	k := &killer{dir: dir, lines: demoLines(t)}
	k.grow(t, 2000)
	b := start(t, path)
	until(t, "one output has everything, the other fails", func() bool {
		return records(admin, "out") > 1900 && metric(admin, `tallyman_output_up{output="siem"}`) == 0
	})
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := b.end(); code != exitLeft {
		t.Errorf("it ended with %d", code)
	}
	c := collect(t, siem)
	out, err := tallyman(t, "run", "--once", "--config", path).CombinedOutput()
	if err != nil {
		t.Fatalf("the next run: %v\n%s", err, out)
	}
	want := jsonIDs(t, filepath.Join(dir, "out.json"))
	same(t, c.ended(t), want)
	for id, n := range want {
		if n != 1 {
			t.Errorf("the healthy output got %s %d times", id, n)
		}
	}
}

// TestFewDescriptors (RELIABILITY R3): at the limit of open files what is open
// goes on working, and what needs another file waits; with the limit raised again what had to wait goes on too.
func TestFewDescriptors(t *testing.T) {
	dir, admin := t.TempDir(), freeAddr(t)
	path := conf(t, dir, strings.Replace(fmt.Sprintf(controlConfig, admin), "{dir: journal}", "{dir: journal, segment_size: 1MiB}", 1))
	k := &killer{dir: dir, lines: demoLines(t)}
	k.grow(t, 1000)
	b := start(t, path)
	until(t, "the first part is delivered", func() bool { return records(admin, "out") > 900 })
	pid := b.cmd.Process.Pid
	var was unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &was); err != nil {
		t.Fatal(err)
	}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: was.Max}, nil); err != nil {
		t.Fatal(err)
	}
	before := linesIn(t, filepath.Join(dir, "out.json"))
	k.grow(t, 200) // the segment has room for it
	until(t, "what is open works", func() bool { return linesIn(t, filepath.Join(dir, "out.json")) > before+10 })
	k.grow(t, 7000) // it has none for this
	until(t, "it says what is missing", func() bool { return strings.Contains(b.said(), "too many open files") })
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatalf("it is gone: %v", err)
	}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &was, nil); err != nil {
		t.Fatal(err)
	}
	until(t, "all is delivered", func() bool { return records(admin, "out") >= float64(k.wrote)-10 })
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := b.end(); code != exitOK {
		t.Errorf("it ended with %d", code)
	}
	out, err := tallyman(t, "run", "--once", "--config", path).CombinedOutput()
	if err != nil || !strings.Contains(string(out), fmt.Sprint(k.wrote)) {
		t.Errorf("the books of %d records: %v\n%s", k.wrote, err, out)
	}
	for id, n := range jsonIDs(t, filepath.Join(dir, "out.json")) {
		if n != 1 {
			t.Errorf("event %s came %d times", id, n)
		}
	}
}

// TestFrozen (RELIABILITY R5, R6): a process that gets no processor, for a moment
// and then nine tenths of the time, loses nothing, doubles nothing and does not
// connect again.
func TestFrozen(t *testing.T) {
	dir, admin, siem := t.TempDir(), freeAddr(t), freeAddr(t)
	c := collect(t, siem)
	path := conf(t, dir, fmt.Sprintf(twoOutputs, admin, "tcp://"+siem))
	k := &killer{dir: dir, lines: demoLines(t)}
	k.grow(t, 1000)
	b := start(t, path)
	until(t, "it runs", func() bool { return records(admin, "siem") > 900 && records(admin, "out") > 900 })
	signal := func(s syscall.Signal) {
		if err := b.cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	k.grow(t, 2000)
	time.Sleep(500 * time.Millisecond) // frozen; that nothing happens meanwhile is the case
	signal(syscall.SIGCONT)
	until(t, "it goes on", func() bool { return records(admin, "siem") > 2900 && records(admin, "out") > 2900 })
	k.grow(t, 3000)
	for range 40 { // a tenth of a processor
		signal(syscall.SIGCONT)
		time.Sleep(5 * time.Millisecond)
		signal(syscall.SIGSTOP)
		time.Sleep(45 * time.Millisecond)
	}
	signal(syscall.SIGCONT)
	until(t, "all is delivered", func() bool { return records(admin, "siem") > 5900 && records(admin, "out") > 5900 })
	for _, o := range []string{"siem", "out"} {
		if n := metric(admin, fmt.Sprintf(`tallyman_output_errors_total{output=%q}`, o)); n != 0 {
			t.Errorf("output %s failed %v times", o, n)
		}
	}
	signal(syscall.SIGTERM)
	if code := b.end(); code != exitOK {
		t.Errorf("it ended with %d", code)
	}
	got, want := c.ended(t), jsonIDs(t, filepath.Join(dir, "out.json"))
	same(t, got, want)
	for id := range want {
		if want[id] != 1 || got[id] != 1 {
			t.Errorf("event %s came %d and %d times", id, want[id], got[id])
		}
	}
	if n := c.Listener.(*counting).n; n != 1 {
		t.Errorf("it connected %d times", n)
	}
}

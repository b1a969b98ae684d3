//go:build integration

package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

const diskConf = `
journal: {dir: %q, max_size: 1GiB, segment_size: 64KiB, max_age: 500ms, min_free: %s, commit_interval: 2ms, commit_bytes: 16KiB}
admin: {listen: %q}
log: {level: warn}
host: {name: h, id: h1}
inputs:
  audit: {type: auditd, path: log/audit.log}
transforms:
  - {type: audit, timeout: 10m}
outputs:
  file: {type: file, path: out.json, format: json}
  tcp: {type: syslog, address: "tcp://%s", timeout: %s}
`

// A diskRun is the program with its journal on a disk of its own and with two
// outputs: a file on another disk, and a receiver that can be away.
type diskRun struct {
	*disk
	*soak
	admin string
	cmd   *exec.Cmd
	runs  int
}

func newDiskRun(t *testing.T, options, minFree, timeout string) *diskRun {
	t.Helper()
	d := newDisk(t, options)
	dir := t.TempDir()
	r := &diskRun{disk: d, admin: freeAddr(t), soak: &soak{dir: dir, journal: filepath.Join(d.dir, "journal"), replays: map[string]int{},
		log:  &auditLog{path: filepath.Join(dir, "log", "audit.log"), rnd: rand.New(rand.NewPCG(1, 3)), keep: 40},
		file: &fileSink{sink: newSink("file", nil), path: filepath.Join(dir, "out.json")},
		tcp:  newReceiver(t, newSink("tcp", nil), nil, 32<<10),
	}}
	r.conf = write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(diskConf, r.journal, minFree, r.admin, r.tcp.addr, timeout))
	write(t, r.log.path, "")
	r.start(t)
	t.Cleanup(func() {
		if r.cmd != nil {
			_ = r.cmd.Process.Kill() // the disk cannot be unmounted under it
			_ = r.cmd.Wait()
		}
	})
	return r
}

func (r *diskRun) start(t *testing.T) {
	t.Helper()
	r.runs++
	r.cmd = exec.Command(program(t), "run", "--config", r.conf)
	said, err := os.OpenFile(filepath.Join(r.soak.dir, "said"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = said.Close() }()
	r.cmd.Stdout, r.cmd.Stderr = said, said
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.until(t, "it runs", func(m map[string]float64) bool { return len(m) > 0 })
}

// crash kills the program and looks.
func (r *diskRun) crash(t *testing.T) {
	t.Helper()
	r.kill(t, r.runs, r.cmd)
	r.cmd = nil
	r.look(t)
}

// look holds the books of the dead program against what arrived.
func (r *diskRun) look(t *testing.T) {
	t.Helper()
	r.file.look(t)
	for name, b := range books(t, r.journal) {
		if name == "file" {
			highest, _ := r.file.frontier()
			r.replays[name] += max(0, highest-b.settled()/recordsOf)
		}
	}
	verify(t, r.journal)
}

// until waits for what the program says of itself.
func (r *diskRun) until(t *testing.T, what string, ok func(m map[string]float64) bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(metrics(r.admin)); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			b, _ := os.ReadFile(filepath.Join(r.soak.dir, "said"))
			t.Fatalf("after a minute still not: %s\n%s", what, tail(b))
		}
	}
}

// received is how many events the program has accepted.
func received(m map[string]float64) int {
	return int(m[`tallyman_ledger_records{output="file",state="received"}`]) / recordsOf
}

// stands waits until the journal takes no more, and returns how many events it
// has accepted; that this stays so is seen by the next failure of it.
func (r *diskRun) stands(t *testing.T, sign string) int {
	t.Helper()
	accepted, before := -1, -1.0
	r.until(t, "acceptance stops", func(m map[string]float64) bool {
		now := received(m)
		if now >= r.log.issued || m[sign] == 0 {
			return false
		}
		if now != accepted || before < 0 {
			accepted, before = now, m[sign]
			return false
		}
		return m[sign] > before || sign == "tallyman_journal_blocked"
	})
	return accepted
}

// all waits until everything that was issued is at both sinks.
func (r *diskRun) all(t *testing.T) {
	t.Helper()
	r.more(t, r.file.sink, r.log.issued+1)
	r.more(t, r.tcp.sink, r.log.issued+1)
}

// end stops the program and judges.
func (r *diskRun) end(t *testing.T) {
	t.Helper()
	r.all(t)
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Wait(); err != nil {
		b, _ := os.ReadFile(filepath.Join(r.soak.dir, "said"))
		t.Errorf("the stop: %v\n%s", err, tail(b))
	}
	r.cmd = nil
	for name, b := range books(t, r.journal) {
		if got := b.records["received"]; got != recordsOf*r.log.issued {
			t.Errorf("%s: %d records were issued, the book says %d", name, recordsOf*r.log.issued, got)
		}
	}
	verify(t, r.journal)
	r.file.judge(t, r.log.issued, r.replays["file"])
	r.tcp.judge(t, r.log.issued, r.tcp.conns*mostInFrame*10)
}

// whole issues n events and leaves none half there.
func (r *diskRun) whole(t *testing.T, n int) {
	t.Helper()
	r.log.issue(t, n, func(int) {})
	r.log.finish(t)
}

// TestDiskFull fills the journal's disk fifty times: acceptance stops, delivery
// goes on, and when there is room again all goes on by itself. Some of the times
// the program is killed on the full disk and started there.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	r := newDiskRun(t, "", "0B", "60s")
	crashes := 0
	const failures = "tallyman_journal_failures_total"
	for n := range 50 {
		// What is delivered goes for its age: the journal could take events in its place.
		r.until(t, "what was delivered is gone", func(m map[string]float64) bool { return m["tallyman_journal_bytes"] < 400<<10 })
		r.tcp.stop(true) // it takes connections and reads nothing
		r.fill(t, 0)
		r.whole(t, 3000)
		accepted := r.stands(t, failures)
		eventually(t, "the file has what was accepted", time.Minute, func() bool {
			r.file.look(t)
			highest, _ := r.file.frontier()
			return highest >= accepted
		})
		if n%5 == 4 {
			crashes++
			r.crash(t)
			r.start(t)
		}
		switch n % 2 {
		case 0: // the room comes first
			r.relieve(t)
			r.more(t, r.file.sink, r.log.issued+1)
			r.tcp.stop(false)
		case 1: // the receiver comes first: the full disk does not keep events from it
			r.tcp.stop(false)
			eventually(t, "the receiver has what was accepted", time.Minute, func() bool {
				highest, _ := r.tcp.frontier()
				return highest >= accepted
			})
			r.relieve(t)
		}
		r.all(t)
	}
	r.end(t)
	t.Logf("fifty full disks, %d kills on one", crashes)
}

// away takes the receiver away, so that the journal has to keep events.
func (r *diskRun) away(t *testing.T) {
	t.Helper()
	r.tcp.reset(t, r.cmd.Process.Pid)
	halt(t, r.cmd.Process.Pid)
	r.tcp.down(t)
	resume(t, r.cmd.Process.Pid)
}

// TestDiskMinFree (RELIABILITY R2): the journal stops while min_free is still
// free, whoever took the rest, and goes on alone when there is more.
func TestDiskMinFree(t *testing.T) {
	t.Parallel()
	r := newDiskRun(t, "", "32MiB", "300ms")
	const blocked = "tallyman_journal_blocked"
	r.away(t)
	r.fill(t, 32<<20+512<<10)
	r.whole(t, 10000)
	r.stands(t, blocked)
	// The file system itself takes a little for the names and maps of files.
	if free := r.free(t); free < 32<<20-64<<10 {
		t.Errorf("%d bytes are free, 32 MiB were to be left", free)
	}
	r.relieve(t)
	r.more(t, r.file.sink, r.log.issued+1)
	r.fill(t, 16<<20)
	r.whole(t, 2000) // more than the segment that is open already has room for
	r.stands(t, blocked)
	r.tcp.up(t) // what it takes makes room, and what others took is still taken
	r.more(t, r.tcp.sink, 100)
	r.relieve(t)
	r.end(t)
}

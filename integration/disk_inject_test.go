//go:build integration

package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const injectConf = `
journal: {dir: journal, max_size: 1GiB, segment_size: 64KiB, min_free: 0B, commit_interval: 1ms, commit_bytes: 4KiB}
admin: {listen: off}
log: {level: warn}
host: {name: h, id: h1}
inputs:
  audit: {type: auditd, path: log/audit.log}
transforms:
  - {type: audit, timeout: 10m}
outputs:
  file: {type: file, path: out.json, format: json}
`

// TestDiskInject lets the kernel refuse single calls of the program, by strace:
// whatever fails, and also when the program is killed by it, a run without
// failures delivers the rest, and nothing that was accepted is lost.
func TestDiskInject(t *testing.T) {
	t.Parallel()
	strace := need(t, "strace", "strace")
	if out, err := exec.Command(strace, "-f", "-e", "trace=none", "-e", "inject=fsync:error=EIO", "true").CombinedOutput(); err != nil {
		t.Skipf("NOT RUN: strace may not inject failures here: %v\n%s", err, out)
	}
	// The counts of strace are those of each thread of the program, so not all happen each time.
	hit, all := 0, 0
	for _, fault := range []string{
		"fdatasync:error=EIO:when=1", "fdatasync:error=EIO:when=2", "fdatasync:error=EIO:when=3", "fdatasync:error=EIO:when=5+7",
		"fdatasync:error=ENOSPC:when=4+5", "fdatasync:signal=KILL:when=3", "fdatasync:signal=KILL:when=9",
		"pwrite64:error=EIO:when=2", "pwrite64:error=EIO:when=3", "pwrite64:error=EIO:when=5+9", "pwrite64:error=ENOSPC:when=4+6",
		"pwrite64:error=EDQUOT:when=3+8", "pwrite64:signal=KILL:when=4", "pwrite64:signal=KILL:when=11",
		"fallocate:error=ENOSPC:when=1", "fallocate:error=ENOSPC:when=2+3", "fallocate:error=EDQUOT:when=2+4", "fallocate:error=EOPNOTSUPP",
		"fsync:error=EIO:when=1", "fsync:error=EIO:when=2+3", "fsync:signal=KILL:when=2", "ftruncate:error=EIO", "ftruncate:error=EROFS",
		"unlinkat:error=EIO", "flock:error=ENOLCK", "renameat:error=EIO:when=2", "pread64:error=EIO:when=9", "write:error=ENOSPC:when=2+5",
	} {
		t.Run(fault, func(t *testing.T) {
			if inject(t, strace, fault) {
				hit++
			}
			all++
		})
	}
	if hit < all*2/3 {
		t.Errorf("only %d of %d faults happened: the test shows little", hit, all)
	}
}

// inject runs the program with one kind of fault and without, and reports
// whether the fault happened.
func inject(t *testing.T, strace, fault string) bool {
	t.Helper()
	dir := t.TempDir()
	log := &auditLog{path: filepath.Join(dir, "log", "audit.log"), rnd: rand.New(rand.NewPCG(1, 4)), keep: 9}
	file := &fileSink{sink: newSink("file", nil), path: filepath.Join(dir, "out.json")}
	journal := filepath.Join(dir, "journal")
	conf := write(t, filepath.Join(dir, "tallyman.yaml"), injectConf)
	write(t, log.path, "")
	log.issue(t, 3000, func(int) {})
	log.finish(t)
	trace := filepath.Join(dir, "trace")
	call, _, _ := strings.Cut(fault, ":")
	cmd := exec.Command(strace, "-f", "-o", trace, "-e", "trace="+call, "-e", "inject="+fault, program(t), "run", "--once", "--config", conf)
	out, err := cmd.CombinedOutput()
	b, rerr := os.ReadFile(trace)
	if rerr != nil {
		t.Fatal(rerr)
	}
	hits := strings.Count(string(b), "(INJECTED)") + strings.Count(string(b), "killed by SIGKILL")
	end := "ended well"
	if err != nil {
		end = fmt.Sprintf("ended with %v", err)
	}
	if _, serr := os.Stat(filepath.Join(journal, "state")); serr == nil { // the first failure may leave no journal at all
		left(t, journal, file)
	}
	log.issue(t, 50, func(int) {})
	log.finish(t)
	if out, err := exec.Command(program(t), "run", "--once", "--config", conf).CombinedOutput(); err != nil {
		t.Fatalf("the run without failures: %v\n%s", err, tail(out))
	}
	file.look(t)
	for name, b := range books(t, journal) {
		if got := b.records["received"]; got != recordsOf*log.issued {
			t.Errorf("%s: %d records were issued, the book says %d", name, recordsOf*log.issued, got)
		}
	}
	verify(t, journal)
	file.judge(t, log.issued, 2*log.issued)
	t.Logf("%d failures, the program %s", hits, end)
	if t.Failed() {
		t.Logf("it said:\n%s", tail(out))
	}
	return hits > 0
}

// left holds what a run with failures has left against what it delivered: what
// its books have as delivered is in the file.
func left(t *testing.T, journal string, file *fileSink) {
	t.Helper()
	file.look(t)
	highest, _ := file.frontier()
	if b, ok := books(t, journal)["file"]; ok && b.records["delivered"] > recordsOf*highest {
		t.Errorf("%d records are said to be delivered, the file holds %d events", b.records["delivered"], highest)
	}
}

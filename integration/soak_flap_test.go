//go:build integration

package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const flapConf = `
journal: {dir: journal, max_size: 64MiB, segment_size: 256KiB, min_free: 0B, commit_interval: 2ms}
admin: {listen: %q}
log: {level: info, format: json}
host: {name: h, id: h1}
inputs:
  audit: {type: auditd, path: log/audit.log}
transforms:
  - {type: audit, timeout: 10m}
outputs:
  file: {type: file, path: out/out.json, format: json}
  tcp: {type: syslog, address: "tcp://%s", timeout: 2s, window: 0B} # the receiver loses nothing that it took
`

// TestSoakFlap lets two outputs go away and come back for the whole run: nothing
// is lost, no descriptor is left over, and the memory stays where it was.
func TestSoakFlap(t *testing.T) {
	t.Parallel()
	flaps := number(t, "SOAK_CYCLES", 100)
	dir, admin := t.TempDir(), freeAddr(t)
	rnd := rand.New(rand.NewPCG(uint64(number(t, "SOAK_SEED", 1)), 2))
	log := &auditLog{path: filepath.Join(dir, "log", "audit.log"), rnd: rnd, keep: 40}
	tcp := newReceiver(t, newSink("tcp", nil), nil, 4096)
	file := &fileSink{sink: newSink("file", nil), path: filepath.Join(dir, "out", "out.json")}
	conf := write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(flapConf, admin, tcp.addr))
	write(t, log.path, "")
	write(t, filepath.Join(dir, "out", "out.json"), "")
	cmd := exec.Command(program(t), "run", "--config", conf)
	said := start(t, cmd)
	pid := cmd.Process.Pid
	s := &soak{dir: dir, log: log, file: file}
	fds, kib := 0, 0
	for n := range flaps {
		// Halted, the program cannot hand over what nobody would read.
		tcp.reset(t, pid)
		halt(t, pid)
		tcp.down(t)
		move(t, filepath.Join(dir, "out"), filepath.Join(dir, "away"))
		log.issue(t, 5+rnd.IntN(20), func(int) {})
		resume(t, pid)
		eventually(t, "both outputs are seen to be away", time.Minute, func() bool {
			m := metrics(admin)
			file, there := m[`tallyman_output_up{output="file"}`]
			return there && file == 0 && m[`tallyman_output_up{output="tcp"}`] == 0
		})
		move(t, filepath.Join(dir, "away"), filepath.Join(dir, "out"))
		tcp.up(t)
		s.more(t, tcp.sink, log.issued)
		s.more(t, file.sink, log.issued)
		if n == flaps/5 { // what is allocated once is by then
			fds, kib = descriptors(t, pid), resident(t, pid)
		}
	}
	log.finish(t)
	s.more(t, tcp.sink, log.issued)
	s.more(t, file.sink, log.issued)
	fdsNow, kibNow := descriptors(t, pid), resident(t, pid)
	if fdsNow > fds+1 {
		t.Errorf("%d descriptors are open, %d were after a fifth of the run", fdsNow, fds)
	}
	if kibNow > kib+kib/2+8<<10 {
		t.Errorf("%d KiB are resident, %d were after a fifth of the run", kibNow, kib)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the program stops", 20*time.Second, func() bool { return strings.Contains(said.String(), "stopped") })
	file.judge(t, log.issued, 0)
	tcp.judge(t, log.issued, tcp.conns*mostInFrame)
	t.Logf("%d times away: %d descriptors then %d, %d KiB then %d, %d connections", flaps, fds, fdsNow, kib, kibNow, tcp.conns)
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

//go:build integration

package integration

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// lastPID is where the kernel is told which pid to give next (proc(5)). Records of
// audit and of the process connector bear the pids of the first pid namespace, so
// only there can they be made to come round.
const lastPID = "/proc/sys/kernel/ns_last_pid"

const (
	wrapRounds = 80
	// wrapWrong is the share of events, in percent, that may be wrong.
	wrapWrong = 0.05
	wrapPids  = 60 // from the first of them to the highest there is
	// wrapEvery is how soon a pid comes round after the process that had it; to fork
	// 32,768 times takes longer on any machine.
	wrapEvery = 300 * time.Millisecond
)

// TestAttributionWhenPidsComeRound has the kernel give the same pids again and
// again, to processes of three containers and of the host in turn, and past the
// highest one, under the real auditd and dockerd.
func TestAttributionWhenPidsComeRound(t *testing.T) {
	for _, c := range []struct {
		name    string
		runtime bool
		right   float64
	}{{"runtime rules", true, 99.9}, {"own rules", false, 99}} {
		t.Run(c.name, func(t *testing.T) {
			engines(t)
			first := freePids(t)
			h := newHost(t, "RAW", 200)
			dir := short(t)
			docker, _ := dockerd(t, dir)
			docker("import", liveImage(t), liveLab)
			start(t, exec.Command(h.auditd, "-n", "-c", filepath.Join(h.dir, "etc")))
			eventually(t, "auditd writes", 10*time.Second, func() bool { b, err := os.ReadFile(h.log); return err == nil && len(b) > 0 })
			liveRules(t, h.auditctl, c.runtime)
			conf := write(t, filepath.Join(h.dir, "tallyman.yaml"), fmt.Sprintf(`
journal: {dir: journal, max_size: 128MiB}
admin: {listen: off}
inputs: {audit: {type: auditd, path: log/audit.log}}
transforms:
  - {type: audit}
  - {type: container, connector: on, docker_root: %s}
outputs: {out: {type: file, path: out.json, format: json}}
`, filepath.Join(dir, "data")))
			started := start(t, exec.Command(program(t), "run", "--config", conf))
			eventually(t, "tallyman runs", 20*time.Second, func() bool { return started.Len() > 0 })
			time.Sleep(time.Second) // until /proc is read: nothing outside shows when
			before := lostRecords(t, h.auditctl)
			truth := map[int]string{}
			wrapLoad(t, first, wrapWorkers(t, dir, docker, truth))
			if n := lostRecords(t, h.auditctl) - before; n > 0 {
				t.Logf("THE KERNEL LOST %d records, so not all that is asked for can be found", n)
				c.right = min(c.right, 98)
			}
			out := filepath.Join(h.dir, "out.json")
			liveJudge(t, out, truth, c.right, wrapWrong)
			wantReuse(t, eventsIn(t, out))
		})
	}
}

// freePids returns the first of many pids that no process has, near the highest.
func freePids(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/sys/kernel/pid_max")
	if err != nil {
		t.Fatal(err)
	}
	most, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	if err := setLastPID(most - 200); err != nil {
		t.Skipf("NOT RUN: the kernel cannot be told which pid comes next: %v", err)
	}
	return most - wrapPids
}

func setLastPID(pid int) error { return os.WriteFile(lastPID, []byte(strconv.Itoa(pid)), 0) }

// worker is a shell that forks some processes for each line that it is given, and
// says when they are gone.
type worker struct {
	give io.Writer
	said *bufio.Scanner
}

// wrapScript forks without an exec, execs, and leaves an orphan's child behind.
const wrapScript = `echo ready; while read line; do (read y < /bin/sh); /bin/true; (read y < /bin/sh; (read y < /bin/sh)); /bin/true; ` +
	`(/bin/true; (read y < /bin/sh)); (read y < /bin/sh); /bin/true; (read y < /bin/sh); echo done; done`

// begin starts a worker that ends with its input.
func begin(t *testing.T, cmd *exec.Cmd) worker {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait() // of a container that its own cleanup removes
	})
	w := worker{in, bufio.NewScanner(out)}
	if !w.said.Scan() || w.said.Text() != "ready" {
		t.Fatalf("%v says %q: %v", cmd.Args, w.said.Text(), w.said.Err())
	}
	return w
}

// wrapWorkers starts three containers and a shell of the host, one worker each.
func wrapWorkers(t *testing.T, dir string, docker func(...string) string, truth map[int]string) []worker {
	t.Helper()
	var list []worker
	for n := range 3 {
		uid, name := liveFirst+n, fmt.Sprint("wrap", n)
		t.Cleanup(func() { docker("rm", "-f", name) })
		list = append(list, begin(t, exec.Command("docker", "-H", "unix://"+filepath.Join(dir, "d.sock"), "run", "-i", "--network=none", "--user", strconv.Itoa(uid),
			"--name", name, liveLab, "/bin/sh", "-c", wrapScript)))
		truth[uid] = docker("inspect", "--format", "{{.Id}}", name)
	}
	cmd := exec.Command("/bin/sh", "-c", wrapScript)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: liveHost, Gid: liveHost}}
	return append(list, begin(t, cmd))
}

// wrapLoad lets one worker after the other take the same pids; every third time
// they go past the highest one.
func wrapLoad(t *testing.T, first int, work []worker) {
	t.Helper()
	for n := range wrapRounds {
		from := first
		if n%3 == 2 {
			from += wrapPids - 3
		}
		if err := setLastPID(from); err != nil {
			t.Fatal(err)
		}
		w := work[n%len(work)]
		if _, err := io.WriteString(w.give, "go\n"); err != nil {
			t.Fatal(err)
		}
		if !w.said.Scan() || w.said.Text() != "done" {
			t.Fatalf("a worker says %q: %v", w.said.Text(), w.said.Err())
		}
		time.Sleep(wrapEvery)
	}
}

// wantReuse wants that many pids were those of several users in turn: without
// them the test shows nothing.
func wantReuse(t *testing.T, events []map[string]any) {
	t.Helper()
	last, turns, pids := map[any]string{}, 0, map[any]bool{}
	for _, e := range events {
		user, _ := get(e, "user", "id").(string)
		pid := get(e, "process", "pid")
		if uid, err := strconv.Atoi(user); err != nil || uid < liveFirst || uid > liveHost || pid == nil {
			continue
		}
		if was := last[pid]; was != "" && was != user {
			turns++
			pids[pid] = true
		}
		last[pid] = user
	}
	t.Logf("%d pids went from one user to another, %d times", len(pids), turns)
	if turns < wrapRounds {
		t.Errorf("pids came round %d times only: the test shows nothing", turns)
	}
}

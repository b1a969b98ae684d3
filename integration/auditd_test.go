//go:build integration

package integration

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// auditUID is the user of the work load; the one audit rule is bounded by it.
const auditUID = 20977

const auditdConf = `local_events = yes
write_logs = yes
log_file = %s
log_group = root
log_format = %s
flush = INCREMENTAL_ASYNC
freq = 50
max_log_file = %d
num_logs = 9
max_log_file_action = ROTATE
priority_boost = 0
name_format = NONE
space_left = 75
space_left_action = IGNORE
admin_space_left = 50
admin_space_left_action = IGNORE
disk_full_action = IGNORE
disk_error_action = IGNORE
q_depth = 2000
plugin_dir = %s
`

// TestAuditdRotation lets the real auditd write and rotate its log while
// tallyman follows it, is stopped for some rotations and goes on: every event
// that auditd wrote is delivered once.
func TestAuditdRotation(t *testing.T) {
	for _, format := range []string{"RAW", "ENRICHED"} {
		t.Run(format, func(t *testing.T) { auditdRotation(t, format) })
	}
}

// host is a folder with an auditd of its own.
type host struct{ dir, log, auditd, auditctl string }

// newHost makes the folder of a host whose auditd rotates its log at megabytes;
// it skips, loudly, where no auditd may run.
func newHost(t *testing.T, format string, megabytes int) *host {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT RUN: auditd takes root")
	}
	h := &host{dir: t.TempDir(), auditd: need(t, "auditd", "auditd"), auditctl: need(t, "auditctl", "auditd")}
	if out, err := exec.Command(h.auditctl, "-s").CombinedOutput(); err != nil || !regexp.MustCompile(`(?m)^pid 0$`).Match(out) {
		t.Skipf("NOT RUN: the kernel's audit is not free: %v\n%s", err, out)
	}
	if err := os.Chmod(h.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	h.log = filepath.Join(h.dir, "log", "audit.log")
	write(t, filepath.Join(h.dir, "etc", "auditd.conf"), fmt.Sprintf(auditdConf, h.log, format, megabytes, filepath.Join(h.dir, "etc", "plugins.d")))
	write(t, filepath.Join(h.dir, "etc", "plugins.d", "none"), "")
	write(t, h.log, "")
	return h
}

// start starts auditd, waits until it works as ready says, and loads the one
// rule of the test user.
func (h *host) start(t *testing.T, what string, ready func() bool) {
	t.Helper()
	start(t, exec.Command(h.auditd, "-n", "-c", filepath.Join(h.dir, "etc")))
	eventually(t, what, 10*time.Second, ready)
	t.Cleanup(func() {
		if out, err := exec.Command(h.auditctl, "-D").CombinedOutput(); err != nil {
			t.Errorf("auditctl -D: %v\n%s", err, out)
		}
	})
	rule := []string{"-a", "always,exit", "-F", "arch=b64", "-S", "execve", "-F", fmt.Sprintf("uid=%d", auditUID), "-k", "tm_it"}
	if out, err := exec.Command(h.auditctl, rule...).CombinedOutput(); err != nil {
		t.Fatalf("auditctl: %v\n%s", err, out)
	}
}

// arrived waits until every exec event that auditd logged was delivered, at
// least most of them, and wants each once. It returns their number.
func (h *host) arrived(t *testing.T, out string, most int) int {
	t.Helper()
	var want map[string]bool
	// auditd writes in its own time: what counts is what it wrote at last.
	eventually(t, "every event is delivered", time.Minute, func() bool {
		want = loggedExecs(t, filepath.Dir(h.log))
		return len(want) >= most && len(delivered(t, out)) >= len(want)
	})
	got := delivered(t, out)
	for serial := range want {
		if got[serial] != 1 {
			t.Errorf("event %s was delivered %d times", serial, got[serial])
		}
	}
	return len(want)
}

func auditdRotation(t *testing.T, format string) {
	h := newHost(t, format, 1)
	dir, log := h.dir, h.log
	h.start(t, "auditd writes", func() bool { b, err := os.ReadFile(log); return err == nil && len(b) > 0 })
	conf := write(t, filepath.Join(dir, "tallyman.yaml"), `
journal: {dir: journal, max_size: 64MiB, segment_size: 1MiB}
admin: {listen: off}
inputs: {audit: {type: auditd, path: log/audit.log}}
transforms: [{type: audit}]
outputs: {out: {type: file, path: out.json, format: json}}
`)
	run := exec.Command(program(t), "run", "--config", conf)
	started := start(t, run)
	load(t, 1200)
	// Stopped for at least one rotation.
	if err := run.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "tallyman stops", 15*time.Second, func() bool { return strings.Contains(started.String(), "stopped") })
	load(t, 1200)
	start(t, exec.Command(program(t), "run", "--config", conf))
	load(t, 600)
	n := h.arrived(t, filepath.Join(dir, "out.json"), 3000)
	if files, _ := filepath.Glob(log + ".*"); len(files) < 2 {
		t.Errorf("auditd rotated %d times only: the test shows nothing", len(files))
	}
	t.Logf("%s: %d events through the rotations of auditd", format, n)
}

// load executes a program n times as the audited user.
func load(t *testing.T, n int) {
	t.Helper()
	long := strings.Repeat("x", 200)
	for i := range n {
		cmd := exec.Command("/bin/true", fmt.Sprint(i), long, "a b", "")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: auditUID, Gid: auditUID}}
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
	}
}

var execLine = regexp.MustCompile(`^type=SYSCALL msg=audit\((\d+\.\d+:\d+)\):.* key="tm_it"`)

// loggedExecs reads what auditd wrote, by the time and serial of its events.
func loggedExecs(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "audit.log*"))
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			continue // rotated between the two calls; the next look finds it
		}
		s := bufio.NewScanner(f)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			if m := execLine.FindStringSubmatch(s.Text()); m != nil {
				_, serial, _ := strings.Cut(m[1], ":")
				ids[serial] = true
			}
		}
		_ = f.Close()
	}
	return ids
}

// delivered counts the exec events of the rule by serial.
func delivered(t *testing.T, path string) map[string]int {
	t.Helper()
	got := map[string]int{}
	if _, err := os.Stat(path); err != nil {
		return got
	}
	for _, e := range eventsIn(t, path) {
		tags, _ := get(e, "tags").([]any)
		for _, tag := range tags {
			if tag == "tm_it" {
				got[fmt.Sprint(int64(get(e, "event", "sequence").(float64)))]++
			}
		}
	}
	return got
}

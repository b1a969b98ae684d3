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
max_log_file = 1
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
`

// TestAuditdRotation lets the real auditd write and rotate its log while
// tallyman follows it, is stopped for some rotations and goes on: every event
// that auditd wrote is delivered once.
func TestAuditdRotation(t *testing.T) {
	for _, format := range []string{"RAW", "ENRICHED"} {
		t.Run(format, func(t *testing.T) { auditdRotation(t, format) })
	}
}

func auditdRotation(t *testing.T, format string) {
	if os.Geteuid() != 0 {
		t.Skip("NOT RUN: auditd takes root")
	}
	auditd, auditctl := need(t, "auditd", "auditd"), need(t, "auditctl", "auditd")
	if out, err := exec.Command(auditctl, "-s").CombinedOutput(); err != nil || !regexp.MustCompile(`(?m)^pid 0$`).Match(out) {
		t.Skipf("NOT RUN: the kernel's audit is not free: %v\n%s", err, out)
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, "log", "audit.log")
	write(t, filepath.Join(dir, "etc", "auditd.conf"), fmt.Sprintf(auditdConf, log, format))
	write(t, filepath.Join(dir, "etc", "plugins.d", "none"), "")
	write(t, log, "")
	start(t, exec.Command(auditd, "-n", "-c", filepath.Join(dir, "etc")))
	eventually(t, "auditd writes", 10*time.Second, func() bool { b, err := os.ReadFile(log); return err == nil && len(b) > 0 })
	t.Cleanup(func() {
		if out, err := exec.Command(auditctl, "-D").CombinedOutput(); err != nil {
			t.Errorf("auditctl -D: %v\n%s", err, out)
		}
	})
	rule := []string{"-a", "always,exit", "-F", "arch=b64", "-S", "execve", "-F", fmt.Sprintf("uid=%d", auditUID), "-k", "tm_it"}
	if out, err := exec.Command(auditctl, rule...).CombinedOutput(); err != nil {
		t.Fatalf("auditctl: %v\n%s", err, out)
	}
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
	var want map[string]bool
	// auditd writes in its own time: what counts is what it wrote at last.
	eventually(t, "every event is delivered", time.Minute, func() bool {
		want = loggedExecs(t, filepath.Dir(log))
		return len(want) >= 3000 && len(delivered(t, filepath.Join(dir, "out.json"))) >= len(want)
	})
	got := delivered(t, filepath.Join(dir, "out.json"))
	for serial := range want {
		if got[serial] != 1 {
			t.Errorf("event %s was delivered %d times", serial, got[serial])
		}
	}
	if files, _ := filepath.Glob(log + ".*"); len(files) < 2 {
		t.Errorf("auditd rotated %d times only: the test shows nothing", len(files))
	}
	t.Logf("%s: %d events through the rotations of auditd", format, len(want))
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

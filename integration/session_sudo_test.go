//go:build integration

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// jobUser is the account of nlUID on the sessionHost.
const jobUser = "tallyman-it"

// sessionHost is a kernelHost whose programs see an account for nlUID, and no
// crontab but the test's own. The host's own files stay as they are: each
// program has a mount namespace in which others lie over them.
type sessionHost struct {
	*kernelHost
	over [][2]string // what lies over what
}

func newSessionHost(t *testing.T) *sessionHost {
	t.Helper()
	for _, name := range []string{"setpriv", "unshare"} {
		need(t, name, "util-linux")
	}
	h := &sessionHost{kernelHost: newKernelHost(t)}
	if b, err := os.ReadFile("/proc/self/loginuid"); err != nil || strings.TrimSpace(string(b)) != "4294967295" {
		t.Skipf("NOT RUN: these tests run in a login session, and those that they open would be none of their own: %s %v", b, err)
	}
	accounts, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	h.lay(t, "/etc/passwd", string(accounts)+fmt.Sprintf("%s:*:%d:60:test:/:/bin/sh\n", jobUser, nlUID), 0o644)
	return h
}

// lay puts a file of a text over one of the host.
func (h *sessionHost) lay(t *testing.T, over, text string, mode os.FileMode) {
	t.Helper()
	path := write(t, filepath.Join(h.dir, "over", filepath.Base(over)), text)
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	h.over = append(h.over, [2]string{path, over})
}

// folder puts an empty folder over one of the host, and returns it.
func (h *sessionHost) folder(t *testing.T, over string) string {
	t.Helper()
	path := filepath.Join(h.dir, "over", strings.ReplaceAll(over, "/", "_"))
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	h.over = append(h.over, [2]string{path, over})
	return path
}

// command is a program that sees what lies over the host's files.
func (h *sessionHost) command(name string, args ...string) *exec.Cmd {
	script := ""
	for _, o := range h.over {
		script += fmt.Sprintf("mount --bind '%s' '%s' && ", o[0], o[1])
	}
	return exec.Command("unshare", append([]string{"-m", "sh", "-c", script + `exec "$@"`, "sh", name}, args...)...)
}

// read starts tallyman, which takes the kernel's records of what nlUID executes.
func (h *sessionHost) read(t *testing.T) {
	t.Helper()
	h.unicastRules(t, "execve")
	conf := write(t, filepath.Join(h.dir, "tallyman.yaml"), `
journal: {dir: journal, max_size: 64MiB}
admin: {listen: off}
inputs: {audit: {type: auditd, netlink: unicast, rules: audit.rules}}
transforms: [{type: audit}, {type: container}, {type: session}]
outputs: {out: {type: file, path: out.json, format: json}}
`)
	read := h.command(program(t), "run", "--config", conf)
	start(t, read)
	eventually(t, "tallyman has the records", 20*time.Second, func() bool { return h.status(t, "pid") == read.Process.Pid })
	eventually(t, "the rule is loaded", 10*time.Second, func() bool { return strings.Contains(h.run(t, "-l"), nlKey) })
}

// ran waits until a program was seen whose command line is args.
func (h *sessionHost) ran(t *testing.T, args string, limit time.Duration) (ran map[string]any) {
	t.Helper()
	out := filepath.Join(h.dir, "out.json")
	eventually(t, args+" is seen", limit, func() bool {
		if _, err := os.Stat(out); err != nil {
			return false
		}
		for _, e := range eventsIn(t, out) {
			if get(e, "event", "action") == "executed" && fmt.Sprint(get(e, "process", "args")) == "["+args+"]" {
				ran = e
			}
		}
		return ran != nil
	})
	return ran
}

// toldOf checks whom an event names.
func toldOf(t *testing.T, e map[string]any, user, how, confidence string) {
	t.Helper()
	for name, want := range map[string]string{"user": user, "how": how, "confidence": confidence} {
		if got := get(e, "tallyman", "session", name); got != want {
			t.Errorf("%v: tallyman.session.%s is %v, want %s", get(e, "process", "args"), name, got, want)
		}
	}
}

// TestSudoSession lets somebody whose login was not seen run the real sudo: what
// runs below it, and below a su in it, is told who logged in, never whom they
// became. What ran before is told nothing.
func TestSudoSession(t *testing.T) {
	sudo := need(t, "sudo", "sudo")
	h := newSessionHost(t)
	h.lay(t, "/etc/sudoers", "ALL ALL=(ALL) NOPASSWD: ALL\n", 0o440)
	h.read(t)
	down := fmt.Sprintf("setpriv --reuid %d --clear-groups", nlUID)
	script := "echo 5 > /proc/self/loginuid && exec " + down + " sh -c '" +
		"sleep 0.51; " + sudo + " " + down + " sleep 0.52; " +
		sudo + " su " + jobUser + ` -c "sleep 0.53; nohup sleep 0.54 >/dev/null 2>&1 &"; exit 0'`
	if b, err := h.command("sh", "-c", script).CombinedOutput(); err != nil {
		t.Fatalf("sudo: %v\n%s", err, tail(b))
	}
	for _, args := range []string{"sleep 0.52", "sleep 0.53", "sleep 0.54"} {
		e := h.ran(t, args, 30*time.Second)
		toldOf(t, e, "games", "sudo", "exact")
		if got := get(e, "user", "audit", "name"); got != "games" {
			t.Errorf("%s: user.audit.name is %v", args, got)
		}
	}
	if e := h.ran(t, "sleep 0.51", 30*time.Second); get(e, "tallyman", "session") != nil {
		t.Errorf("sleep 0.51 is told %v before sudo was called", get(e, "tallyman", "session"))
	}
}

// TestCronSession lets the real cron run a job: it is told in whose table it
// stands. A job for the time at which cron starts needs no wait for the minute.
func TestCronSession(t *testing.T) {
	cron := need(t, "cron", "cron")
	h := newSessionHost(t)
	h.lay(t, "/etc/crontab", "# none\n", 0o644)
	h.folder(t, "/etc/cron.d")
	h.folder(t, "/run")
	tables := h.folder(t, "/var/spool/cron/crontabs")
	table := write(t, filepath.Join(tables, jobUser), "MAILTO=\"\"\n@reboot sleep 0.55; sh -c 'nohup sleep 0.56 >/dev/null 2>&1 &'\n")
	if err := os.Chmod(table, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(table, nlUID, 60); err != nil {
		t.Fatal(err)
	}
	h.read(t)
	start(t, h.command(cron, "-f"))
	toldOf(t, h.ran(t, "sleep 0.55", time.Minute), jobUser, "cron", "exact")
	toldOf(t, h.ran(t, "sleep 0.56", time.Minute), jobUser, "cron", "exact")
}

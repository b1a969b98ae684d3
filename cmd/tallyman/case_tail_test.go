package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// oneByOne gives single records, each an event, numbered.
func oneByOne(from, n int) string {
	var b strings.Builder
	for i := from; i < from+n; i++ {
		fmt.Fprintf(&b, "type=USER_ACCT msg=audit(%d.%03d:%d): pid=1 uid=0 auid=4294967295 ses=4294967295 msg='op=x acct=\"n%d\" res=success'\n", 1795227901+i/1000, i%1000, i+1, i)
	}
	return b.String()
}

// TestHundredRotations (RELIABILITY T1): the log is renamed and begun anew a
// hundred times while it is written without a pause: every record is delivered
// once, and in order.
func TestHundredRotations(t *testing.T) {
	dir, admin := t.TempDir(), freeAddr(t)
	path := conf(t, dir, fmt.Sprintf(controlConfig, admin))
	log := filepath.Join(dir, "audit.log")
	write(t, log, oneByOne(0, 10))
	b := start(t, path)
	until(t, "it reads", func() bool { return records(admin, "out") >= 10 })
	at := 10
	for range 100 {
		for n := 120; n > 0; n-- { // nothing falls off the end
			from, to := fmt.Sprintf("%s.%d", log, n-1), fmt.Sprintf("%s.%d", log, n)
			if n == 1 {
				from = log
			}
			if err := os.Rename(from, to); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
		for range 10 {
			f, err := os.OpenFile(log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
			if err == nil {
				_, err = f.WriteString(oneByOne(at, 20))
				err = errors.Join(err, f.Close())
			}
			if err != nil {
				t.Fatal(err)
			}
			at += 20
		}
	}
	until(t, "all is delivered", func() bool { return records(admin, "out") >= float64(at) })
	answers(t, exitOK, nil, "drain", "--config", path)
	if code := b.end(); code != exitOK {
		t.Errorf("it ended with %d", code)
	}
	ids := jsonIDs(t, filepath.Join(dir, "out.json"))
	for id, n := range ids {
		if n != 1 {
			t.Errorf("event %s came %d times", id, n)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "out.json"))
	if err != nil {
		t.Fatal(err)
	}
	next := 0
	for _, m := range regexp.MustCompile(`"sequence":(\d+)`).FindAllStringSubmatch(string(text), -1) {
		if next++; m[1] != fmt.Sprint(next) {
			t.Fatalf("serial %s came where %d was to come", m[1], next)
		}
	}
	if next != at || len(ids) != at {
		t.Errorf("%d records were written, %d events of %d serials came", at, len(ids), next)
	}
}

// TestDeletedWhileOpen (RELIABILITY T6): a log that is deleted and not replaced is
// read to its end, and its descriptor is given back.
func TestDeletedWhileOpen(t *testing.T) {
	dir, admin := t.TempDir(), freeAddr(t)
	path := conf(t, dir, fmt.Sprintf(controlConfig, admin))
	log := filepath.Join(dir, "audit.log")
	write(t, log, oneByOne(0, 10))
	b := start(t, path)
	until(t, "it reads", func() bool { return records(admin, "out") >= 10 })
	f, err := os.OpenFile(log, os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.cmd.Process.Signal(syscall.SIGSTOP); err != nil { // it sees the rest only when the name is gone
		t.Fatal(err)
	}
	if _, err := f.WriteString(oneByOne(10, 500)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Close(), os.Remove(log), b.cmd.Process.Signal(syscall.SIGCONT)); err != nil {
		t.Fatal(err)
	}
	until(t, "the rest is read", func() bool { return records(admin, "out") >= 510 })
	write(t, log, oneByOne(510, 5))
	until(t, "so is its successor", func() bool { return records(admin, "out") >= 515 })
	until(t, "the descriptor is given back", func() bool { return !holds(t, b.cmd.Process.Pid, "audit.log (deleted)") })
	answers(t, exitOK, nil, "drain", "--config", path)
	if code := b.end(); code != exitOK {
		t.Errorf("it ended with %d", code)
	}
}

// holds reports whether a process has a file open whose name ends in name.
func holds(t *testing.T, pid int, name string) bool {
	t.Helper()
	folder := fmt.Sprintf("/proc/%d/fd", pid)
	list, err := os.ReadDir(folder)
	if err != nil {
		t.Skipf("NOT RUN: no /proc here: %v", err)
	}
	for _, d := range list {
		if to, err := os.Readlink(filepath.Join(folder, d.Name())); err == nil && strings.HasSuffix(to, name) {
			return true
		}
	}
	return false
}

// TestPermissionComesBack (RELIABILITY T15): a log that may not be read is tried
// again while another is read, and read from its start once it may.
func TestPermissionComesBack(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT RUN: it takes root to be somebody who may not read")
	}
	dir, admin := t.TempDir(), freeAddr(t)
	text := strings.Replace(fmt.Sprintf(controlConfig, admin), "transforms:", "  other: {type: auditd, path: other.log}\ntransforms:", 1)
	path := conf(t, dir, text)
	log := filepath.Join(dir, "audit.log")
	write(t, log, oneByOne(0, 100))
	write(t, filepath.Join(dir, "other.log"), oneByOne(500, 50))
	run := tallyman(t, "run", "--config", path)
	exe := filepath.Join(dir, "tallyman.test")
	copyFile(t, run.Path, exe)
	for _, p := range []string{dir, path, filepath.Join(dir, "other.log")} {
		if err := os.Chown(p, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { //nolint:gosec // the test's own folder
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "run", "--config", path)
	cmd.Env = run.Env
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	over := false
	t.Cleanup(func() {
		if !over {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	until(t, "the other one is read", func() bool { return records(admin, "out") >= 50 })
	until(t, "it is tried again", func() bool { return metric(admin, `tallyman_input_errors_total{input="audit"}`) > 1 })
	if up := metric(admin, `tallyman_input_up{input="audit"}`); up != 0 {
		t.Errorf("up is %v", up)
	}
	if err := os.Chown(log, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	until(t, "it is read", func() bool { return records(admin, "out") >= 150 })
	if up := metric(admin, `tallyman_input_up{input="audit"}`); up != 1 {
		t.Errorf("up is %v", up)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	over = true
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// TestSmallAndEqualFiles (RELIABILITY T7): a file of one short line is read, and
// of two files with the same content each is.
func TestSmallAndEqualFiles(t *testing.T) {
	dir := t.TempDir()
	path := conf(t, dir, strings.Replace(good, "transforms:", "  other: {type: auditd, path: other.log}\ntransforms:", 1))
	const line = "type=X msg=audit(1.0:1): a=1\n"
	write(t, filepath.Join(dir, "audit.log"), line)
	write(t, filepath.Join(dir, "other.log"), line)
	for life := range 2 {
		code, text := said(t, "", "run", "--once", "--config", path)
		if code != exitOK || !regexp.MustCompile(`received +2\n`).MatchString(text) {
			t.Errorf("life %d: exit %d: %s", life, code, text)
		}
	}
}

// TestAnEventThatIsNeverCompleted (RELIABILITY I15): what is missing of an audit
// event never comes: the event comes after the timeout, says that it is
// incomplete, and stands for the records there were.
func TestAnEventThatIsNeverCompleted(t *testing.T) {
	dir, admin := t.TempDir(), freeAddr(t)
	path := conf(t, dir, strings.Replace(fmt.Sprintf(controlConfig, admin), "{type: audit}", "{type: audit, timeout: 200ms}", 1))
	write(t, filepath.Join(dir, "audit.log"), `type=SYSCALL msg=audit(1795227901.123:7): arch=c000003e syscall=59 success=yes exit=0 items=2 ppid=1 pid=2 auid=0 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=1 comm="x" exe="/bin/x" key=(null)`+"\n"+
		`type=PATH msg=audit(1795227901.123:7): item=0 name="/bin/x" inode=1 dev=08:01 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL`+"\n")
	b := start(t, path)
	until(t, "it is delivered", func() bool { return records(admin, "out") == 2 })
	answers(t, exitOK, nil, "drain", "--config", path)
	if code := b.end(); code != exitOK {
		t.Errorf("it ended with %d", code)
	}
	text, err := os.ReadFile(filepath.Join(dir, "out.json"))
	if err != nil || strings.Count(string(text), "\n") != 1 || !strings.Contains(string(text), `"tallyman_incomplete"`) {
		t.Errorf("%v: %s", err, text)
	}
}

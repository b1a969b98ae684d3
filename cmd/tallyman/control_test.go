package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"tallyman/pipeline/control"
)

// background is the program while it runs.
type background struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  string // the file of its standard error
	over bool
}

// start lets the program run with a configuration until the test ends.
func start(t *testing.T, config string) *background {
	t.Helper()
	b := &background{t: t, cmd: tallyman(t, "run", "--config", config), log: filepath.Join(t.TempDir(), "log")}
	f, err := os.Create(b.log)
	if err != nil {
		t.Fatal(err)
	}
	b.cmd.Stderr = f
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !b.over {
			_ = b.cmd.Process.Kill()
			_ = b.cmd.Wait()
		}
		if t.Failed() {
			t.Logf("the program said:\n%s", b.said())
		}
	})
	until(t, "the program answers", func() bool { return strings.Contains(b.status(config), "\n") })
	return b
}

// status returns the status of what runs with a configuration, "" when nothing does.
func (b *background) status(config string) string {
	code, text := said(b.t, "", "status", "--json", "--config", config)
	if code == exitFailure && strings.Contains(text, "does not run there") {
		return ""
	}
	return text
}

func (b *background) said() string {
	text, err := os.ReadFile(b.log)
	if err != nil {
		b.t.Error(err)
	}
	return string(text)
}

// end waits for the end of the process and returns its exit code.
func (b *background) end() int {
	b.t.Helper()
	b.over = true
	err := b.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.t.Fatal(err)
	}
	return b.cmd.ProcessState.ExitCode()
}

// answers runs a verb and checks its exit code and what it says.
func answers(t *testing.T, code int, want []string, args ...string) string {
	t.Helper()
	got, text := said(t, "", args...)
	if got != code {
		t.Errorf("%v: exit %d, want %d:\n%s", args, got, code, text)
	}
	for _, one := range want {
		if !strings.Contains(text, one) {
			t.Errorf("%v does not say %q:\n%s", args, one, text)
		}
	}
	return text
}

const controlConfig = `
journal: {dir: journal}
admin: {listen: %q}
grace: 2s
host: {name: h, id: h1}
inputs:
  audit: {type: auditd, path: audit.log}
transforms:
  - {type: audit}
outputs:
  out: {type: file, path: out.json, format: json}
`

const deadOutput = "  siem: {type: syslog, address: %q, format: cef}\n"

// nobody is an address where nothing listens.
func nobody(t *testing.T) string { return "tcp://" + freeAddr(t) }

func hashOf(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

// TestControl is a day of an operator: status, a reload that is good, ones that
// are refused (RELIABILITY C2, C4), and a drain.
func TestControl(t *testing.T) {
	dir, admin := t.TempDir(), freeAddr(t)
	plain := fmt.Sprintf(controlConfig, admin)
	path := conf(t, dir, plain)
	for _, verb := range []string{"status", "reload", "drain"} {
		answers(t, exitFailure, []string{"does not run there", "tallyman run"}, verb, "--config", path)
	}
	k := &killer{dir: dir, lines: demoLines(t)}
	k.grow(t, 1000)
	b := start(t, path)
	until(t, "it is delivered", func() bool { return metric(admin, `tallyman_ledger_records{output="out",state="delivered"}`) > 900 })
	answers(t, exitOK, []string{": ready", hashOf(plain)[:12], "audit", "up", "out"}, "status", "--config", path)
	answers(t, exitOK, nil, "status", "--journal-dir", filepath.Join(dir, "journal"), "--config", "/nowhere.yaml")

	running := func() string {
		var st processStatus
		if err := json.Unmarshal([]byte(answers(t, exitOK, nil, "status", "--json", "--config", path)), &st); err != nil {
			t.Fatal(err)
		}
		if st.PID != b.cmd.Process.Pid || len(st.Inputs) != 1 || st.Inputs[0].Records != uint64(k.wrote) {
			t.Errorf("the status: %+v", st)
		}
		if v := metric(admin, fmt.Sprintf("tallyman_config_info{hash=%q}", st.Config.Hash)); v != 1 {
			t.Errorf("the metric of the configuration %s is %v", st.Config.Hash, v)
		}
		return st.Config.Hash
	}
	commented := plain + "# the same\n"
	conf(t, dir, commented)
	answers(t, exitOK, []string{"runs now"}, "reload", "--config", path)
	if running() != hashOf(commented) {
		t.Error("the new configuration does not run")
	}

	for _, c := range []struct {
		name, text string
		code       int
		want       []string
		args       []string
	}{
		{"not valid", strings.Replace(plain, "format:", "formt:", 1), exitConfig, []string{"tallyman.yaml:11:37", `did you mean "format"`, "runs on"}, nil},
		{"no YAML", plain + "}\n", exitConfig, []string{"not YAML", "--journal-dir"}, nil},
		{"no YAML, and the journal named", plain + "}\n", exitConfig, []string{"not YAML", "runs on"}, []string{"--journal-dir", filepath.Join(dir, "journal")}},
		{"another journal", strings.Replace(plain, "{dir: journal}", "{dir: journal, max_size: 1GiB}", 1), exitConfig, []string{"takes a restart"}, nil},
	} {
		conf(t, dir, c.text)
		answers(t, c.code, c.want, append([]string{"reload", "--config", path}, c.args...)...)
		conf(t, dir, commented)
		if running() != hashOf(commented) {
			t.Errorf("%s: another configuration runs", c.name)
		}
		if v := metric(admin, "tallyman_config_last_reload_success"); v != 0 {
			t.Errorf("%s: the metric says %v", c.name, v)
		}
	}
	answers(t, exitOK, []string{"REFUSED", "takes a restart"}, "status", "--config", path)
	for _, want := range []string{"tallyman.yaml:11:37", `did you mean "format"`, "class=config_rejected"} {
		if !strings.Contains(b.said(), want) {
			t.Errorf("the log does not say %q", want)
		}
	}
	removed(t, b, dir, plain, admin)
	drained(t, b, path, k)
}

// removed removes an output that has events left.
func removed(t *testing.T, b *background, dir, plain, admin string) {
	t.Helper()
	path := conf(t, dir, plain+fmt.Sprintf(deadOutput, nobody(t)))
	answers(t, exitOK, []string{"runs now"}, "reload", "--config", path)
	if v := metric(admin, "tallyman_config_last_reload_success"); v != 1 {
		t.Errorf("the metric of the last reload says %v", v)
	}
	k := &killer{dir: dir, lines: demoLines(t)}
	k.grow(t, 500)
	until(t, "the output fails", func() bool { return metric(admin, `tallyman_output_up{output="siem"}`) == 0 })
	answers(t, exitFailure, []string{"NOT READY", "FAILING", "output siem: "}, "status", "--config", path)
	conf(t, dir, plain)
	answers(t, exitLeft, []string{"output siem still has", "--discard", "runs on"}, "reload", "--config", path)
	answers(t, exitOK, []string{"runs now"}, "reload", "--discard", "--config", path)
	if text := answers(t, exitOK, nil, "status", "--config", path); strings.Contains(text, "siem") {
		t.Errorf("the output is still there:\n%s", text)
	}
	if !regexp.MustCompile(`received=(\d+) delivered=0 .* lost=\d+ operator_discard=[1-9]\d+ `).MatchString(b.said()) {
		t.Error("the log does not say what was discarded")
	}
}

// drained drains the program: everything is delivered, and the process is gone.
func drained(t *testing.T, b *background, path string, k *killer) {
	t.Helper()
	k.grow(t, 2000)
	until(t, "it is read", func() bool {
		var st processStatus
		return json.Unmarshal([]byte(b.status(path)), &st) == nil && st.Inputs[0].Records >= 2500
	})
	answers(t, exitOK, []string{"everything is delivered"}, "drain", "--config", path)
	if code := b.end(); code != exitOK {
		t.Errorf("the drained program ended with %d", code)
	}
	if _, err := os.Lstat(control.Path(filepath.Join(filepath.Dir(path), "journal"))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
	answers(t, exitFailure, []string{"does not run there"}, "drain", "--config", path)
	answers(t, exitUsage, []string{"--timeout"}, "drain", "--timeout", "0s", "--config", path)
}

// TestDrainWithEventsLeft: what cannot be delivered in time is said by both, and
// the next run has it.
func TestDrainWithEventsLeft(t *testing.T) {
	dir := t.TempDir()
	path := conf(t, dir, fmt.Sprintf(controlConfig, "off")+fmt.Sprintf(deadOutput, nobody(t)))
	k := &killer{dir: dir, lines: demoLines(t)}
	k.grow(t, 1000)
	b := start(t, path)
	until(t, "the output fails", func() bool { return strings.Contains(b.status(path), "connection refused") })
	answers(t, exitLeft, []string{"output siem has", "records left"}, "drain", "--timeout", "1s", "--config", path)
	if code := b.end(); code != exitLeft {
		t.Errorf("the program ended with %d", code)
	}

	// Without the output the rest is an orphan's: told, shown, and no failure.
	conf(t, dir, fmt.Sprintf(controlConfig, "off"))
	b = start(t, path)
	if !strings.Contains(b.said(), "output of an earlier configuration has events left") {
		t.Error("the log does not speak of the orphan")
	}
	until(t, "it is ready", func() bool { code, _ := said(t, "", "status", "--config", path); return code == exitOK })
	answers(t, exitOK, []string{"siem", "REMOVED", "reload --discard"}, "status", "--config", path)
	answers(t, exitOK, nil, "reload", "--config", path)
	answers(t, exitOK, []string{"REMOVED"}, "status", "--config", path)
	answers(t, exitOK, nil, "reload", "--discard", "--config", path)
	if text := answers(t, exitOK, nil, "status", "--config", path); strings.Contains(text, "siem") {
		t.Errorf("the orphan is still there:\n%s", text)
	}
	answers(t, exitOK, nil, "drain", "--config", path)
	if code := b.end(); code != exitOK {
		t.Errorf("the program ended with %d", code)
	}
}

// TestHundredSignals (RELIABILITY C3): a hundred reloads asked for at once are a
// few, and the last configuration is the one that runs.
func TestHundredSignals(t *testing.T) {
	dir, admin := t.TempDir(), freeAddr(t)
	text := fmt.Sprintf(controlConfig, admin)
	path := conf(t, dir, text)
	k := &killer{dir: dir, lines: demoLines(t)}
	k.grow(t, 100)
	b := start(t, path)
	for i := range 100 {
		text = fmt.Sprintf(controlConfig, admin) + fmt.Sprintf("# %d\n", i)
		fresh := filepath.Join(dir, "fresh")
		write(t, fresh, text)
		if err := os.Rename(fresh, path); err != nil {
			t.Fatal(err)
		}
		hup(t, b.cmd.Process.Pid)
	}
	until(t, "the last configuration runs", func() bool {
		return metric(admin, fmt.Sprintf("tallyman_config_info{hash=%q}", hashOf(text))) == 1
	})
	if bad := metric(admin, "tallyman_reloads_rejected_total"); bad != 0 {
		t.Errorf("%v reloads were refused", bad)
	}
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := b.end(); code != exitOK {
		t.Errorf("the program ended with %d", code)
	}
}

// TestStaleSocket: the socket of a killed process is no process, and the next one
// replaces it.
func TestStaleSocket(t *testing.T) {
	dir := t.TempDir()
	path := conf(t, dir, fmt.Sprintf(controlConfig, "off"))
	b := start(t, path)
	if err := b.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	b.end()
	if _, err := os.Lstat(control.Path(filepath.Join(dir, "journal"))); err != nil {
		t.Fatalf("a kill is to leave the socket: %v", err)
	}
	answers(t, exitFailure, []string{"does not run there"}, "status", "--config", path)
	b = start(t, path)
	answers(t, exitOK, nil, "drain", "--config", path)
	if code := b.end(); code != exitOK {
		t.Errorf("the program ended with %d", code)
	}
}

// TestOtherUsers: a user that is neither root nor the one that runs the program
// gets no answer, even where the files would let it in.
func TestOtherUsers(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	dir := t.TempDir()
	b := start(t, conf(t, dir, fmt.Sprintf(controlConfig, "off")))
	journal := filepath.Join(dir, "journal")
	open, err := os.MkdirTemp("", "tallyman-other")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(open) })
	self := filepath.Join(open, "tallyman")
	copyFile(t, os.Args[0], self)
	other := func(args ...string) (int, string) {
		cmd := exec.Command(self, args...)
		cmd.Env = append(os.Environ(), "TALLYMAN_MAIN=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), string(out)
	}
	for _, mode := range []os.FileMode{0o700, 0o777} {
		for _, p := range []string{filepath.Dir(dir), dir, journal, control.Path(journal), open, self} {
			if err := os.Chmod(p, mode|0o055&^(mode&0o022)); err != nil {
				t.Fatal(err)
			}
		}
		if mode == 0o700 {
			if err := os.Chmod(journal, mode); err != nil {
				t.Fatal(err)
			}
		}
		for _, verb := range []string{"status", "reload", "drain"} {
			if code, text := other(verb, "--journal-dir", journal); code != exitPermission || !strings.Contains(text, "only root and the user") {
				t.Errorf("folder %v: %s by another user: exit %d: %s", mode, verb, code, text)
			}
		}
	}
	if text := answers(t, exitOK, nil, "drain", "--journal-dir", journal); !strings.Contains(text, "delivered") {
		t.Error(text)
	}
	if code := b.end(); code != exitOK {
		t.Errorf("the program ended with %d", code)
	}
}

// TestWithoutASocket: something in the way of the socket is said, and the
// program does its work.
func TestWithoutASocket(t *testing.T) {
	dir := t.TempDir()
	path := conf(t, dir, fmt.Sprintf(controlConfig, "off"))
	k := &killer{dir: dir, lines: demoLines(t)}
	k.grow(t, 100)
	if err := os.MkdirAll(control.Path(filepath.Join(dir, "journal")), 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := tallyman(t, "run", "--once", "--config", path).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "nobody can ask this process") || !strings.Contains(string(out), "in the way") {
		t.Errorf("%v:\n%s", err, out)
	}
}

// TestForeignServer: a socket of something else is not believed.
func TestForeignServer(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("unix", control.Path(dir))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("220 ready\r\n")) // whoever asks sees it or not
			_ = c.Close()
		}
	}()
	defer func() { _ = l.Close() }()
	answers(t, exitFailure, []string{"not understood"}, "status", "--journal-dir", dir)
}

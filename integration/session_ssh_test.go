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

// sshLogin starts Debian's sshd on loopback with keys of the test's own, and
// returns what runs a command as root through it.
func sshLogin(t *testing.T) func(command string) string {
	t.Helper()
	server, client := need(t, "sshd", "openssh-server"), need(t, "ssh", "openssh-client")
	dir, port := t.TempDir(), freePort(t)
	for _, name := range []string{"host", "user"} {
		say(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, name))
	}
	say(t, "cp", filepath.Join(dir, "user.pub"), filepath.Join(dir, "authorized"))
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	conf := write(t, filepath.Join(dir, "sshd_config"), fmt.Sprintf(`
ListenAddress 127.0.0.1:%d
HostKey %s/host
AuthorizedKeysFile %s/authorized
StrictModes no
UsePAM yes
PermitRootLogin prohibit-password
PidFile none
`, port, dir, dir))
	start(t, exec.Command(server, "-D", "-e", "-f", conf))
	ssh := func(command string) ([]byte, error) {
		return exec.Command(client, "-F", "none", "-i", filepath.Join(dir, "user"), "-p", fmt.Sprint(port), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
			"-o", "BatchMode=yes", "root@127.0.0.1", command).CombinedOutput()
	}
	eventually(t, "sshd lets in", 30*time.Second, func() bool { _, err := ssh("true"); return err == nil })
	return func(command string) string {
		b, err := ssh(command)
		if err != nil {
			t.Fatalf("ssh: %v\n%s", err, tail(b))
		}
		return string(b)
	}
}

// TestSSHSession logs in through the real sshd and PAM: a program that runs in
// the session as another user is told who logged in, and from where.
func TestSSHSession(t *testing.T) {
	need(t, "setpriv", "util-linux")
	h := newKernelHost(t)
	if b, err := os.ReadFile("/proc/self/loginuid"); err != nil || strings.TrimSpace(string(b)) != "4294967295" {
		t.Skipf("NOT RUN: these tests run in a login session, and sshd's would be none of its own: %s %v", b, err)
	}
	h.unicastRules(t, "execve")
	conf := write(t, filepath.Join(h.dir, "tallyman.yaml"), `
journal: {dir: journal, max_size: 64MiB}
admin: {listen: off}
inputs: {audit: {type: auditd, netlink: unicast, rules: audit.rules}}
transforms: [{type: audit}, {type: container}, {type: session}]
outputs: {out: {type: file, path: out.json, format: json}}
`)
	read := exec.Command(program(t), "run", "--config", conf)
	start(t, read)
	eventually(t, "tallyman has the records", 20*time.Second, func() bool { return h.status(t, "pid") == read.Process.Pid })
	eventually(t, "the rule is loaded", 10*time.Second, func() bool { return strings.Contains(h.run(t, "-l"), nlKey) })
	sshLogin(t)(fmt.Sprintf("exec setpriv --reuid %d --clear-groups sleep 0.51", nlUID))
	out := filepath.Join(h.dir, "out.json")
	var ran map[string]any
	eventually(t, "the program is seen", 30*time.Second, func() bool {
		if _, err := os.Stat(out); err != nil {
			return false
		}
		for _, e := range eventsIn(t, out) {
			if get(e, "event", "action") == "executed" && strings.Contains(fmt.Sprint(get(e, "process", "args")), "sleep 0.51") {
				ran = e
			}
		}
		return ran != nil
	})
	for name, want := range map[string]string{"user": "root", "how": "ssh", "confidence": "exact"} {
		if got := get(ran, "tallyman", "session", name); got != want {
			t.Errorf("tallyman.session.%s is %v, want %s", name, got, want)
		}
	}
	if get(ran, "user", "id") != fmt.Sprint(nlUID) || get(ran, "source", "ip") != "127.0.0.1" {
		t.Errorf("user.id is %v and source.ip %v", get(ran, "user", "id"), get(ran, "source", "ip"))
	}
}

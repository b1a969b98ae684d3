//go:build integration

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A caller runs a command line of the shell as somebody, who enters a container.
type caller struct {
	user, from string
	run        func(t *testing.T, line string)
}

// inContainer is the command line of a user without rights who runs the real client.
func inContainer(sock, name, command string) string {
	return fmt.Sprintf("export HOME=/ DOCKER_CONFIG=/nonexistent; exec setpriv --reuid %d --clear-groups --inh-caps=-all docker -H unix://%s exec -u %d %s %s", nlUID, sock, nlUID, name, command)
}

// byHand runs a line as somebody who is logged in as another as far as the kernel
// knows, and whose login no record tells of.
func byHand(t *testing.T, line string) {
	t.Helper()
	cmd := exec.Command("sh", "-c", "echo 5 > /proc/self/loginuid; "+line)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("docker exec: %v\n%s", err, tail(b))
	}
}

// TestDockerExecSession enters a container of the real engine while the kernel's
// own records are read: each program of the exec, and no other of the container,
// is told the engine's id of it and who the client was. That is whom the kernel
// names where no login was seen, and whoever logged in over the real sshd, with
// the address they came from.
func TestDockerExecSession(t *testing.T) {
	t.Run("no login was seen", func(t *testing.T) { dockerExecBy(t, caller{user: "games", run: byHand}) })
	t.Run("over ssh", func(t *testing.T) {
		if b, err := os.ReadFile("/proc/self/loginuid"); err != nil || strings.TrimSpace(string(b)) != "4294967295" {
			t.Skipf("NOT RUN: these tests run in a login session, and sshd's would be none of its own: %s %v", b, err)
		}
		ssh := sshLogin(t)
		dockerExecBy(t, caller{user: "root", from: "127.0.0.1", run: func(t *testing.T, line string) { t.Helper(); ssh(line) }})
	})
}

// dockerExecBy lets a caller enter a container, and checks what was told of it.
func dockerExecBy(t *testing.T, by caller) {
	t.Helper()
	engines(t)
	need(t, "setpriv", "util-linux")
	h := newKernelHost(t)
	h.unicastRules(t, "execve")
	dir := short(t)
	docker, _ := dockerd(t, dir)
	sock := filepath.Join(dir, "d.sock")
	docker("load", "-i", imageTar(t))
	for _, p := range []string{dir, sock} {
		if err := os.Chmod(p, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	conf := write(t, filepath.Join(h.dir, "tallyman.yaml"), `
journal: {dir: journal, max_size: 64MiB}
admin: {listen: off}
inputs:
  audit: {type: auditd, netlink: unicast, rules: audit.rules}
  engine: {type: docker, host: "unix://`+sock+`"}
transforms:
  - {type: audit}
  - {type: container}
  - {type: session}
outputs: {out: {type: file, path: out.json, format: json}}
`)
	read := exec.Command(program(t), "run", "--config", conf)
	start(t, read)
	eventually(t, "tallyman has the records", 20*time.Second, func() bool { return h.status(t, "pid") == read.Process.Pid })
	eventually(t, "the rule is loaded", 10*time.Second, func() bool { return strings.Contains(h.run(t, "-l"), nlKey) })
	box := docker("create", "--network=none", "-u", fmt.Sprint(nlUID), "--name", "web", labImage, "/bin/sh", "-c", "while true; do /bin/sleep 0.7; done")
	roots, err := filepath.Glob(filepath.Join(dir, "data", "vfs", "dir", "*"))
	if err != nil || len(roots) == 0 {
		t.Fatalf("no file system of a container: %v", err)
	}
	for _, root := range roots { // the image is root's alone
		for _, p := range []string{root, filepath.Join(root, "bin")} {
			if err := os.Chmod(p, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Cleanup(func() { docker("rm", "-f", "web") }) // it outlives an engine that is not given time
	docker("start", "web")
	out := filepath.Join(h.dir, "out.json")
	inside := func() (list []map[string]any) {
		if _, err := os.Stat(out); err != nil {
			return nil
		}
		for _, e := range eventsIn(t, out) {
			if get(e, "event", "action") == "executed" && get(e, "container", "id") == box {
				list = append(list, e)
			}
		}
		return list
	}
	ran := func(what string) func() bool {
		return func() bool {
			return slices.ContainsFunc(inside(), func(e map[string]any) bool { return strings.Contains(fmt.Sprint(get(e, "process", "args")), what) })
		}
	}
	eventually(t, "the container's own programs are seen", 30*time.Second, ran("/bin/sleep 0.7"))
	by.run(t, inContainer(sock, "web", "/bin/sh -c '/bin/sleep 2.31; /bin/sleep 0.32; exit 0'"))
	by.run(t, inContainer(sock, "web", "/bin/sleep 0.41"))
	eventually(t, "the programs of the execs are seen", 30*time.Second, ran("/bin/sleep 0.41"))
	execs := map[string]string{} // the command of an id
	eventually(t, "the engine's events come", 30*time.Second, func() bool {
		for _, e := range eventsIn(t, out) {
			if get(e, "event", "action") == "exec_start" {
				execs[fmt.Sprint(get(e, "docker", "exec", "id"))] = fmt.Sprint(get(e, "docker", "exec", "command"))
			}
		}
		return len(execs) == 2
	})
	judgeExecs(t, inside(), execs, by)
}

// judgeExecs checks what programs in the container were told. A program that was
// delivered before its exec was heard of carries nothing: what counts is that
// the last one of each exec does, and that nobody is told another's.
func judgeExecs(t *testing.T, list []map[string]any, execs map[string]string, by caller) {
	t.Helper()
	told := map[string]string{}
	for _, e := range list {
		args, how, id := fmt.Sprint(get(e, "process", "args")), get(e, "tallyman", "session", "how"), fmt.Sprint(get(e, "tallyman", "session", "id"))
		t.Logf("%s: %v", args, get(e, "tallyman", "session"))
		if how == nil {
			continue
		}
		first := strings.Contains(execs[id], "2.31") && (strings.Contains(args, "2.31") || strings.Contains(args, "0.32"))
		if how != "docker-exec" || !first && (!strings.Contains(execs[id], "0.41") || !strings.Contains(args, "0.41")) {
			t.Errorf("%s is told %v", args, get(e, "tallyman", "session"))
		}
		if get(e, "tallyman", "session", "user") != by.user || get(e, "tallyman", "session", "confidence") != "medium" {
			t.Errorf("%s is told %v, and the client's login id is that of %s", args, get(e, "tallyman", "session"), by.user)
		}
		if from, _ := get(e, "source", "ip").(string); from != by.from {
			t.Errorf("%s is told that they came from %q, want %q", args, from, by.from)
		}
		told[args] = id
	}
	for _, want := range []string{"[/bin/sleep 0.32]"} {
		if told[want] == "" {
			t.Errorf("%s is told nothing", want)
		}
	}
}

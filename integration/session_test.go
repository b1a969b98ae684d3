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

// inContainer lets a user of the host, logged in as another as far as the kernel
// knows, run the real client.
func inContainer(t *testing.T, sock, name string, command ...string) {
	t.Helper()
	args := append([]string{"-c", `echo 5 > /proc/self/loginuid && exec setpriv --reuid ` + fmt.Sprint(nlUID) + ` --clear-groups --inh-caps=-all docker "$@"`, "sh",
		"-H", "unix://" + sock, "exec", "-u", fmt.Sprint(nlUID), name}, command...)
	cmd := exec.Command("sh", args...)
	cmd.Env = append(os.Environ(), "HOME=/", "DOCKER_CONFIG=/nonexistent")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("docker exec: %v\n%s", err, tail(b))
	}
}

// TestDockerExecSession enters a container of the real engine while the kernel's
// own records are read: each program of the exec, and no other of the container,
// is told the engine's id of it and who the client was.
func TestDockerExecSession(t *testing.T) {
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
	inContainer(t, sock, "web", "/bin/sh", "-c", "/bin/sleep 0.31; /bin/sleep 0.32; exit 0")
	inContainer(t, sock, "web", "/bin/sleep", "0.41")
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
	judgeExecs(t, inside(), execs)
}

// judgeExecs checks what programs in the container were told. A program that was
// delivered before its exec was heard of carries nothing: what counts is that
// the last one of each exec does, and that nobody is told another's.
func judgeExecs(t *testing.T, list []map[string]any, execs map[string]string) {
	t.Helper()
	told := map[string]string{}
	for _, e := range list {
		args, how, id := fmt.Sprint(get(e, "process", "args")), get(e, "tallyman", "session", "how"), fmt.Sprint(get(e, "tallyman", "session", "id"))
		t.Logf("%s: %v", args, get(e, "tallyman", "session"))
		if how == nil {
			continue
		}
		first := strings.Contains(execs[id], "0.31") && (strings.Contains(args, "0.31") || strings.Contains(args, "0.32"))
		if how != "docker-exec" || !first && (!strings.Contains(execs[id], "0.41") || !strings.Contains(args, "0.41")) {
			t.Errorf("%s is told %v", args, get(e, "tallyman", "session"))
		}
		if get(e, "tallyman", "session", "user") != "games" || get(e, "tallyman", "session", "confidence") != "medium" {
			t.Errorf("%s is told %v, and the client's login id is that of games", args, get(e, "tallyman", "session"))
		}
		told[args] = id
	}
	for _, want := range []string{"[/bin/sleep 0.32]"} {
		if told[want] == "" {
			t.Errorf("%s is told nothing", want)
		}
	}
}

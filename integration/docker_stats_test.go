//go:build integration

package integration

import (
	"errors"
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

// happened waits until the file of an output has an event as it is wanted.
func happened(t *testing.T, out, what string, ok func(e map[string]any) bool) {
	t.Helper()
	eventually(t, what, 60*time.Second, func() bool {
		_, err := os.Stat(out)
		return err == nil && slices.ContainsFunc(eventsIn(t, out), ok)
	})
}

// is makes a condition of pairs of a dotted name and a value.
func is(pairs ...any) func(map[string]any) bool {
	return func(e map[string]any) bool {
		for i := 0; i < len(pairs); i += 2 {
			if fmt.Sprint(get(e, strings.Split(pairs[i].(string), ".")...)) != fmt.Sprint(pairs[i+1]) {
				return false
			}
		}
		return true
	}
}

const statsConf = `journal: {dir: journal, max_size: 64MiB}
admin: {listen: off}
inputs:
  engine:
    type: docker
    host: "unix://%s"
    stats: {every: 1s, thresholds: {memory: 0.5, pids: 10}}
outputs:
  out: {type: file, path: events.json, format: json}
`

// measuredBy has a container take memory and fork, and wants to be told of it by
// the program that measures through a socket; run takes the engine's commands.
func measuredBy(t *testing.T, sock, image string, run func(args ...string) string, options ...string) {
	t.Helper()
	dir := t.TempDir()
	out := filepath.Join(dir, "events.json")
	start(t, exec.Command(program(t), "run", "--config", write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(statsConf, sock))))
	args := append([]string{"run", "-d", "--network=none", "--name", "hungry", "--label", "team=blue", "-m", "64m"}, options...)
	id := run(append(args, image, "/bin/sleep", "600")...)
	t.Cleanup(func() { run("rm", "-f", "hungry") })
	happened(t, out, "it is measured", func(e map[string]any) bool {
		pids, _ := get(e, "docker", "stats", "pids").(float64)
		share, _ := get(e, "container", "memory", "usage").(float64)
		return is("event.kind", "metric", "event.dataset", "docker.stats", "container.id", id, "container.name", "hungry", "container.labels.team", "blue",
			"docker.stats.memory_limit", float64(64<<20))(e) && pids >= 1 && pids < 5 && share < 0.5 && get(e, "container", "cpu", "usage") != nil
	})
	run("exec", "-d", "hungry", "/bin/sh", "-c", "i=0; while [ $i -lt 20 ]; do /bin/sleep 8 & i=$((i+1)); done; /bin/busybox dd if=/dev/zero bs=40M | /bin/sleep 8; wait") // what outlived the shell would stay a zombie, which counts
	for _, name := range []string{"pids", "memory"} {
		happened(t, out, name+" is exceeded", is("event.action", "container-threshold-exceeded", "docker.threshold.name", name, "container.id", id, "event.outcome", "failure"))
		happened(t, out, name+" is cleared", is("event.action", "container-threshold-cleared", "docker.threshold.name", name, "container.id", id, "event.outcome", "success"))
	}
	crossed := 0
	for _, e := range eventsIn(t, out) {
		if get(e, "docker", "threshold", "name") != nil {
			crossed++
		}
	}
	if crossed != 4 {
		t.Errorf("%d thresholds are said to be crossed, want each up and down", crossed)
	}
}

// TestDockerStats measures containers of the real engine.
func TestDockerStats(t *testing.T) {
	engines(t)
	dir := short(t)
	docker, _ := dockerd(t, dir)
	docker("import", liveImage(t), liveLab)
	measuredBy(t, filepath.Join(dir, "d.sock"), liveLab, docker)
}

// TestPodmanStats does the same through Podman's socket.
func TestPodmanStats(t *testing.T) {
	engines(t)
	program := need(t, "podman", "podman")
	dir := short(t)
	args := []string{"--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"), "--tmpdir", filepath.Join(dir, "tmp"), "--storage-driver", "vfs",
		"--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", need(t, "runc", "runc")}
	podman := func(more ...string) string { return say(t, program, append(args[:len(args):len(args)], more...)...) }
	podman("import", liveImage(t), liveLab)
	sock := filepath.Join(dir, "p.sock")
	start(t, exec.Command(program, append(args[:len(args):len(args)], "system", "service", "--time=0", "unix://"+sock)...))
	eventually(t, "the socket is there", 30*time.Second, func() bool { _, err := os.Stat(sock); return err == nil })
	measuredBy(t, sock, liveLab, podman, "--ulimit", "nofile=256:256", "--ulimit", "nproc=256:256")
}

// pidOf waits for a process with a command line.
func pidOf(t *testing.T, args ...string) string {
	t.Helper()
	pid, want := "", strings.Join(args, "\x00")+"\x00"
	eventually(t, strings.Join(args, " ")+" runs", 20*time.Second, func() bool {
		all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, f := range all {
			if b, err := os.ReadFile(f); err == nil && string(b) == want {
				pid = filepath.Base(filepath.Dir(f))
				return true
			}
		}
		return false
	})
	return pid
}

// TestDockerDrift copies a program into a container of the real engine on overlays
// and runs it: that is an alert, and the same program of the image is none. The
// files that changed are told of as the engine lists them. A kill changes none of this.
func TestDockerDrift(t *testing.T) {
	engines(t)
	dir := short(t)
	docker, _ := dockerdOn(t, dir, "overlay2")
	docker("import", liveImage(t), liveLab)
	const added = "/usr/local/bin/busybox" // its name is what makes it one program or another
	docker("run", "-d", "--network=none", "--name", "shop", liveLab, "/bin/sleep", "600")
	t.Cleanup(func() { docker("rm", "-f", "shop") })
	log, out := write(t, filepath.Join(dir, "audit.log"), ""), filepath.Join(dir, "out.json")
	rules, err := filepath.Abs("../configs/rules")
	if err != nil {
		t.Fatal(err)
	}
	conf := write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(`
journal: {dir: journal, max_size: 64MiB, segment_size: 1MiB}
admin: {listen: off}
inputs:
  audit: {type: auditd, path: %s}
  engine: {type: docker, host: "unix://%s/d.sock", changes: {every: 10m}}
transforms: [{type: audit}, {type: container, docker_root: "", sockets: {docker: %s/d.sock}}, {type: rules, files: ["%s/*.yaml"]}]
outputs: {out: {type: file, path: %s, format: json}}
`, log, dir, dir, rules, out))
	first := exec.Command(program(t), "run", "--config", conf)
	start(t, first)
	happened(t, out, "the container's start is told", is("event.action", "start", "container.name", "shop"))
	docker("exec", "shop", "/bin/busybox", "mkdir", "-p", "/usr/local/bin")
	docker("exec", "shop", "/bin/busybox", "cp", "/bin/busybox", added)
	docker("exec", "-d", "shop", added, "sleep", "601")
	docker("exec", "-d", "shop", "/bin/busybox", "sleep", "602")
	appendTo(t, log, execveOf(t, 4711, "/bin/busybox", "sleep", "602")+execveOf(t, 4712, added, "sleep", "601"))
	happened(t, out, "the added program is an alert", is("event.kind", "alert", "rule.id", "TM-CT-003", "process.executable", added, "container.name", "shop"))
	happened(t, out, "the added file is told of", is("event.action", "container-file-added", "file.path", added, "container.name", "shop", "event.dataset", "docker.changes"))
	happened(t, out, "the added file is an alert", is("rule.id", "TM-DR-001", "file.path", added))
	happened(t, out, "the image's program is read", is("event.action", "executed", "process.executable", "/bin/busybox", "container.name", "shop"))
	// Over a kill: what is added after it is told, and what was told before is not told again.
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the program is gone", 10*time.Second, func() bool { return first.Process.Signal(syscall.Signal(0)) != nil })
	const later = "/usr/local/sbin/sleep" // another folder: the files of one are told of once an hour
	docker("exec", "shop", "/bin/busybox", "mkdir", "-p", "/usr/local/sbin")
	docker("exec", "shop", "/bin/busybox", "cp", "/bin/busybox", later)
	docker("exec", "-d", "shop", added, "sleep", "604")
	docker("exec", "-d", "shop", later, "603")
	appendTo(t, log, execveOf(t, 4713, added, "sleep", "604")+execveOf(t, 4714, later, "603"))
	start(t, exec.Command(program(t), "run", "--config", conf))
	happened(t, out, "the program added after the kill is an alert", is("event.kind", "alert", "rule.id", "TM-CT-003", "process.executable", later, "container.name", "shop"))
	happened(t, out, "the file added after the kill is an alert", is("rule.id", "TM-DR-001", "file.path", later))
	told := map[any]string{} // by id: what is delivered again after a kill has the same
	for _, e := range eventsIn(t, out) {
		if rule, _ := get(e, "rule", "id").(string); rule == "TM-CT-003" && get(e, "process", "executable") == added || rule == "TM-DR-001" && get(e, "file", "path") == added {
			told[get(e, "event", "id")] = rule
		}
		if get(e, "process", "executable") == "/bin/busybox" && (get(e, "tallyman", "exe_upper_layer") != nil || get(e, "rule", "id") == "TM-CT-003") {
			t.Errorf("the image's own program is said to be added: %v", e)
		}
	}
	if len(told) != 2 {
		t.Errorf("of the program that was added before the kill %d alerts, want one of the program and one of the file: %v", len(told), told)
	}
}

// appendTo adds to a file that a program reads.
func appendTo(t *testing.T, file, text string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// execveOf is what the kernel says when a process of a command line begins, which runs.
func execveOf(t *testing.T, serial int, args ...string) string {
	t.Helper()
	now, pid := time.Now(), pidOf(t, args...)
	stamp := fmt.Sprintf("msg=audit(%d.%03d:%d): ", now.Unix(), now.Nanosecond()/1e6, serial)
	return fmt.Sprintf("type=SYSCALL %sarch=c000003e syscall=59 success=yes exit=0 a0=0 a1=0 a2=0 a3=0 items=2 ppid=%d pid=%s auid=4294967295 uid=0 gid=0 euid=0 suid=0 "+
		"fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=4294967295 comm=\"x\" exe=\"%s\" key=\"tm_exec\"\ntype=EXECVE %sargc=2 a0=\"%s\" a1=\"sleep\"\ntype=EOE %s\n",
		stamp, parentOf(t, pid), pid, args[0], stamp, args[0], stamp)
}

//go:build integration

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
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
	run("exec", "-d", "hungry", "/bin/sh", "-c", "i=0; while [ $i -lt 20 ]; do /bin/sleep 8 & i=$((i+1)); done; /bin/busybox dd if=/dev/zero bs=40M | /bin/sleep 8")
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
// files that changed are told of as the engine lists them.
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
	start(t, exec.Command(program(t), "run", "--config", write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(`
journal: {dir: journal, max_size: 64MiB, segment_size: 1MiB}
admin: {listen: off}
inputs:
  audit: {type: auditd, path: %s}
  engine: {type: docker, host: "unix://%s/d.sock", changes: {every: 10m}}
transforms: [{type: audit}, {type: container, docker_root: "", sockets: {docker: %s/d.sock}}, {type: rules, files: ["%s/*.yaml"]}]
outputs: {out: {type: file, path: %s, format: json}}
`, log, dir, dir, rules, out))))
	happened(t, out, "the container's start is told", is("event.action", "start", "container.name", "shop"))
	docker("exec", "shop", "/bin/busybox", "mkdir", "-p", "/usr/local/bin")
	docker("exec", "shop", "/bin/busybox", "cp", "/bin/busybox", added)
	docker("exec", "-d", "shop", added, "sleep", "601")
	docker("exec", "-d", "shop", "/bin/busybox", "sleep", "602")
	lines := ""
	for n, exe := range []string{"/bin/busybox", added} {
		now, pid := time.Now(), pidOf(t, exe, "sleep", []string{"602", "601"}[n])
		stamp := fmt.Sprintf("msg=audit(%d.%03d:%d): ", now.Unix(), now.Nanosecond()/1e6, 4711+n)
		lines += fmt.Sprintf("type=SYSCALL %sarch=c000003e syscall=59 success=yes exit=0 a0=0 a1=0 a2=0 a3=0 items=2 ppid=%d pid=%s auid=4294967295 uid=0 gid=0 euid=0 suid=0 "+
			"fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=4294967295 comm=\"x\" exe=\"%s\" key=\"tm_exec\"\ntype=EXECVE %sargc=2 a0=\"%s\" a1=\"sleep\"\ntype=EOE %s\n",
			stamp, parentOf(t, pid), pid, exe, stamp, exe, stamp)
	}
	write(t, log, lines)
	happened(t, out, "the added program is an alert", is("event.kind", "alert", "rule.id", "TM-CT-003", "process.executable", added, "container.name", "shop"))
	happened(t, out, "the added file is told of", is("event.action", "container-file-added", "file.path", added, "container.name", "shop", "event.dataset", "docker.changes"))
	happened(t, out, "the added file is an alert", is("rule.id", "TM-DR-001", "file.path", added))
	happened(t, out, "the image's program is read", is("event.action", "executed", "process.executable", "/bin/busybox", "container.name", "shop"))
	for _, e := range eventsIn(t, out) {
		if get(e, "process", "executable") == "/bin/busybox" && (get(e, "tallyman", "exe_upper_layer") != nil || get(e, "rule", "id") == "TM-CT-003") {
			t.Errorf("the image's own program is said to be added: %v", e)
		}
	}
}

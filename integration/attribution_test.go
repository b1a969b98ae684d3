//go:build integration

package integration

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The users of the containers, one each: they are the truth, and nothing that is
// tested knows them. The last is that of the host's processes.
const (
	liveFirst = 20981
	livePod   = 20994
	liveHost  = 20998
	liveKey   = "tm_live"
)

// liveLab is an image that any user may run.
const liveLab = "localhost/live:1"

// liveImage writes the file system of the image.
func liveImage(t *testing.T) string {
	t.Helper()
	busybox, err := os.ReadFile(need(t, "busybox", "busybox-static"))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	put := func(h *tar.Header, body []byte) {
		h.Size = int64(len(body))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	put(&tar.Header{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755}, nil)
	put(&tar.Header{Name: "bin/busybox", Typeflag: tar.TypeReg, Mode: 0o755}, busybox)
	for _, name := range []string{"sh", "sleep", "true"} {
		put(&tar.Header{Name: "bin/" + name, Typeflag: tar.TypeSymlink, Linkname: "busybox", Mode: 0o777}, nil)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return write(t, filepath.Join(t.TempDir(), "live.tar"), b.String())
}

// liveRules are those of a user; runtime says with those of the engines' own
// commands.
func liveRules(t *testing.T, auditctl string, runtime bool) {
	t.Helper()
	uids := []string{"-F", fmt.Sprintf("uid>=%d", liveFirst), "-F", fmt.Sprintf("uid<=%d", liveHost)}
	rules := [][]string{append([]string{"-S", "execve,execveat"}, uids...), append([]string{"-S", "openat,unlinkat,connect"}, uids...)}
	if runtime {
		for _, exe := range []string{need(t, "runc", "runc"), "/usr/bin/containerd-shim-runc-v2", "/usr/bin/conmon"} {
			rules = append(rules, []string{"-S", "execve,execveat", "-F", "uid=0", "-F", "exe=" + exe})
		}
		rules = append(rules, []string{"-S", "setsid", "-F", "uid=0", "-F", "exe=" + need(t, "runc", "runc")})
	}
	t.Cleanup(func() {
		if out, err := exec.Command(auditctl, "-D", "-k", liveKey).CombinedOutput(); err != nil {
			t.Errorf("auditctl -D -k: %v\n%s", err, out)
		}
	})
	for _, r := range rules {
		args := append(append([]string{"-a", "always,exit", "-F", "arch=b64"}, r...), "-k", liveKey)
		if out, err := exec.Command(auditctl, args...).CombinedOutput(); err != nil {
			t.Logf("auditctl %v: %v\n%s", args, err, out) // an engine that is not installed
		}
	}
}

// TestAttributionLive runs containers that live under 100 ms, commands that are
// brought into one, double forks and processes of the host, all under the real
// auditd and dockerd, and wants every event in its container.
func TestAttributionLive(t *testing.T) {
	for _, c := range []struct {
		name         string
		runtime      bool
		tracefs      string
		right, wrong float64
	}{{"runtime rules", true, "off", 99.9, 0.01}, {"own rules", false, "off", 99, 0.05}, {"own rules and tracefs", false, "on", 99.9, 0.01}} {
		t.Run(c.name, func(t *testing.T) {
			engines(t)
			if c.tracefs == "on" {
				tracefs(t)
			}
			h := newHost(t, "RAW", 200)
			dir := short(t)
			docker, _ := dockerd(t, dir)
			docker("import", liveImage(t), liveLab)
			// There before anything is read.
			truth := map[int]string{liveFirst: docker("run", "-d", "--network=none", "--user", strconv.Itoa(liveFirst), "--name", "early", liveLab, "/bin/sleep", "600")}
			t.Cleanup(func() { docker("rm", "-f", "early") })
			start(t, exec.Command(h.auditd, "-n", "-c", filepath.Join(h.dir, "etc")))
			eventually(t, "auditd writes", 10*time.Second, func() bool { b, err := os.ReadFile(h.log); return err == nil && len(b) > 0 })
			liveRules(t, h.auditctl, c.runtime)
			out := filepath.Join(h.dir, "out.json")
			conf := write(t, filepath.Join(h.dir, "tallyman.yaml"), fmt.Sprintf(`
journal: {dir: journal, max_size: 128MiB}
admin: {listen: off}
inputs: {audit: {type: auditd, path: log/audit.log}}
transforms:
  - {type: audit}
  - {type: container, connector: on, tracefs: "%s", docker_root: %s}
outputs: {out: {type: file, path: out.json, format: json}}
`, c.tracefs, filepath.Join(dir, "data")))
			cmd := exec.Command(program(t), "run", "--config", conf)
			started := start(t, cmd)
			eventually(t, "tallyman runs", 20*time.Second, func() bool { return strings.Contains(started.String(), "started") || started.Len() > 0 })
			time.Sleep(time.Second) // until /proc is read: nothing outside shows when
			before := lostRecords(t, h.auditctl)
			liveLoad(t, dir, docker, truth)
			livePodman(t, dir, truth)
			hostLoad(t)
			if n := lostRecords(t, h.auditctl) - before; n > 0 {
				t.Logf("THE KERNEL LOST %d records, so not all that is asked for can be found", n)
				c.right = min(c.right, 98)
			}
			liveJudge(t, out, truth, c.right, c.wrong)
			if c.tracefs == "on" {
				wantInstance(t, cmd)
			}
		})
	}
}

const tracing = "/sys/kernel/tracing"

// tracefs mounts the kernel's tracefs where it is not, as most hosts have it.
func tracefs(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(tracing + "/instances"); err == nil {
		return
	}
	if out, err := exec.Command("mount", "-t", "tracefs", "nodev", tracing).CombinedOutput(); err != nil {
		t.Skipf("NOT RUN: tracefs cannot be mounted: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", tracing).CombinedOutput(); err != nil {
			t.Errorf("umount %s: %v\n%s", tracing, err, out)
		}
	})
}

// wantInstance wants that a process traces in an instance of its own, and puts it
// away when it ends.
func wantInstance(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	list, err := filepath.Glob(fmt.Sprintf("%s/instances/tallyman-%d.*", tracing, cmd.Process.Pid))
	if err != nil || len(list) != 1 {
		t.Fatalf("the instances of the process are %q: %v", list, err)
	}
	dir := list[0]
	if on, err := os.ReadFile(dir + "/events/cgroup/cgroup_attach_task/enable"); err != nil || string(on) != "1\n" {
		t.Errorf("the trace of moves is %q: %v", on, err)
	}
	signal(t, cmd, syscall.SIGTERM)
	eventually(t, "its instance is gone", 10*time.Second, func() bool { _, err := os.Stat(dir); return errors.Is(err, fs.ErrNotExist) })
}

// lostRecords returns how many records the kernel has dropped so far.
func lostRecords(t *testing.T, auditctl string) int {
	t.Helper()
	out, err := exec.Command(auditctl, "-s").CombinedOutput()
	if err != nil {
		t.Fatalf("auditctl -s: %v\n%s", err, out)
	}
	n := 0
	for _, line := range strings.Split(string(out), "\n") {
		if rest, ok := strings.CutPrefix(line, "lost "); ok {
			if n, err = strconv.Atoi(rest); err != nil {
				t.Fatal(err)
			}
		}
	}
	return n
}

// liveLoad runs the containers, and notes which user is in which.
func liveLoad(t *testing.T, dir string, docker func(...string) string, truth map[int]string) {
	t.Helper()
	const inside = `/bin/true; (sh -c '(/bin/true; sleep 0.05; /bin/true; read x < /bin/sh) &') ; ` +
		`i=0; while [ $i -lt 15 ]; do (read y < /bin/sh); /bin/true; i=$((i+1)); done; sleep 0.02`
	for n := 1; n <= 12; n++ {
		uid, file := liveFirst+n, filepath.Join(dir, fmt.Sprint("id", n))
		script := "/bin/true"
		if n%3 == 0 {
			script = inside
		}
		docker("run", "--rm", "--network=none", "--cidfile", file, "--user", strconv.Itoa(uid), liveLab, "/bin/sh", "-c", script)
		id, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		truth[uid] = string(id)
	}
	for n := range 15 {
		if n%3 == 0 {
			docker("exec", "--user", strconv.Itoa(liveFirst), "early", "/bin/sh", "-c", inside)
			continue
		}
		docker("exec", "--user", strconv.Itoa(liveFirst), "early", "/bin/true")
	}
}

// livePodman does the same with Podman, where it is there.
func livePodman(t *testing.T, dir string, truth map[int]string) {
	t.Helper()
	program, err := exec.LookPath("podman")
	if err != nil {
		t.Logf("NOT RUN: Podman: %v", err)
		return
	}
	args := []string{"--root", filepath.Join(dir, "proot"), "--runroot", filepath.Join(dir, "prun"), "--tmpdir", filepath.Join(dir, "ptmp"), "--storage-driver", "vfs",
		"--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", need(t, "runc", "runc")}
	podman := func(more ...string) string { return say(t, program, append(args[:len(args):len(args)], more...)...) }
	if out, err := exec.Command(program, append(args[:len(args):len(args)], "import", liveImage(t), liveLab)...).CombinedOutput(); err != nil {
		t.Logf("NOT RUN: Podman: %v\n%s", err, tail(out))
		return
	}
	t.Cleanup(func() { _ = exec.Command(program, append(args[:len(args):len(args)], "rm", "-fa", "-t", "0")...).Run() })
	limits := []string{"--network=none", "--ulimit", "nofile=256:256", "--ulimit", "nproc=256:256"}
	run := func(uid int, more ...string) []string {
		return append(append([]string{"run", "--user", strconv.Itoa(uid)}, limits...), more...)
	}
	long := podman(run(livePod, "-d", liveLab, "/bin/sleep", "600")...)
	truth[livePod] = long
	for n := 1; n <= 3; n++ {
		file := filepath.Join(dir, fmt.Sprint("pid", n))
		podman(run(livePod+n, "--rm", "--cidfile", file, liveLab, "/bin/sh", "-c", "/bin/true; (read y < /bin/sh); /bin/true")...)
		id, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		truth[livePod+n] = string(id)
	}
	for range 3 {
		podman("exec", "--user", strconv.Itoa(livePod), long, "/bin/sh", "-c", "/bin/true; (read y < /bin/sh); /bin/true")
	}
}

// hostLoad runs processes of the host.
func hostLoad(t *testing.T) {
	t.Helper()
	for range 100 {
		cmd := exec.Command("/bin/sh", "-c", "/bin/true; (read x < /etc/passwd); (/bin/true &) ")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: liveHost, Gid: liveHost}}
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
	}
}

// liveJudge waits for the events and holds them against their users.
func liveJudge(t *testing.T, out string, truth map[int]string, wantRight, wantWrong float64) {
	t.Helper()
	last := -1
	eventually(t, "no event comes any more", time.Minute, func() bool {
		time.Sleep(700 * time.Millisecond)
		n := 0
		if _, err := os.Stat(out); err == nil {
			n = len(eventsIn(t, out))
		}
		done := n == last && n > 500
		last = n
		return done
	})
	events, right, wrong, hosts, hostWrong := 0, 0, 0, 0, 0
	var lost []map[string]any
	by, held, missed := map[string]int{}, 0, map[string]int{}
	for _, e := range eventsIn(t, out) {
		id, _ := get(e, "user", "id").(string)
		uid, _ := strconv.Atoi(id)
		if uid < liveFirst || uid > liveHost || get(e, "event", "code") != "SYSCALL" {
			continue
		}
		got, _ := get(e, "container", "id").(string)
		method := fmt.Sprint(get(e, "tallyman", "container", "method"), " ", get(e, "tallyman", "container", "confidence"))
		if get(e, "tallyman", "container", "waited_ms") != nil {
			held++
		}
		if uid == liveHost {
			if hosts++; got != "" {
				hostWrong++
			}
			continue
		}
		events++
		by[method]++
		switch host := get(e, "tallyman", "container", "host") == true; {
		case got == truth[uid]:
			right++
		case got != "" || host:
			wrong++
			t.Logf("wrong: %v", e)
		default:
			missed[fmt.Sprint(get(e, "process", "name"), " ", get(e, "event", "action"), " ", id)]++
			lost = append(lost, e)
		}
	}
	t.Logf("%d events of containers, %d right, %d wrong; %d of the host, %d wrong; %d were held; %v; missed %v", events, right, wrong, hosts, hostWrong, held, by, missed)
	for _, e := range lost[:min(len(lost), 2)] {
		for _, o := range eventsIn(t, out) {
			if p := get(o, "process", "pid"); p != nil && (p == get(e, "process", "pid") || p == get(e, "process", "parent", "pid")) {
				t.Logf("not found %v: %v %v of %v (%v) %v %v %v %v", get(e, "process", "pid"), get(o, "@timestamp"), p, get(o, "process", "parent", "pid"), get(o, "process", "name"),
					get(o, "event", "action"), get(o, "process", "executable"), get(o, "process", "args"), get(o, "tallyman", "container"))
			}
		}
	}
	if events < 300 || hosts < 100 {
		t.Fatalf("only %d events of containers and %d of the host: the test shows nothing", events, hosts)
	}
	if share := 100 * float64(right) / float64(events); share < wantRight || 100*float64(wrong)/float64(events) > wantWrong {
		t.Errorf("%.2f %% are right, %d wrong; want %v %% and %v %%", share, wrong, wantRight, wantWrong)
	}
	if hostWrong > 0 {
		t.Errorf("%d events of the host were given a container", hostWrong)
	}
}

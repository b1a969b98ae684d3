//go:build integration

package integration

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"tallyman/transforms/container/runtimes"
)

// labImage is the name of an image of busybox alone, which is made here: no
// registry is asked.
const labImage = "localhost/lab:1"

// imageTar writes the image as `docker save` would.
func imageTar(t *testing.T) string {
	t.Helper()
	busybox, err := os.ReadFile(need(t, "busybox", "busybox-static"))
	if err != nil {
		t.Fatal(err)
	}
	var layer, whole bytes.Buffer
	add := func(w *tar.Writer, name string, mode int64, b []byte) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(b))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	l := tar.NewWriter(&layer)
	add(l, "bin/busybox", 0o755, busybox)
	for _, name := range []string{"sh", "sleep", "true"} {
		if err := l.WriteHeader(&tar.Header{Name: "bin/" + name, Typeflag: tar.TypeSymlink, Linkname: "busybox"}); err != nil {
			t.Fatal(err)
		}
	}
	_ = l.Close()
	conf, _ := json.Marshal(map[string]any{"architecture": "amd64", "os": "linux",
		"config": map[string]any{"Cmd": []string{"/bin/sleep", "600"}, "Env": []string{"PATH=/bin"}, "Labels": map[string]string{"from": "image", "com.amazonaws.ecs.task-arn": "forged"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer.Bytes()))}}})
	name := fmt.Sprintf("%x.json", sha256.Sum256(conf))
	manifest, _ := json.Marshal([]map[string]any{{"Config": name, "RepoTags": []string{labImage}, "Layers": []string{"layer.tar"}}})
	w := tar.NewWriter(&whole)
	add(w, "layer.tar", 0o644, layer.Bytes())
	add(w, name, 0o644, conf)
	add(w, "manifest.json", 0o644, manifest)
	_ = w.Close()
	return write(t, filepath.Join(t.TempDir(), "image.tar"), whole.String())
}

// engines skips where no engine may run.
func engines(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT RUN: container engines take root")
	}
}

// say runs a command and returns what it says.
func say(t *testing.T, name string, args ...string) string {
	t.Helper()
	b, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, tail(b))
	}
	return strings.TrimSpace(string(b))
}

// short is a folder whose path is short enough for sockets.
func short(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "tm-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// watcher follows one source until the test ends.
func watcher(t *testing.T, s runtimes.Source) *runtimes.Store {
	t.Helper()
	w, err := runtimes.Start(runtimes.Options{Sources: []runtimes.Source{s}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w.Store()
}

// known waits until a container is as ok wants it.
func known(t *testing.T, s *runtimes.Store, what, id string, ok func(*runtimes.Container) bool) *runtimes.Container {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		changed := s.Changed()
		if c := s.Lookup(id); c != nil && ok(c) {
			return c
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("still not: %s: %+v", what, s.Lookup(id))
		}
	}
}

func runs(c *runtimes.Container) bool { return c.InitPID > 0 }
func went(c *runtimes.Container) bool { return !c.Gone.IsZero() }

// dockerd runs an engine of its own, which may be started again.
func dockerd(t *testing.T, dir string) (docker func(args ...string) string, stop func()) {
	t.Helper()
	return dockerdOn(t, dir, "vfs")
}

// dockerdOn is dockerd with a storage driver.
func dockerdOn(t *testing.T, dir, driver string) (docker func(args ...string) string, stop func()) {
	t.Helper()
	sock := filepath.Join(dir, "d.sock")
	cmd := exec.Command(need(t, "dockerd", "docker.io"), "--iptables=false", "--ip6tables=false", "--bridge=none", "-H", "unix://"+sock, "--data-root", filepath.Join(dir, "data"),
		"--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"), "--storage-driver", driver)
	start(t, cmd)
	docker = func(args ...string) string {
		return say(t, "docker", append([]string{"-H", "unix://" + sock}, args...)...)
	}
	eventually(t, "dockerd answers", 60*time.Second, func() bool {
		return exec.Command("docker", "-H", "unix://"+sock, "version").Run() == nil
	})
	return docker, func() {
		_ = cmd.Process.Signal(os.Interrupt)
		eventually(t, "dockerd ends", 30*time.Second, func() bool { _, err := os.Stat(filepath.Join(dir, "pid")); return err != nil })
	}
}

// TestDockerRuntime follows the real engine: containers that were there, that
// live for less than a look takes, and that come and go while the engine is
// away.
func TestDockerRuntime(t *testing.T) {
	engines(t)
	dir := short(t)
	docker, stop := dockerd(t, dir)
	docker("load", "-i", imageTar(t))
	early := docker("run", "-d", "--network=none", "--name", "early", "--label", "com.docker.compose.project=shop", "--label", "com.docker.compose.service=api", labImage)
	s := watcher(t, runtimes.Source{Runtime: runtimes.Docker, Path: filepath.Join(dir, "d.sock")})
	c := known(t, s, "one that was there", early, runs)
	if c.Name != "early" || c.Image != "localhost/lab" || c.ImageTag != "1" || !strings.HasPrefix(c.ImageID, "sha256:") || c.Labels["from"] != "image" || c.Started.IsZero() {
		t.Errorf("%+v", c)
	}
	if c.Workload == nil || c.Workload.Type != "compose" {
		t.Errorf("the image's label is believed, or the container's is not: %+v", c.Workload)
	}
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", c.InitPID)); err != nil || !strings.Contains(string(b), early) {
		t.Errorf("process %d is not its: %s %v", c.InitPID, b, err)
	}
	file := filepath.Join(dir, "id")
	for n := range 10 {
		name := fmt.Sprintf("quick-%d", n)
		docker("run", "--rm", "--network=none", "--cidfile", file, "--name", name, "--label", "team=blue", labImage, "/bin/true")
		id, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(file)
		if c := known(t, s, name, string(id), went); c.Name != name || c.Labels["team"] != "blue" || c.Image != "localhost/lab" {
			t.Errorf("%s is known as %+v", name, c)
		}
	}
	docker("rename", "early", "renamed")
	known(t, s, "the new name", early, func(c *runtimes.Container) bool { return c.Name == "renamed" })
	docker("kill", "renamed")
	known(t, s, "its end", early, func(c *runtimes.Container) bool { return c.InitPID == 0 && !went(c) })
	stop()
	docker, _ = dockerd(t, dir)
	docker("rm", "-f", "renamed")
	late := docker("run", "-d", "--network=none", "--name", "late", labImage)
	known(t, s, "what went meanwhile", early, went)
	known(t, s, "what came meanwhile", late, runs)
	docker("rm", "-f", "late")
	known(t, s, "the last one", late, went)
}

// TestNamesReachEvents lets the program read a record of a process in a
// container of the real engine, and holds what is delivered against the engine.
func TestNamesReachEvents(t *testing.T) {
	engines(t)
	dir := short(t)
	docker, _ := dockerd(t, dir)
	docker("load", "-i", imageTar(t))
	id := docker("run", "-d", "--network=none", "--name", "shop-api-1", "--label", "com.docker.compose.project=shop", "--label", "com.docker.compose.service=api", labImage)
	t.Cleanup(func() { docker("rm", "-f", "shop-api-1") })
	pid := docker("inspect", "-f", "{{.State.Pid}}", id)
	log := write(t, filepath.Join(dir, "audit.log"), "")
	out := filepath.Join(dir, "out.json")
	conf := write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(`
journal: {dir: journal, max_size: 64MiB, segment_size: 1MiB}
admin: {listen: off}
inputs: {audit: {type: auditd, path: %s}}
transforms: [{type: audit}, {type: container, docker_root: "", sockets: {docker: %s}}]
outputs: {out: {type: file, path: %s, format: json}}
`, log, filepath.Join(dir, "d.sock"), out))
	start(t, exec.Command(program(t), "run", "--config", conf))
	now := time.Now()
	write(t, log, fmt.Sprintf("type=SYSCALL msg=audit(%d.%03d:4711): arch=c000003e syscall=87 success=yes exit=0 a0=0 a1=0 a2=0 a3=0 items=0 ppid=%d pid=%s auid=4294967295 "+
		"uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=4294967295 comm=\"sleep\" exe=\"/bin/busybox\" key=\"x\"\n", now.Unix(), now.Nanosecond()/1e6,
		parentOf(t, pid), pid))
	var e map[string]any
	eventually(t, "the event is delivered", 30*time.Second, func() bool {
		if _, err := os.Stat(out); err != nil {
			return false
		}
		for _, one := range eventsIn(t, out) {
			if get(one, "process", "pid") != nil {
				e = one
			}
		}
		return e != nil
	})
	for _, c := range []struct {
		want any
		path []string
	}{
		{id, []string{"container", "id"}}, {"shop-api-1", []string{"container", "name"}}, {"docker", []string{"container", "runtime"}},
		{"localhost/lab", []string{"container", "image", "name"}}, {"image", []string{"container", "labels", "from"}},
		{"compose", []string{"orchestrator", "type"}}, {"shop", []string{"orchestrator", "namespace"}}, {"api", []string{"orchestrator", "resource", "name"}},
	} {
		if got := get(e, c.path...); got != c.want {
			t.Errorf("%s is %v, want %v", strings.Join(c.path, "."), got, c.want)
		}
	}
	if t.Failed() {
		t.Logf("%v", e)
	}
}

// parentOf returns the parent of a process.
func parentOf(t *testing.T, pid string) int {
	t.Helper()
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	var state string
	var ppid int
	if _, err := fmt.Sscan(string(b[bytes.LastIndexByte(b, ')')+1:]), &state, &ppid); err != nil {
		t.Fatal(err)
	}
	return ppid
}

// TestPodmanRuntime follows the real Podman by its files, and by its socket.
func TestPodmanRuntime(t *testing.T) {
	engines(t)
	program := need(t, "podman", "podman")
	dir := short(t)
	args := []string{"--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"), "--tmpdir", filepath.Join(dir, "tmp"), "--storage-driver", "vfs",
		"--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", need(t, "runc", "runc")}
	podman := func(more ...string) string { return say(t, program, append(args[:len(args):len(args)], more...)...) }
	podman("load", "-i", imageTar(t))
	run := []string{"run", "-d", "--network=none", "--ulimit", "nofile=256:256", "--ulimit", "nproc=256:256"}
	t.Cleanup(func() { _ = exec.Command(program, append(args[:len(args):len(args)], "rm", "-fa", "-t", "0")...).Run() })
	byFiles := podman(append(run, "--name", "files", labImage)...)
	s := watcher(t, runtimes.Source{Runtime: runtimes.Podman, Path: filepath.Join(dir, "root")})
	if c := known(t, s, "by the files", byFiles, func(*runtimes.Container) bool { return true }); c.Name != "files" || c.Image != "localhost/lab" || c.Runtime != runtimes.Podman {
		t.Errorf("%+v", c)
	}
	sock := filepath.Join(dir, "p.sock")
	start(t, exec.Command(program, append(args[:len(args):len(args)], "system", "service", "--time=0", "unix://"+sock)...))
	eventually(t, "the socket is there", 30*time.Second, func() bool { _, err := os.Stat(sock); return err == nil })
	api := watcher(t, runtimes.Source{Runtime: runtimes.Podman, Path: sock})
	c := known(t, api, "by the socket", byFiles, runs)
	if c.Name != "files" || c.Runtime != runtimes.Podman || c.Labels["from"] != "image" || c.Image != "localhost/lab" {
		t.Errorf("%+v", c)
	}
	next := podman(append(run, "--name", "next", "--label", "team=blue", labImage)...)
	if c := known(t, api, "an event of the socket", next, runs); c.Name != "next" || c.Labels["team"] != "blue" {
		t.Errorf("%+v", c)
	}
	known(t, s, "a change of the files", next, func(c *runtimes.Container) bool { return c.Name == "next" })
	podman("rm", "-f", "-t", "0", "next")
	known(t, api, "gone by the socket", next, went)
	known(t, s, "gone by the files", next, went)
}

const containerdConf = `version = 2
root = "%[1]s/root"
state = "%[1]s/state"
[grpc]
  address = "%[1]s/c.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/lab:1"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "%[1]s/cni"
`

// TestContainerdRuntime follows the real containerd as a kubelet would use it.
func TestContainerdRuntime(t *testing.T) {
	engines(t)
	program := need(t, "containerd", "containerd")
	need(t, "runc", "runc")
	dir := short(t)
	sock := filepath.Join(dir, "c.sock")
	start(t, exec.Command(program, "--config", write(t, filepath.Join(dir, "conf.toml"), fmt.Sprintf(containerdConf, dir))))
	eventually(t, "containerd answers", 60*time.Second, func() bool { return exec.Command("ctr", "-a", sock, "version").Run() == nil })
	say(t, "ctr", "-a", sock, "-n", "k8s.io", "images", "import", "--snapshotter", "native", imageTar(t))
	conn, err := grpc.NewClient("unix://"+sock, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	api, ctx := cri.NewRuntimeServiceClient(conn), context.Background()
	uid := "3f0c9b6e-0000-4000-8000-000000000001"
	own := &cri.NamespaceOption{Network: cri.NamespaceMode_NODE, Pid: cri.NamespaceMode_CONTAINER}
	pod := &cri.PodSandboxConfig{Metadata: &cri.PodSandboxMetadata{Name: "api-1", Namespace: "shop", Uid: uid}, Labels: map[string]string{"app": "api", "io.kubernetes.pod.uid": uid},
		Annotations: map[string]string{"team": "blue"}, Linux: &cri.LinuxPodSandboxConfig{CgroupParent: "/kubepods/besteffort/pod" + uid,
			SecurityContext: &cri.LinuxSandboxSecurityContext{NamespaceOptions: own}}}
	box, err := api.RunPodSandbox(ctx, &cri.RunPodSandboxRequest{Config: pod})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = api.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: box.PodSandboxId})
		_, _ = api.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: box.PodSandboxId})
	})
	s := watcher(t, runtimes.Source{Runtime: runtimes.Containerd, Path: sock})
	known(t, s, "the sandbox", box.PodSandboxId, func(c *runtimes.Container) bool { return c.Sandbox && c.Pod.UID == uid })
	made, err := api.CreateContainer(ctx, &cri.CreateContainerRequest{PodSandboxId: box.PodSandboxId, SandboxConfig: pod, Config: &cri.ContainerConfig{
		Metadata: &cri.ContainerMetadata{Name: "api"}, Image: &cri.ImageSpec{Image: labImage}, Command: []string{"/bin/sleep", "600"},
		Linux: &cri.LinuxContainerConfig{SecurityContext: &cri.LinuxContainerSecurityContext{NamespaceOptions: own}}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.StartContainer(ctx, &cri.StartContainerRequest{ContainerId: made.ContainerId}); err != nil {
		t.Fatal(err)
	}
	s.Want(made.ContainerId)
	c := known(t, s, "the container", made.ContainerId, runs)
	if c.Name != "api" || c.Runtime != runtimes.Containerd || c.Image != "localhost/lab" || c.ImageTag != "1" || c.Pod == nil || c.Pod.Name != "api-1" || c.Pod.Labels["app"] != "api" ||
		c.CgroupParent != "/kubepods/besteffort/pod"+uid {
		t.Errorf("%+v of %+v", c, c.Pod)
	}
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", c.InitPID)); err != nil || !strings.Contains(string(b), made.ContainerId) {
		t.Errorf("process %d is not its: %s %v", c.InitPID, b, err)
	}
	if _, err := api.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: box.PodSandboxId}); err != nil {
		t.Fatal(err)
	}
	if _, err := api.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: box.PodSandboxId}); err != nil {
		t.Fatal(err)
	}
	known(t, s, "its end", made.ContainerId, went)
}

//go:build integration

package integration

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// TestCRILogs lets a container of a real containerd print while its log is
// rotated as the kubelet does it and tallyman is killed again and again: every
// line is delivered, whole and once by its id, with its pod and its stream.
func TestCRILogs(t *testing.T) {
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
	uid := "3f0c9b6e-0000-4000-8000-000000000002"
	out := filepath.Join(dir, "out.json")
	conf := write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(`
journal: {dir: journal, max_size: 256MiB, segment_size: 4MiB}
admin: {listen: off}
inputs: {logs: {type: containers, path: ["%s/pods/*/*/*.log"]}}
outputs: {out: {type: file, path: %s, format: json}}
`, dir, out))
	cmd := launch(t, conf)
	ctx := context.Background()
	api := cri.NewRuntimeServiceClient(conn)
	id := printInPod(t, api, filepath.Join(dir, "pods", "shop_api-1_"+uid), uid)
	running := func() bool {
		s, err := api.ContainerStatus(ctx, &cri.ContainerStatusRequest{ContainerId: id})
		return err == nil && s.Status.State == cri.ContainerState_CONTAINER_RUNNING
	}
	log := filepath.Join(dir, "pods", "shop_api-1_"+uid, "api", "0.log")
	kills := 0
	for end := time.Now().Add(120 * time.Second); running(); kills++ {
		if time.Now().After(end) {
			t.Fatal("the container does not end")
		}
		before := size(out)
		eventually(t, "something is delivered, or all is", 30*time.Second, func() bool { return size(out) > before || !running() })
		if kills%2 == 0 {
			if err := os.Rename(log, fmt.Sprintf("%s.20261125-%06d", log, kills)); err != nil {
				t.Fatal(err)
			}
			_, _ = api.ReopenContainerLog(ctx, &cri.ReopenContainerLogRequest{ContainerId: id}) // it may have ended
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		cmd = launch(t, conf)
	}
	t.Logf("%d kills", kills)
	if kills < 3 {
		t.Errorf("there were %d kills only", kills)
	}
	want := 400*2 + 20 + 1
	eventually(t, "every line is delivered", 60*time.Second, func() bool { return len(byID(t, out)) >= want })
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
	seen := map[string]int{}
	for _, e := range byID(t, out) {
		m, _ := get(e, "message").(string)
		if get(e, "kubernetes", "pod", "name") != "api-1" || get(e, "kubernetes", "pod", "uid") != uid || get(e, "kubernetes", "container", "name") != "api" ||
			(get(e, "labels", "stream") == "stderr") != strings.HasPrefix(m, "api err ") {
			t.Errorf("%.80q: %v, %v", m, get(e, "kubernetes"), get(e, "labels"))
		}
		seen[m]++
	}
	for i := range 400 {
		lines := []string{fmt.Sprintf("api out %d %s", i, strings.Repeat("x", 100)), fmt.Sprintf("api err %d", i)}
		if i%20 == 0 {
			lines = append(lines, fmt.Sprintf("api long %d %040000d", i, 0))
		}
		for _, line := range lines {
			if seen[line] != 1 {
				t.Errorf("%.80q was delivered %d times", line, seen[line])
			}
		}
	}
	if len(seen) != want || seen["api last word"] != 1 {
		t.Errorf("%d lines, the last word %d times", len(seen), seen["api last word"])
	}
}

// printInPod runs the printer in a pod whose logs lie in a folder, and returns the
// container's id.
func printInPod(t *testing.T, api cri.RuntimeServiceClient, folder, uid string) string {
	t.Helper()
	ctx := context.Background()
	own := &cri.NamespaceOption{Network: cri.NamespaceMode_NODE, Pid: cri.NamespaceMode_CONTAINER}
	pod := &cri.PodSandboxConfig{Metadata: &cri.PodSandboxMetadata{Name: "api-1", Namespace: "shop", Uid: uid}, LogDirectory: folder,
		Linux: &cri.LinuxPodSandboxConfig{CgroupParent: "/kubepods/besteffort/pod" + uid, SecurityContext: &cri.LinuxSandboxSecurityContext{NamespaceOptions: own}}}
	box, err := api.RunPodSandbox(ctx, &cri.RunPodSandboxRequest{Config: pod})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = api.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: box.PodSandboxId})
		_, _ = api.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: box.PodSandboxId})
	})
	made, err := api.CreateContainer(ctx, &cri.CreateContainerRequest{PodSandboxId: box.PodSandboxId, SandboxConfig: pod, Config: &cri.ContainerConfig{
		Metadata: &cri.ContainerMetadata{Name: "api"}, Image: &cri.ImageSpec{Image: labImage}, Command: []string{"/bin/sh", "-c", printer}, LogPath: "api/0.log",
		Envs:  []*cri.KeyValue{{Key: "NAME", Value: []byte("api")}, {Key: "PAD", Value: []byte(strings.Repeat("x", 100))}},
		Linux: &cri.LinuxContainerConfig{SecurityContext: &cri.LinuxContainerSecurityContext{NamespaceOptions: own}}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(folder, "api"), 0o755); err != nil { // the kubelet makes it
		t.Fatal(err)
	}
	if _, err := api.StartContainer(ctx, &cri.StartContainerRequest{ContainerId: made.ContainerId}); err != nil {
		t.Fatal(err)
	}
	return made.ContainerId
}

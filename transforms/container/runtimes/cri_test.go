package runtimes

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// fakeCRI is a runtime that speaks CRI.
type fakeCRI struct {
	cri.UnimplementedRuntimeServiceServer

	mu         sync.Mutex
	name       string
	containers []*cri.Container
	sandboxes  []*cri.PodSandbox
	statuses   map[string]*cri.ContainerStatusResponse
	failing    error
	lists      int
	asked      map[string]int
	streams    chan chan *cri.ContainerEventResponse // nil: there are no events
}

func newFakeCRI(events bool) *fakeCRI {
	f := &fakeCRI{name: "containerd", statuses: map[string]*cri.ContainerStatusResponse{}, asked: map[string]int{}}
	if events {
		f.streams = make(chan chan *cri.ContainerEventResponse, 10)
	}
	return f
}

func (f *fakeCRI) do(fn func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fn()
}

// pod has a sandbox.
func (f *fakeCRI) pod(id, name, uid string) *cri.PodSandbox {
	s := &cri.PodSandbox{Id: id, Metadata: &cri.PodSandboxMetadata{Name: name, Namespace: "shop", Uid: uid}, CreatedAt: 1_700_000_000e9,
		Labels:      map[string]string{podName: name, podNamespace: "shop", podUID: uid, "app": "api"},
		Annotations: map[string]string{"team": "blue", "other": "x"}}
	f.do(func() { f.sandboxes = append(f.sandboxes, s) })
	return s
}

// run has a container that runs.
func (f *fakeCRI) run(id, name, sandbox string, pid int) *cri.ContainerStatus {
	labels := map[string]string{podContainer: name, podUID: "what the label says is not asked"}
	st := &cri.ContainerStatus{Id: id, Metadata: &cri.ContainerMetadata{Name: name}, State: cri.ContainerState_CONTAINER_RUNNING, CreatedAt: 1_700_000_001e9,
		StartedAt: 1_700_000_002e9, Image: &cri.ImageSpec{Image: "reg.example/shop/api:2"}, ImageRef: "reg.example/shop/api@sha256:dd", ImageId: "sha256:aa", Labels: labels}
	f.do(func() {
		f.containers = append(f.containers, &cri.Container{Id: id, PodSandboxId: sandbox, Metadata: st.Metadata, State: st.State, CreatedAt: st.CreatedAt,
			Image: &cri.ImageSpec{Image: "sha256:aa"}, ImageRef: "sha256:aa", Labels: labels})
		f.statuses[id] = &cri.ContainerStatusResponse{Status: st, Info: map[string]string{"info": fmt.Sprintf(
			`{"pid":%d,"config":{"linux":{"security_context":{"privileged":true}}},"runtimeSpec":{"linux":{"cgroupsPath":"kubepods-pod1.slice:cri-containerd:%s"}}}`, pid, id)}}
	})
	return st
}

func (f *fakeCRI) Version(context.Context, *cri.VersionRequest) (*cri.VersionResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &cri.VersionResponse{RuntimeName: f.name}, f.failing
}

func (f *fakeCRI) ListContainers(context.Context, *cri.ListContainersRequest) (*cri.ListContainersResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lists++
	return &cri.ListContainersResponse{Containers: append([]*cri.Container(nil), f.containers...)}, nil
}

func (f *fakeCRI) ListPodSandbox(context.Context, *cri.ListPodSandboxRequest) (*cri.ListPodSandboxResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &cri.ListPodSandboxResponse{Items: append([]*cri.PodSandbox(nil), f.sandboxes...)}, nil
}

func (f *fakeCRI) ContainerStatus(_ context.Context, r *cri.ContainerStatusRequest) (*cri.ContainerStatusResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked[r.ContainerId]++
	if s := f.statuses[r.ContainerId]; s != nil {
		return s, nil
	}
	return nil, status.Error(codes.NotFound, "no such container")
}

func (f *fakeCRI) GetContainerEvents(_ *cri.GetEventsRequest, out grpc.ServerStreamingServer[cri.ContainerEventResponse]) error {
	if f.streams == nil {
		return status.Error(codes.Unimplemented, "there are none")
	}
	ch := make(chan *cri.ContainerEventResponse, 100)
	f.streams <- ch
	for {
		select {
		case <-out.Context().Done():
			return out.Context().Err()
		case e, ok := <-ch:
			if !ok {
				return nil
			}
			if err := out.Send(e); err != nil {
				return err
			}
		}
	}
}

// serveCRI serves f on a socket; the function returned ends it.
func serveCRI(t *testing.T, path string, f *fakeCRI) func() {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	cri.RegisterRuntimeServiceServer(s, f)
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	stop := sync.OnceFunc(func() { s.Stop(); <-done })
	t.Cleanup(stop)
	return stop
}

func criAt(t *testing.T, f *fakeCRI) (*following, string, func()) {
	path := filepath.Join(t.TempDir(), "s")
	stop := serveCRI(t, path, f)
	return follow(t, Options{Sources: []Source{{Runtime: Containerd, Path: path}}, Annotations: []string{"team"}}), path, stop
}

func TestCRIList(t *testing.T) {
	f := newFakeCRI(true)
	f.pod(far(10), "api-7d9f", "uid-1")
	f.run(far(11), "api", far(10), 77)
	w, _, _ := criAt(t, f)
	c := w.until("it is asked for", far(11), running)
	if c.Name != "api" || c.Runtime != Containerd || c.Image != "reg.example/shop/api" || c.ImageTag != "2" || c.ImageDigest != "sha256:dd" || c.ImageID != "sha256:aa" ||
		c.InitPID != 77 || c.Privileged == nil || !*c.Privileged || c.CgroupParent != "kubepods-pod1.slice" || c.Started.Unix() != 1_700_000_002 {
		t.Errorf("%+v", c)
	}
	if p := c.Pod; p == nil || p.Name != "api-7d9f" || p.Namespace != "shop" || p.UID != "uid-1" || len(p.Labels) != 1 || p.Labels["app"] != "api" ||
		len(p.Annotations) != 1 || p.Annotations["team"] != "blue" {
		t.Errorf("%+v", c.Pod)
	}
	if s := w.until("its sandbox", far(10), named("api-7d9f")); !s.Sandbox || s.Pod.UID != "uid-1" {
		t.Errorf("%+v", s)
	}
}

func TestCRIEvents(t *testing.T) {
	f := newFakeCRI(true)
	w, _, _ := criAt(t, f)
	in := <-f.streams
	s := f.pod(far(20), "job-1", "uid-2")
	st := f.run(far(21), "work", far(20), 5)
	podStatus := &cri.PodSandboxStatus{Id: far(20), Metadata: s.Metadata, Labels: s.Labels, Annotations: s.Annotations}
	in <- &cri.ContainerEventResponse{ContainerId: far(21), ContainerEventType: cri.ContainerEventType_CONTAINER_STARTED_EVENT, PodSandboxStatus: podStatus,
		ContainersStatuses: []*cri.ContainerStatus{st}}
	if c := w.until("it is told of", far(21), running); c.Pod == nil || c.Pod.UID != "uid-2" {
		t.Errorf("%+v", c)
	}
	// one that is gone before it can be asked for
	gone := &cri.ContainerStatus{Id: far(22), Metadata: &cri.ContainerMetadata{Name: "quick"}, Image: &cri.ImageSpec{Image: "lab/bb:1"}}
	in <- &cri.ContainerEventResponse{ContainerId: far(22), ContainerEventType: cri.ContainerEventType_CONTAINER_CREATED_EVENT, PodSandboxStatus: podStatus,
		ContainersStatuses: []*cri.ContainerStatus{st, gone}}
	in <- &cri.ContainerEventResponse{ContainerId: far(22), ContainerEventType: cri.ContainerEventType_CONTAINER_DELETED_EVENT, CreatedAt: 1_700_000_009e9}
	c := w.until("the short one is known and gone", far(22), isGone)
	if c.Name != "quick" || c.Image != "lab/bb" || c.Pod == nil || c.Gone.Unix() != 1_700_000_009 {
		t.Errorf("%+v", c)
	}
}

// TestCRIStreamEnds has the runtime restart.
func TestCRIStreamEnds(t *testing.T) {
	f := newFakeCRI(true)
	f.pod(far(30), "pod", "uid-3")
	f.run(far(31), "a", far(30), 1)
	w, path, stop := criAt(t, f)
	<-f.streams
	w.until("known", far(31), running)
	stop()
	f.do(func() { f.containers = nil })
	f.run(far(32), "b", far(30), 2)
	serveCRI(t, path, f)
	<-f.streams
	w.until("what came meanwhile is known", far(32), running)
	w.until("what went meanwhile is gone", far(31), isGone)
	if w.value("tallyman_runtime_reconnects_total") < 1 {
		t.Error("no reconnect counted")
	}
}

// TestCRIWithoutEvents has a runtime that has none: the lists are read when a
// container is wanted.
func TestCRIWithoutEvents(t *testing.T) {
	f := newFakeCRI(false)
	f.name = "cri-o"
	w, _, _ := criAt(t, f)
	f.pod(far(40), "pod", "uid-4")
	f.run(far(41), "a", far(40), 1)
	w.Store().Want(far(41))
	if c := w.until("it is looked for", far(41), running); c.Runtime != CRIO {
		t.Errorf("runtime %q", c.Runtime)
	}
	f.do(func() { f.containers = nil })
	w.Store().Want(far(49))
	w.until("it is gone", far(41), isGone)
}

// TestCRIAsksOnce has many lists of one container that answers, and of one that
// does not.
func TestCRIAsksOnce(t *testing.T) {
	f := newFakeCRI(false)
	f.pod(far(50), "pod", "uid-5")
	f.run(far(51), "a", far(50), 1)
	f.do(func() {
		f.containers = append(f.containers, &cri.Container{Id: far(52), PodSandboxId: far(50), Image: &cri.ImageSpec{Image: "x"}})
	})
	w, _, _ := criAt(t, f)
	w.until("known", far(51), running)
	for lists := 0; lists < 3*maxTries; {
		w.Store().Want(far(59))
		<-w.paused
		f.do(func() { lists = f.lists })
	}
	f.do(func() {
		if f.asked[far(51)] != 1 || f.asked[far(52)] != maxTries {
			t.Errorf("asked %v times", f.asked)
		}
	})
	if c := w.Store().Lookup(far(52)); c == nil || c.Pod == nil {
		t.Errorf("what the list says of a container that does not answer: %+v", c)
	}
}

func TestCRIDenied(t *testing.T) {
	f := newFakeCRI(true)
	f.failing = status.Error(codes.PermissionDenied, "not you")
	w, _, _ := criAt(t, f)
	for w.value("tallyman_runtime_reconnects_total") < 3 {
		<-w.paused
	}
	if n := strings.Count(w.log.String(), "may not be asked"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, w.log)
	}
}

func TestCRINotSpoken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	serve(t, path, newFakeEngine()) // HTTP/1.1 does not speak gRPC
	w := follow(t, Options{Sources: []Source{{Runtime: Containerd, Path: path}}})
	for w.value("tallyman_runtime_reconnects_total") < 2 {
		<-w.paused
	}
	if w.value("tallyman_runtime_up") != 0 || strings.Count(w.log.String(), "is lost") != 1 {
		t.Errorf("%s", w.log)
	}
}

func TestFoldersOfCgroups(t *testing.T) {
	for path, want := range map[string]string{
		"/kubepods/besteffort/podu/" + far(1):               "/kubepods/besteffort/podu",
		"kubepods-burstable.slice:cri-containerd:" + far(1): "kubepods-burstable.slice",
		"": "", "/x": "",
	} {
		if got := parentOf(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}

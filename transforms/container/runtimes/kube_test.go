package runtimes

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeKube is an API server, or a kubelet.
type fakeKube struct {
	*httptest.Server
	mu      sync.Mutex
	version int
	pods    []map[string]any
	objects map[string]map[string]any // by path
	token   string
	status  int
	page    int // pods in one answer; 0: all
	asked   []string
	watches chan chan string // lines; closed: the watch ends
}

func newFakeKube(t *testing.T) *fakeKube {
	f := &fakeKube{version: 100, objects: map[string]map[string]any{}, token: "secret", watches: make(chan chan string, 10)}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(f.serve))
	f.EnableHTTP2 = true
	f.StartTLS()
	t.Cleanup(func() { f.CloseClientConnections(); f.Close() })
	return f
}

func (f *fakeKube) do(fn func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fn()
}

func (f *fakeKube) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.asked = append(f.asked, r.URL.String())
	refuse := f.status
	if r.Header.Get("Authorization") != "Bearer "+f.token {
		refuse = http.StatusUnauthorized
	}
	object := f.objects[r.URL.Path]
	f.mu.Unlock()
	q := r.URL.Query()
	switch {
	case refuse != 0:
		w.WriteHeader(refuse)
		_, _ = fmt.Fprintf(w, `{"kind":"Status","message":"you may not","code":%d}`, refuse)
	case r.URL.Path == "/pods", r.URL.Path == "/api/v1/pods" && q.Get("watch") == "":
		f.list(w, q.Get("continue"))
	case r.URL.Path == "/api/v1/pods":
		f.watch(w, r)
	case object != nil:
		b, _ := json.Marshal(object)
		_, _ = w.Write(b)
	default:
		http.Error(w, `{"message":"not found"}`, http.StatusNotFound)
	}
}

func (f *fakeKube) list(w http.ResponseWriter, from string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	pods, next := f.pods, ""
	if f.page > 0 {
		at := 0
		_, _ = fmt.Sscan(from, &at)
		pods = pods[at:]
		if len(pods) > f.page {
			pods, next = pods[:f.page], fmt.Sprint(at+f.page)
		}
	}
	b, _ := json.Marshal(map[string]any{"kind": "PodList", "metadata": map[string]any{"resourceVersion": fmt.Sprint(f.version), "continue": next}, "items": pods})
	_, _ = w.Write(b)
}

func (f *fakeKube) watch(w http.ResponseWriter, r *http.Request) {
	out := http.NewResponseController(w)
	_ = out.Flush()
	ch := make(chan string, 100)
	f.watches <- ch
	for {
		select {
		case <-r.Context().Done():
			return
		case line, ok := <-ch:
			if !ok {
				return
			}
			if line == "cut" {
				panic(http.ErrAbortHandler)
			}
			_, _ = w.Write([]byte(line))
			_ = out.Flush()
		}
	}
}

func (f *fakeKube) paths() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.asked...)
}

// aPod is a pod of a ReplicaSet with one container that runs.
func aPod(name, uid, container string) map[string]any {
	return map[string]any{
		"metadata": map[string]any{"name": name, "namespace": "shop", "uid": uid, "resourceVersion": "101", "labels": map[string]string{"app": "api"},
			"annotations":     map[string]string{"team": "blue", "other": "x"},
			"ownerReferences": []map[string]any{{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "api-7d9f", "uid": "rs", "controller": true}}},
		"spec": map[string]any{"nodeName": "n1", "serviceAccountName": "shop", "containers": []map[string]any{{"name": "api", "image": "reg.example/shop/api:2"}}},
		"status": map[string]any{"podIPs": []map[string]string{{"ip": "10.0.0.7"}}, "containerStatuses": []map[string]any{{"name": "api", "image": "sha256:aa",
			"imageID": "reg.example/shop/api@sha256:dd", "containerID": "containerd://" + container, "state": map[string]any{"running": map[string]string{"startedAt": "2023-11-14T22:13:21Z"}}}}},
	}
}

// deployment makes the ReplicaSet that aPod names a Deployment's.
func (f *fakeKube) deployment() {
	f.do(func() {
		f.objects["/apis/apps/v1/namespaces/shop/replicasets/api-7d9f"] = map[string]any{"metadata": map[string]any{"name": "api-7d9f", "uid": "rs",
			"ownerReferences": []map[string]any{{"apiVersion": "apps/v1", "kind": "Deployment", "name": "api", "uid": "dep", "controller": true}}}}
	})
}

func line(kind string, object map[string]any) string {
	b, _ := json.Marshal(map[string]any{"type": kind, "object": object})
	return string(b) + "\n"
}

// settings returns how the fake is asked.
func (f *fakeKube) settings(t *testing.T) *Kube {
	t.Helper()
	dir := t.TempDir()
	token, ca := filepath.Join(dir, "token"), filepath.Join(dir, "ca.crt")
	if err := os.WriteFile(token, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw})
	if err := os.WriteFile(ca, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return &Kube{Node: "n1", URL: f.URL, TokenFile: token, CAFile: ca}
}

func kubeAt(t *testing.T, f *fakeKube) *following {
	return follow(t, Options{Kube: f.settings(t), Annotations: []string{"team"}})
}

func TestKubeList(t *testing.T) {
	f := newFakeKube(t)
	f.pods = append(f.pods, aPod("api-1", "u1", far(1)), aPod("api-2", "u2", far(2)), aPod("api-3", "u3", far(3)))
	f.page = 2
	f.deployment()
	w := kubeAt(t, f)
	c := w.until("its owner is known", far(3), func(c *Container) bool { return c.Pod.Owner.Kind == "Deployment" })
	if c.Name != "api" || c.Runtime != Containerd || c.Image != "reg.example/shop/api" || c.ImageTag != "2" || c.ImageDigest != "sha256:dd" ||
		c.Privileged == nil || *c.Privileged || c.Started.IsZero() {
		t.Errorf("%+v", c)
	}
	if p := c.Pod; p.Namespace != "shop" || p.Name != "api-3" || p.UID != "u3" || p.Node != "n1" || p.ServiceAccount != "shop" || p.Labels["app"] != "api" ||
		len(p.Annotations) != 1 || p.Annotations["team"] != "blue" || len(p.IPs) != 1 || p.Owner != (Owner{"Deployment", "api", "dep"}) {
		t.Errorf("%+v", c.Pod)
	}
	<-f.watches
	n := 0
	for _, p := range f.paths() {
		if strings.Contains(p, "watch=true") {
			n++
			if !strings.Contains(p, "fieldSelector=spec.nodeName%3Dn1") || !strings.Contains(p, "resourceVersion=100") || !strings.Contains(p, "allowWatchBookmarks=true") {
				t.Errorf("watched %s", p)
			}
		}
		if strings.Contains(p, "replicasets") && n > 1 {
			t.Errorf("the ReplicaSet is asked for more than once")
		}
	}
	if n != 1 {
		t.Errorf("%d watches, want one", n)
	}
}

func TestKubeWatch(t *testing.T) {
	f := newFakeKube(t)
	f.deployment()
	w := kubeAt(t, f)
	in := <-f.watches
	in <- line("ADDED", aPod("api-1", "u1", far(1)))
	w.until("a pod that comes", far(1), named("api"))
	next := aPod("api-1", "u1", far(2)) // its container was made anew
	next["metadata"].(map[string]any)["resourceVersion"] = "102"
	in <- line("MODIFIED", next)
	w.until("the new container", far(2), func(c *Container) bool { return c.Pod.Owner.Kind == "Deployment" })
	w.until("the old one is gone", far(1), isGone)
	in <- line("MODIFIED", map[string]any{"metadata": "nonsense"})
	in <- line("BOOKMARK", map[string]any{"metadata": map[string]any{"resourceVersion": "150"}})
	close(in) // the server ends each watch after a while
	in = <-f.watches
	if p := f.paths(); !strings.Contains(p[len(p)-1], "resourceVersion=150") {
		t.Errorf("the watch goes on from %s", p[len(p)-1])
	}
	in <- line("DELETED", next)
	w.until("a pod that goes", far(2), isGone)
	if n := w.value("tallyman_runtime_reconnects_total"); n != 0 {
		t.Errorf("%v reconnects, and nothing was lost", n)
	}
	if n := w.value("tallyman_runtime_failures_total"); n != 1 {
		t.Errorf("%v failures, want 1 for the pod that is none", n)
	}
}

// TestKubeExpired has the server forget what happened since, in the two ways
// that it says so, and the watch cut in the middle of a line.
func TestKubeExpired(t *testing.T) {
	f := newFakeKube(t)
	f.pods = append(f.pods, aPod("api-1", "u1", far(1)))
	w := kubeAt(t, f)
	w.until("known", far(1), named("api"))
	in := <-f.watches
	f.do(func() { f.pods, f.version = []map[string]any{aPod("api-2", "u2", far(2))}, 200 })
	in <- line("ERROR", map[string]any{"code": 410, "message": "too old resource version: 100 (150)"})
	in = <-f.watches
	w.until("what went meanwhile is gone", far(1), isGone)
	w.until("what came meanwhile", far(2), named("api"))
	if p := f.paths(); !strings.Contains(p[len(p)-1], "resourceVersion=200") {
		t.Errorf("watched from %s", p[len(p)-1])
	}
	f.do(func() { f.status = http.StatusGone })
	close(in)
	for n := len(f.paths()); len(f.paths()) < n+3; {
		<-w.paused
	}
	f.do(func() { f.status, f.pods = 0, []map[string]any{aPod("api-3", "u3", far(3))} })
	in = <-f.watches
	w.until("after 410", far(3), named("api"))
	f.do(func() { f.pods = []map[string]any{aPod("api-4", "u4", far(4))} })
	in <- line("DELETED", aPod("api-3", "u3", far(3)))[:40]
	in <- "cut"
	<-f.watches
	w.until("after the cut", far(4), named("api"))
	w.until("what the cut line was about", far(3), isGone)
}

// TestKubeOwnerDenied has a service account that may read pods only.
func TestKubeOwnerDenied(t *testing.T) {
	f := newFakeKube(t)
	f.pods = append(f.pods, aPod("api-1", "u1", far(1)))
	w := kubeAt(t, f)
	c := w.until("known", far(1), named("api"))
	if c.Pod.Owner != (Owner{"ReplicaSet", "api-7d9f", "rs"}) {
		t.Errorf("%+v", c.Pod.Owner)
	}
	// one that has the name of the right one and is another
	f.do(func() {
		f.objects["/apis/apps/v1/namespaces/shop/replicasets/other"] = map[string]any{"metadata": map[string]any{"name": "other", "uid": "not rs2",
			"ownerReferences": []map[string]any{{"apiVersion": "apps/v1", "kind": "Deployment", "name": "wrong", "uid": "d", "controller": true}}}}
	})
	in := <-f.watches
	p := aPod("x-1", "u2", far(2))
	p["metadata"].(map[string]any)["ownerReferences"] = []map[string]any{{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "other", "uid": "rs2", "controller": true}}
	in <- line("ADDED", p)
	w.until("the second pod", far(2), named("api"))
	for !strings.Contains(strings.Join(f.paths(), " "), "replicasets/other") {
		<-w.paused
	}
	in <- line("ADDED", aPod("x-2", "u3", far(3)))
	w.until("the third pod", far(3), named("api"))
	if o := w.Store().Lookup(far(2)).Pod.Owner; o.Kind != "ReplicaSet" {
		t.Errorf("a namesake's owner is taken: %+v", o)
	}
}

func TestKubeDenied(t *testing.T) {
	f := newFakeKube(t)
	f.token = "another"
	set := f.settings(t)
	w := follow(t, Options{Kube: set})
	for w.value("tallyman_runtime_reconnects_total") < 3 {
		<-w.paused
	}
	if n := strings.Count(w.log.String(), "may not be asked"); n != 1 || !strings.Contains(w.log.String(), "rbac.yaml") || strings.Contains(w.log.String(), "secret") {
		t.Errorf("logged %d times:\n%s", n, w.log)
	}
	f.do(func() { f.pods = append(f.pods, aPod("api-1", "u1", far(1))) })
	if err := os.WriteFile(set.TokenFile, []byte("another"), 0o600); err != nil { // the kubelet renews it
		t.Fatal(err)
	}
	w.until("the token is read anew", far(1), named("api"))
}

// TestKubeAnotherCA has a server whose certificate someone else signed.
func TestKubeAnotherCA(t *testing.T) {
	f := newFakeKube(t)
	f.Config.ErrorLog = nil
	set := f.settings(t)
	set.CAFile = "" // the system's do not know it
	w := follow(t, Options{Kube: set})
	for w.value("tallyman_runtime_reconnects_total") < 2 {
		<-w.paused
	}
	if len(f.paths()) != 0 || !strings.Contains(w.log.String(), "certificate") {
		t.Errorf("asked %v\n%s", f.paths(), w.log)
	}
}

func TestKubeletWhereTheAPIIsOutOfReach(t *testing.T) {
	f := newFakeKube(t)
	f.pods = append(f.pods, aPod("api-1", "u1", far(1)))
	set := f.settings(t)
	set.Kubelet, set.URL = f.URL, "https://127.0.0.1:1"
	napping := make(chan struct{}, 100)
	w := follow(t, Options{Kube: set, pause: func(ctx context.Context, d time.Duration) {
		if d == kubeletEvery {
			napping <- struct{}{}
		}
		pause(ctx, d/1000)
	}})
	w.until("the kubelet tells", far(1), named("api"))
	f.do(func() { f.pods = nil })
	w.until("and again", far(1), isGone)
	<-napping
}

// TestKubeStaticPod has a pod of the kubelet's own files: the runtime knows it
// by another uid.
func TestKubeStaticPod(t *testing.T) {
	f := newFakeKube(t)
	w := kubeAt(t, f)
	w.store.put(theEngine, &Container{ID: far(7), Runtime: Containerd, Sandbox: true, Pod: &Pod{UID: "hash", Name: "etcd-n1"}})
	in := <-f.watches
	p := aPod("etcd-n1", "mirror", far(8))
	p["metadata"].(map[string]any)["annotations"] = map[string]string{staticHash: "hash"}
	in <- line("ADDED", p)
	w.until("the sandbox is its", far(7), func(c *Container) bool { return c.Pod.ServiceAccount == "shop" })
	p["spec"].(map[string]any)["serviceAccountName"] = "changed"
	in <- line("MODIFIED", p)
	w.until("and stays so", far(7), func(c *Container) bool { return c.Pod.ServiceAccount == "changed" })
}

func TestKubeOptions(t *testing.T) {
	for _, c := range []struct {
		what string
		set  Kube
		ok   bool
	}{
		{"in a cluster", Kube{Node: "n", URL: "https://10.96.0.1:443"}, true},
		{"loopback in the clear", Kube{Node: "n", Kubelet: "http://127.0.0.1:10255"}, true},
		{"in the clear", Kube{Node: "n", URL: "http://10.96.0.1"}, false},
		{"the kubelet in the clear", Kube{Node: "n", Kubelet: "http://node:10255"}, false},
		{"no node", Kube{URL: "https://10.96.0.1"}, false},
		{"no server", Kube{Node: "n"}, false},
		{"no URL", Kube{Node: "n", URL: "10.96.0.1:443"}, false},
	} {
		if _, err := newKube(&runner{}, &c.set); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	env := map[string]string{"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443", "NODE_NAME": "n1"}
	if k := InCluster(func(n string) string { return env[n] }); k == nil || k.URL != "https://[fd00::1]:443" || k.Node != "n1" {
		t.Errorf("%+v", k)
	}
	if k := InCluster(func(string) string { return "" }); k != nil {
		t.Errorf("outside of a cluster: %+v", k)
	}
}

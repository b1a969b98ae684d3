package runtimes

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeEngine speaks the Docker Engine API.
type fakeEngine struct {
	mu      sync.Mutex
	version string
	list    []map[string]any
	inspect map[string]map[string]any
	images  map[string]map[string]any
	status  int           // of every answer; 0: as it should be
	asked   []string      // every path
	streams chan chan any // each stream of events, as it is opened
}

func newFakeEngine() *fakeEngine {
	return &fakeEngine{version: `{"ApiVersion":"1.41","MinAPIVersion":"1.12","Components":[{"Name":"Engine"}]}`,
		inspect: map[string]map[string]any{}, images: map[string]map[string]any{}, streams: make(chan chan any, 100)}
}

// add has a container that runs.
func (f *fakeEngine) add(id, name string, pid int, labels map[string]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, map[string]any{"Id": id, "Names": []string{"/" + name}, "Image": "reg.example:5000/shop/api:1.2", "ImageID": "sha256:aa",
		"Labels": labels, "Created": 1_700_000_000, "State": "running"})
	f.inspect[id] = map[string]any{"Id": id, "Name": "/" + name, "Image": "sha256:aa", "Created": "2023-11-14T22:13:20.5Z",
		"State":      map[string]any{"Running": true, "Pid": pid, "StartedAt": "2023-11-14T22:13:21Z"},
		"HostConfig": map[string]any{"Privileged": false, "CgroupParent": ""},
		"Config":     map[string]any{"Image": "reg.example:5000/shop/api:1.2", "Labels": labels, "Env": []string{"SECRET=x"}}}
	f.images["sha256:aa"] = map[string]any{"RepoDigests": []string{"other@sha256:0", "reg.example:5000/shop/api@sha256:dd"}}
}

func (f *fakeEngine) remove(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.inspect, id)
	for i, l := range f.list {
		if l["Id"] == id {
			f.list = append(f.list[:i:i], f.list[i+1:]...)
			return
		}
	}
}

func (f *fakeEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.asked = append(f.asked, r.URL.String())
	status, version := f.status, f.version
	f.mu.Unlock()
	if status != 0 {
		http.Error(w, "no", status)
		return
	}
	path := r.URL.Path
	if strings.HasPrefix(path, "/v1.") {
		path = path[strings.IndexByte(path[1:], '/')+1:]
	}
	switch id := filepath.Base(filepath.Dir(path)); {
	case path == "/version":
		_, _ = fmt.Fprint(w, version)
	case path == "/events":
		f.stream(w, r)
	case path == "/containers/json":
		f.answer(w, f.list)
	case strings.HasPrefix(path, "/containers/"):
		f.answer(w, f.inspect[id])
	case strings.HasPrefix(path, "/images/"):
		f.answer(w, f.images[id])
	}
}

func (f *fakeEngine) answer(w http.ResponseWriter, v any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, _ := json.Marshal(v)
	if string(b) == "null" {
		if _, isList := v.([]map[string]any); isList {
			b = []byte("[]")
		} else {
			http.Error(w, `{"message":"No such container"}`, http.StatusNotFound)
			return
		}
	}
	_, _ = w.Write(b)
}

// stream writes what the test sends: a string as it is, all else as JSON. A nil
// cuts the connection.
func (f *fakeEngine) stream(w http.ResponseWriter, r *http.Request) {
	ch := make(chan any, 100)
	out := http.NewResponseController(w)
	_ = out.Flush()
	f.streams <- ch
	for {
		select {
		case <-r.Context().Done():
			return
		case v, ok := <-ch:
			if !ok {
				conn, _, err := out.Hijack()
				if err == nil {
					_ = conn.Close()
				}
				return
			}
			b, isText := v.(string)
			if !isText {
				j, _ := json.Marshal(v)
				b = string(j)
			}
			_, _ = w.Write([]byte(b))
			_ = out.Flush()
		}
	}
}

func event(action, id string, attributes map[string]string) map[string]any {
	return map[string]any{"Type": "container", "Action": action, "Actor": map[string]any{"ID": id, "Attributes": attributes},
		"time": 1_700_000_100, "timeNano": int64(1_700_000_100_000_000_000)}
}

func dockerAt(t *testing.T, f *fakeEngine) (*following, string) {
	path := filepath.Join(t.TempDir(), "s")
	serve(t, path, f)
	return follow(t, Options{Sources: []Source{{Runtime: Docker, Path: path}}}), path
}

func TestDockerListAndInspect(t *testing.T) {
	f := newFakeEngine()
	f.add(far(1), "shop-api-1", 41, map[string]string{composeProject: "shop", composeService: "api"})
	w, _ := dockerAt(t, f)
	c := w.until("the container is inspected", far(1), running)
	if c.Name != "shop-api-1" || c.Runtime != Docker || c.Image != "reg.example:5000/shop/api" || c.ImageTag != "1.2" || c.ImageDigest != "sha256:dd" ||
		c.ImageID != "sha256:aa" || c.InitPID != 41 || c.Created.Nanosecond() != 5e8 || c.Started.IsZero() || c.Privileged == nil {
		t.Errorf("%+v", c)
	}
	if c.Workload == nil || c.Workload.Type != "compose" || c.Workload.Namespace != "shop" || c.Workload.Name != "api" {
		t.Errorf("workload %+v", c.Workload)
	}
	for _, p := range f.paths() {
		if p != "/version" && !strings.HasPrefix(p, "/v1.41/") {
			t.Errorf("asked for %s, and the engine's API is 1.41", p)
		}
	}
}

func (f *fakeEngine) paths() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.asked...)
}

func TestDockerEvents(t *testing.T) {
	f := newFakeEngine()
	w, _ := dockerAt(t, f)
	in := <-f.streams
	// one that is gone before it can be looked at: the event's word stays
	in <- event("create", far(2), map[string]string{"name": "quick", "image": "lab/bb:1", "team": "blue"})
	in <- event("start", far(2), map[string]string{"name": "quick", "image": "lab/bb:1", "team": "blue"})
	in <- event("die", far(2), map[string]string{"name": "quick", "image": "lab/bb:1", "team": "blue", "exitCode": "0", "execDuration": "0"})
	in <- event("destroy", far(2), map[string]string{"name": "quick", "image": "lab/bb:1", "team": "blue"})
	c := w.until("the short one is known and gone", far(2), isGone)
	if c.Name != "quick" || c.Image != "lab/bb" || c.ImageTag != "1" || len(c.Labels) != 1 || c.Labels["team"] != "blue" {
		t.Errorf("%+v", c)
	}
	if want := time.Unix(1_700_000_100, 0); !c.Gone.Equal(want) {
		t.Errorf("gone %v, want %v", c.Gone, want)
	}
	// one that is looked at, renamed, stopped
	f.add(far(3), "web", 7, nil)
	in <- event("start", far(3), nil)
	w.until("it runs", far(3), running)
	f.mu.Lock()
	f.inspect[far(3)]["Name"] = "/web2"
	f.mu.Unlock()
	in <- event("rename", far(3), map[string]string{"name": "web2", "oldName": "/web"})
	w.until("it is renamed", far(3), named("web2"))
	in <- event("die", far(3), nil)
	w.until("it does not run", far(3), func(c *Container) bool { return c.InitPID == 0 && !isGone(c) })
	in <- event("exec_start: sh", far(4), nil)
	in <- map[string]any{"Type": "network", "Action": "create", "Actor": map[string]any{"ID": far(5)}}
	in <- event("destroy", far(3), nil)
	w.until("it is gone", far(3), isGone)
	if w.Store().Lookup(far(4)) != nil || w.Store().Lookup(far(5)) != nil {
		t.Error("events about other things make containers")
	}
	if n := w.value("tallyman_runtime_events_total"); n != 10 {
		t.Errorf("%v events counted, want 10", n)
	}
}

func TestDockerStreamCutInAnEvent(t *testing.T) {
	f := newFakeEngine()
	f.add(far(1), "stays", 1, nil)
	f.add(far(2), "goes", 2, nil)
	w, _ := dockerAt(t, f)
	in := <-f.streams
	w.until("both run", far(2), running)
	in <- event("create", far(9), map[string]string{"name": "before the cut"})
	w.until("the event is read", far(9), named("before the cut"))
	in <- `{"Type":"container","Action":"destroy","Actor":{"ID":"` + far(2)
	f.remove(far(2))
	f.add(far(3), "new", 3, nil)
	close(in)
	<-f.streams
	w.until("what came meanwhile is known", far(3), running)
	w.until("what went meanwhile is gone", far(2), isGone)
	if c := w.Store().Lookup(far(1)); isGone(c) || c.InitPID != 1 {
		t.Errorf("%+v", c)
	}
	if n := w.value("tallyman_runtime_reconnects_total"); n < 1 {
		t.Error("no reconnect counted")
	}
	var since []string
	for _, p := range f.paths() {
		if _, q, ok := strings.Cut(p, "since="); ok {
			since = append(since, q)
		}
	}
	if len(since) < 2 || since[1] != "1700000100.000000000" {
		t.Errorf("the second stream begins where the first ended: %q", since)
	}
}

func TestDockerComesLate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	tried := make(chan struct{}, 1000)
	w := follow(t, Options{Sources: []Source{{Runtime: Docker, Path: path}}, pause: func(ctx context.Context, d time.Duration) {
		select {
		case tried <- struct{}{}:
		default:
		}
		pause(ctx, d/100)
	}})
	for range 4 {
		<-tried
	}
	f := newFakeEngine()
	f.add(far(1), "late", 1, nil)
	serve(t, path, f)
	w.until("it is found once it is there", far(1), running)
	if n := strings.Count(w.log.String(), "looked for again"); n != 1 {
		t.Errorf("logged %d times that it is not there:\n%s", n, w.log)
	}
}

func TestDockerDenied(t *testing.T) {
	f := newFakeEngine()
	f.status = http.StatusForbidden
	w, path := dockerAt(t, f)
	for n := 0; n < 3; {
		n = len(f.paths())
		<-w.paused
	}
	if n := strings.Count(w.log.String(), "may not be asked"); n != 1 || !strings.Contains(w.log.String(), path) || !strings.Contains(w.log.String(), "run as root") {
		t.Errorf("logged %d times:\n%s", n, w.log)
	}
	if os.Geteuid() == 0 {
		return // root may open any socket
	}
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := dial(t.Context(), path); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Error(err)
	}
}

// TestDockerHostile has contents that whoever makes a container chooses.
func TestDockerHostile(t *testing.T) {
	f := newFakeEngine()
	f.add(far(1), "honest", 1, nil)
	f.add(far(2), "liar", 2, map[string]string{ecsTask: "arn:task", ecsCluster: "prod", podUID: "uid", podNamespace: "kube-system", "big": strings.Repeat("x", 1<<20)})
	f.images["sha256:aa"]["Config"] = map[string]any{"Labels": map[string]string{ecsTask: "arn:task", ecsCluster: "prod", podUID: "uid"}}
	w, _ := dockerAt(t, f)
	in := <-f.streams
	c := w.until("the liar is inspected", far(2), running)
	if c.Workload != nil || c.Pod != nil || len(c.Labels["big"]) != maxLabelValue {
		t.Errorf("its image's labels are believed: %+v %+v", c.Workload, c.Pod)
	}
	w.until("the honest one too", far(1), running)
	in <- `{"Type":"container","Action":"start","Actor":{"ID":"../../images/x","Attributes":{"name":"` + strings.Repeat("n", maxValue) + `"}}}`
	in2 := <-f.streams // an event without an end ends the stream, not us
	in2 <- `{"Type":"container","Action":7}`
	in3 := <-f.streams
	in3 <- `nonsense`
	in4 := <-f.streams
	in4 <- event("create", "../../../version", map[string]string{"name": "path"})
	in4 <- event("create", far(3), map[string]string{"name": "after"})
	w.until("it goes on", far(3), named("after"))
	for _, p := range f.paths() {
		if strings.Contains(p, "..") {
			t.Errorf("an id became a path: %s", p)
		}
	}
}

// TestDockerEntryTooLarge has one entry of the list that is too large to read.
func TestDockerEntryTooLarge(t *testing.T) {
	f := newFakeEngine()
	f.add(far(1), "first", 1, nil)
	f.add(far(2), "large", 2, map[string]string{"big": strings.Repeat("x", maxValue)})
	w, _ := dockerAt(t, f)
	in := <-f.streams
	w.until("what stood before is known", far(1), running)
	f.remove(far(2))
	f.add(far(3), "next", 3, nil)
	in <- event("start", far(3), map[string]string{"name": "next"})
	w.until("what comes later is known", far(3), running)
}

func TestSettled(t *testing.T) {
	f := newFakeEngine()
	f.add(far(1), "one", 1, nil)
	path := filepath.Join(t.TempDir(), "s")
	serve(t, path, f)
	w := follow(t, Options{Sources: []Source{{Runtime: Docker, Path: path}, {Runtime: Containerd, Path: path + "not there"}, {Runtime: Podman, Path: path + "nor this"}}})
	<-w.Settled()
	if c := w.Store().Lookup(far(1)); c == nil || !running(c) {
		t.Errorf("not all that is there is known: %+v", c)
	}
	if !w.Follows(Docker) || !w.Follows("") || w.Follows(Containerd) {
		t.Error("Docker alone is connected")
	}
	if up, n := w.value("tallyman_runtime_up"), w.value("tallyman_runtime_containers"); up != 1 || n != 1 {
		t.Errorf("%v sources are up and %v containers are known, want 1 and 1", up, n)
	}
	none := follow(t, Options{})
	if none.Follows("") {
		t.Error("nothing is connected")
	}
	<-none.Settled()
}

// TestFoundLater has an engine that is not at its place at the start.
func TestFoundLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	w := follow(t, Options{Find: func() []Source {
		if exists(path) {
			return []Source{{Runtime: Docker, Path: path, Quiet: true}}
		}
		return nil
	}})
	<-w.Settled()
	f := newFakeEngine()
	f.add(far(1), "late", 1, nil)
	serve(t, path, f)
	w.until("it is found", far(1), running)
	<-f.streams
	for range 10 {
		w.runnersAre(1)
		<-w.paused
	}
}

func TestPodmanSocketIsPodman(t *testing.T) {
	f := newFakeEngine()
	f.version = `{"ApiVersion":"1.41","MinAPIVersion":"1.24","Components":[{"Name":"Podman Engine"}]}`
	f.add(far(1), "one", 1, nil)
	w, _ := dockerAt(t, f) // Docker's socket may be a link to Podman's
	if c := w.until("known", far(1), running); c.Runtime != Podman {
		t.Errorf("runtime %q", c.Runtime)
	}
}

func TestWantedIsLookedAt(t *testing.T) {
	f := newFakeEngine()
	w, _ := dockerAt(t, f)
	<-f.streams
	f.add(far(1), "no event told of it", 1, nil)
	w.Store().Want(far(1))
	w.Store().Want("../x")
	w.until("it is looked for", far(1), running)
}

func TestVersions(t *testing.T) {
	for _, c := range []struct{ has, min, want string }{
		{"1.41", "1.12", "/v1.41"}, {"1.52", "1.44", "/v1.44"}, {"1.60", "1.50", "/v1.50"}, {"", "", ""}, {"1.9", "", "/v1.9"},
	} {
		f := newFakeEngine()
		f.version = fmt.Sprintf(`{"ApiVersion":%q,"MinAPIVersion":%q}`, c.has, c.min)
		path := filepath.Join(t.TempDir(), "s")
		serve(t, path, f)
		a := newEngineAPI(path)
		if _, err := a.hello(t.Context()); err != nil || a.version != c.want {
			t.Errorf("%+v: %q, %v", c, a.version, err)
		}
		a.http.CloseIdleConnections()
	}
}

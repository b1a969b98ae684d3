package container

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
	"tallyman/transforms/container/runtimes"
)

// smallEngine speaks as much of Docker's API as one list and one stream take.
type smallEngine struct {
	mu      sync.Mutex
	names   map[string]string
	streams chan chan string
}

func (f *smallEngine) name(id, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.names[id] = name
}

func (f *smallEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	parts := strings.Split(r.URL.Path, "/")
	switch {
	case strings.HasSuffix(r.URL.Path, "/version"):
		_, _ = fmt.Fprint(w, `{"ApiVersion":"1.44"}`)
	case strings.HasSuffix(r.URL.Path, "/events"):
		ch := make(chan string, 10)
		f.streams <- ch
		f.mu.Unlock()
		defer f.mu.Lock()
		out := http.NewResponseController(w)
		_ = out.Flush()
		for {
			select {
			case <-r.Context().Done():
				return
			case s := <-ch:
				_, _ = fmt.Fprint(w, s)
				_ = out.Flush()
			}
		}
	case strings.HasSuffix(r.URL.Path, "/containers/json"):
		list := []map[string]any{}
		for id, name := range f.names {
			list = append(list, map[string]any{"Id": id, "Names": []string{"/" + name}, "Image": "reg.example/bb:1"})
		}
		b, _ := json.Marshal(list)
		_, _ = w.Write(b)
	case len(parts) > 3 && f.names[parts[3]] != "":
		if strings.HasPrefix(f.names[parts[3]], "k8s_") {
			_, _ = fmt.Fprintf(w, podInspect, parts[3], f.names[parts[3]])
			return
		}
		b, _ := json.Marshal(map[string]any{"Id": parts[3], "Name": "/" + f.names[parts[3]], "State": map[string]any{"Running": true, "Pid": 9},
			"Config": map[string]any{"Image": "reg.example/bb:1", "Labels": map[string]string{"team": "blue"}}})
		_, _ = w.Write(b)
	default:
		http.NotFound(w, r)
	}
}

// listening returns a transform that asks an engine of its own and nothing else.
func listening(t *testing.T, wait time.Duration) (*Transform, *smallEngine) {
	t.Helper()
	dir, err := os.MkdirTemp("", "ctx") // t.TempDir's path is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	f := &smallEngine{names: map[string]string{idA: "web"}, streams: make(chan chan string, 10)}
	server := &http.Server{Handler: f, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	s := Default()
	s.Ask, s.Connector, s.Sockets, s.Wait = askOn, connectorOff, map[string]string{"docker": path}, wait
	s.Procfs, s.DockerRoot = plugin.Text{}, plugin.Text{}
	tr, err := New(&s, plugin.Env{Now: time.Now, Meter: &meter.Registry{}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tr.Close() })
	return tr.(*Transform), f
}

// TestTheEnginesWordReachesEvents has a container that the engine knows, one
// that it comes to know, and one whose name changes.
func TestTheEnginesWordReachesEvents(t *testing.T) {
	tr, f := listening(t, 0)
	stage := tr.Lane("x")
	pass := func(id string) event.Fields {
		var in, out event.Batch
		e := in.Add(event.Event{Dataset: schemaDatasetOfAnother, Time: time.Now()})
		e.Fields.AddString(schema.ContainerID, id)
		if err := stage.Apply(context.Background(), &in, &out); err != nil {
			t.Fatal(err)
		}
		return out.Events[0].Fields
	}
	if got := pass(idA); got.Get(schema.ContainerName).Str() != "web" || got.Get(schema.ContainerRuntime).Str() != "docker" ||
		got.Get(schema.ContainerImageTag).Str() != "1" || got.Get(schema.ContainerID).Str() != idA {
		t.Errorf("the first event of all: %v", got)
	}
	if got := pass(idA[:12]); got.Get(schema.ContainerName).Str() != "web" || got.Get(schema.ContainerID).Str() != idA[:12] {
		t.Errorf("by the short id: %v", got)
	}
	if got := pass(idB); !got.Get(schema.ContainerName).IsZero() {
		t.Errorf("what nobody knows: %v", got)
	}
	store := tr.lore.store
	in := <-f.streams
	later := func(id, name string) {
		f.name(id, name)
		in <- fmt.Sprintf(`{"Type":"container","Action":"rename","Actor":{"ID":%q}}`, id)
		for {
			turned := store.Changed()
			if c := store.Lookup(id); c != nil && c.Name == name {
				break
			}
			<-turned
		}
		if got := pass(id); got.Get(schema.ContainerName).Str() != name {
			t.Errorf("want %q: %v", name, got)
		}
	}
	later(idB, "late")
	later(idA, "web2")
}

// TestAContainerIsIntroduced has events in containers that no event of the
// engine told of.
func TestAContainerIsIntroduced(t *testing.T) {
	tr, f := listening(t, 10*time.Second)
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.listen(t.Context())
	s := &stage{t: tr}
	in := func(id string, rooted bool, at time.Time) *container {
		c := tr.reg.get(id)
		c.rooted = rooted
		s.todo = append(s.todo[:0], pending{answer: answer{in: c}, seen: seen{t: at.UnixNano()}})
		return c
	}
	f.name(idB, "asked for")
	c := in(idB, true, time.Now())
	if s.introduce(t.Context()); c.known.name != "asked for" {
		t.Errorf("known as %q", c.known.name)
	}
	tr.set.Wait = time.Millisecond
	id := func(n int) string { return fmt.Sprintf("%064x", n) }
	c = in(id(1), false, time.Now())
	if s.introduce(t.Context()); c.met != 0 {
		t.Error("a user's container is waited for")
	}
	c = in(id(2), true, time.Now().Add(-time.Minute))
	if s.introduce(t.Context()); c.met != 0 {
		t.Error("an event of before is waited for")
	}
	c = in(id(3), true, time.Now())
	if s.introduce(t.Context()); c.met == 0 || tr.lore.rest == 0 {
		t.Error("one that the engine does not know is not waited for")
	}
	c = in(id(4), true, time.Now())
	if s.introduce(t.Context()); c.met != 0 {
		t.Error("another is waited for at once")
	}
}

// schemaDatasetOfAnother is that of an input that names containers itself.
const schemaDatasetOfAnother = "docker.logs"

// TestWhatAPodBecomes holds every field of a pod and of a workload.
func TestWhatAPodBecomes(t *testing.T) {
	pod := &runtimes.Pod{Namespace: "shop", Name: "api-1", UID: "u1", Node: "n1", ServiceAccount: "sa", IPs: []string{"10.0.0.7", "no address"},
		Labels: map[string]string{"app": "api"}, Annotations: map[string]string{"team": "blue"}, Owner: runtimes.Owner{Kind: "Deployment", Name: "api"}}
	cron := *pod
	cron.Owner = runtimes.Owner{Kind: "CronJob", Name: "nightly"}
	for _, c := range []struct {
		what       string
		x          runtimes.Container
		kubernetes bool
		want       string
	}{
		{"a Deployment's", runtimes.Container{Name: "api", Runtime: "containerd", Pod: pod}, true,
			"container.id=" + idA + " container.name=api container.runtime=containerd orchestrator.type=kubernetes orchestrator.namespace=shop " +
				"orchestrator.resource.type=pod orchestrator.resource.name=api-1 orchestrator.resource.id=u1 orchestrator.resource.ip=10.0.0.7 " +
				"orchestrator.resource.parent.type=deployment kubernetes.namespace=shop kubernetes.pod.name=api-1 kubernetes.pod.uid=u1 " +
				"kubernetes.container.name=api kubernetes.node.name=n1 kubernetes.deployment.name=api kubernetes.service_account=sa kubernetes.labels.app=api labels.team=blue"},
		{"a CronJob's sandbox", runtimes.Container{Name: "api-1", Sandbox: true, Pod: &cron}, true,
			"container.id=" + idA + " container.name=api-1 orchestrator.type=kubernetes orchestrator.namespace=shop " +
				"orchestrator.resource.type=pod orchestrator.resource.name=api-1 orchestrator.resource.id=u1 orchestrator.resource.ip=10.0.0.7 " +
				"orchestrator.resource.parent.type=cronjob kubernetes.namespace=shop kubernetes.pod.name=api-1 kubernetes.pod.uid=u1 " +
				"kubernetes.node.name=n1 labels.owner=nightly kubernetes.service_account=sa kubernetes.labels.app=api labels.team=blue"},
		{"kubernetes: off", runtimes.Container{Name: "api", Pod: pod}, false, "container.id=" + idA + " container.name=api"},
		{"an ECS task's", runtimes.Container{Image: "x", ImageID: "sha256:1", ImageRef: "sha256:1", ImageTag: "2", Workload: &runtimes.Workload{Type: "ecs", Cluster: "prod", ResourceType: "task", Name: "api", ID: "arn"}}, true,
			"container.id=" + idA + " container.image.name=x container.image.tag=2 container.image.hash.all=sha256:1 orchestrator.type=ecs " +
				"orchestrator.cluster.name=prod orchestrator.resource.type=task orchestrator.resource.name=api orchestrator.resource.id=arn"},
	} {
		r := &registry{kubernetes: c.kubernetes}
		held := &container{id: idA}
		r.hear(held, &c.x)
		if got := words(held.fields); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.what, got, c.want)
		}
		if !held.rooted {
			t.Errorf("%s: root's engine told of it", c.what)
		}
	}
}

func words(f event.Fields) string {
	var out []string
	for i := range f {
		name := f[i].Key.String()
		if f[i].Name() != "" {
			name += "." + f[i].Name()
		}
		out = append(out, name+"="+string(f[i].Value().Append(nil)))
	}
	return strings.Join(out, " ")
}

// TestAUsersEngine is not believed of a container that root runs.
func TestAUsersEngine(t *testing.T) {
	tr := &Transform{reg: &registry{byID: map[string]*container{}, max: 10}}
	w, err := runtimes.Start(runtimes.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	tr.lore.store = w.Store()
	c := tr.reg.get(idA)
	c.rooted = true
	tr.consult(c)
	if c.known.told != nil || c.heard == 0 {
		t.Errorf("%+v", c)
	}
	c = &container{id: idB}
	tr.reg.hear(c, &runtimes.Container{ID: idB, Name: "mine", UserUID: 1000})
	if c.rooted || c.known.name != "mine" {
		t.Errorf("%+v", c)
	}
}

func TestContextSettings(t *testing.T) {
	for what, set := range map[string]func(*Settings){
		"ask":            func(s *Settings) { s.Ask = "perhaps" },
		"sockets":        func(s *Settings) { s.Sockets = map[string]string{"dokcer": "/x"} },
		"kubernetes_api": func(s *Settings) { s.API = &KubernetesAPI{URL: "http://10.96.0.1"} },
	} {
		s := Default()
		set(&s)
		if p := s.Check(); len(p) != 1 || p[0].Key != what {
			t.Errorf("%s: %v", what, p)
		}
	}
	s := Default()
	s.API = &KubernetesAPI{URL: "https://10.96.0.1", Node: "n1", TokenFile: plugin.Text{Value: "token"}}
	if k := s.kube("/etc/tallyman"); k == nil || k.Node != "n1" || k.TokenFile != "/etc/tallyman/token" || k.Check() != nil {
		t.Errorf("%+v", k)
	}
	s.Kubernetes = "off"
	if k := s.kube(""); k != nil {
		t.Errorf("%+v", k)
	}
}

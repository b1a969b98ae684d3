package container

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// folder writes files and returns where.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		b := []byte(text)
		if strings.HasSuffix(name, ".gz") && text != "" {
			var z bytes.Buffer
			w := gzip.NewWriter(&z)
			if _, err := w.Write(b); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			b = z.Bytes()
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func at(name string) plugin.Text {
	return plugin.Text{Value: name, Pos: plugin.Pos{File: "tallyman.yaml", Line: 7, Col: 3}}
}

func TestOfflineFilesAreRefusedWithTheirPlace(t *testing.T) {
	dir := folder(t, map[string]string{
		"half.jsonl":  "{\"Type\":\"container\",\"Action\":\"create\",\"Actor\":{\"ID\":\"A\"}}\n\n{\"Type\": oops}\n",
		"type.jsonl":  "{\"Type\":\"container\",\"Actor\":7}\n",
		"kind.jsonl":  "{\"t\":1,\"k\":\"fork\",\"pid\":2,\"ppid\":1}\n{\"t\":1,\"k\":\"spoon\",\"pid\":2}\n",
		"nopid.jsonl": "{\"t\":1,\"k\":\"fork\"}\n",
		"cut.json":    "[\n {\"Id\": \"A\",\n",
		"id.json":     "[\n {\"Id\": \"A\"},\n {\"Name\": \"x\"}]",
		"wrong.json":  "[\n {\"Id\": 5}]",
		"bad.gz":      "",
	})
	if err := os.WriteFile(filepath.Join(dir, "bad.gz"), []byte{0x1f, 0x8b, 1, 2, 3}, 0o600); err != nil {
		t.Fatal(err)
	}
	p := func(name string) string { return filepath.Join(dir, name) }
	for name, c := range map[string]struct {
		off  Offline
		want string // begins so, or holds " … " parts in order
	}{
		"missing events":    {Offline{Events: []plugin.Text{at("none.jsonl")}}, "tallyman.yaml:7:3: no such file: " + p("none.jsonl")},
		"missing inspect":   {Offline{Inspect: []plugin.Text{at("none.json")}}, "tallyman.yaml:7:3: no such file: " + p("none.json")},
		"missing timeline":  {Offline{Timeline: at("none.gz")}, "tallyman.yaml:7:3: no such file: " + p("none.gz")},
		"a broken line":     {Offline{Events: []plugin.Text{at("half.jsonl")}}, p("half.jsonl") + ":3:10: invalid character"},
		"a wrong type":      {Offline{Events: []plugin.Text{at("type.jsonl")}}, p("type.jsonl") + ":1:"},
		"an unknown kind":   {Offline{Timeline: at("kind.jsonl")}, p("kind.jsonl") + ":2:1: unknown kind of timeline entry \"spoon\""},
		"an entry lacks":    {Offline{Timeline: at("nopid.jsonl")}, p("nopid.jsonl") + ":1:1: a timeline entry needs t and pid"},
		"a cut inspect":     {Offline{Inspect: []plugin.Text{at("cut.json")}}, p("cut.json") + ":"},
		"an id lacks":       {Offline{Inspect: []plugin.Text{at("id.json")}}, p("id.json") + ":1:1: an inspected container has no id"},
		"a wrong id":        {Offline{Inspect: []plugin.Text{at("wrong.json")}}, p("wrong.json") + ":2:"},
		"damaged gzip":      {Offline{Timeline: at("bad.gz")}, "tallyman.yaml:7:3: " + p("bad.gz") + ": gzip:"},
		"a folder for once": {Offline{Inspect: []plugin.Text{at(".")}}, "tallyman.yaml:7:3: "},
	} {
		s := Default()
		s.Offline = &c.off
		_, err := New(&s, plugin.Env{Dir: dir})
		var bad plugin.Problems
		if !errors.As(err, &bad) || len(bad) != 1 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := bad[0].String(); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

func TestSettingsAreChecked(t *testing.T) {
	s := Default()
	s.Runtimes, s.Kubernetes, s.MaxProcesses = []string{"docker", "cri-o"}, "on", 3
	if p := s.Check(); len(p) != 3 || !p.Bad() {
		t.Errorf("%v", p)
	}
	if _, err := New(&s, plugin.Env{}); err == nil {
		t.Error("settings that Check refuses were built")
	}
	s = Default()
	if p := s.Check(); len(p) != 0 {
		t.Errorf("the defaults: %v", p)
	}
	s.Runtimes = nil
	if p := s.Check(); !p.Bad() {
		t.Error("no runtime at all was accepted")
	}
}

// TestInspectNamesContainersAndProcesses reads the three shapes of inspect.
func TestInspectNamesContainersAndProcesses(t *testing.T) {
	const started = `"2026-11-21T03:31:38.5Z"`
	dir := folder(t, map[string]string{
		"docker.json": `[{"Id":"` + idA + `","Name":"/web","Image":"sha256:` + idB + `","State":{"Pid":30,"StartedAt":` + started + `,"FinishedAt":"0001-01-01T00:00:00Z"},
			"HostConfig":{"Privileged":true},"Config":{"Image":"shop/api@sha256:` + idA + `","Labels":{"com.docker.swarm.service.name":"api","com.docker.stack.namespace":"shop"}}}]`,
		"podman.json.gz": `[{"Id":"` + idB + `","Name":"db","Image":"` + idA + `","ImageDigest":"sha256:` + idB + `","ImageName":"localhost/db:9","OCIRuntime":"crun",
			"State":{"Pid":40,"ConmonPid":39,"StartedAt":` + started + `},"Config":{"Labels":null}}]`,
		"cri.json": `{"status":{"id":"` + strings.Repeat("5", 64) + `","metadata":{"name":"api"},"startedAt":` + started + `,"image":{"image":"registry.k8s.io/api:v2"},
			"imageRef":"registry.k8s.io/api@sha256:` + idA + `","labels":{"io.kubernetes.pod.name":"api-7d9f-x2","io.kubernetes.pod.namespace":"shop",
			"io.kubernetes.pod.uid":"` + uid + `","io.kubernetes.container.name":"api"}},"info":{"pid":50}}` + "\n" + `{"status":{"id":"second"},"info":{}}`,
		"events.jsonl": `{"Type":"network","Action":"connect","Actor":{"ID":"n"},"timeNano":1}` + "\n" +
			`{"Type":"container","Action":"die","Actor":{"ID":"` + idA + `","Attributes":{"name":"web","image":"shop/api","exitCode":"0"}},"timeNano":1795231900000000000}`,
	})
	for kubernetes, want := range map[string]string{"auto": "kubernetes shop pod api-7d9f-x2 " + uid + " api", "off": "     "} {
		s := Default()
		s.Kubernetes = kubernetes
		s.Offline = &Offline{Inspect: []plugin.Text{at("docker.json"), at("podman.json.gz"), at("cri.json")}, Events: []plugin.Text{at("events.jsonl")}}
		tr, err := New(&s, plugin.Env{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		out := run(t, tr, []capturedEvent{tell(t, "at 600: 30 of 10 openat"), tell(t, "at 600: 40 of 39 openat"), tell(t, "at 600: 50 of 11 openat"),
			tell(t, "at 610: 51 of 50 openat"), tell(t, "at 400: 50 of 12 openat"), tell(t, "at 2100: 30 of 10 openat")}, 10)
		var got []string
		for i := range out {
			got = append(got, told(&out[i]))
		}
		if s := strings.Join(got, ", "); s != "4c07 inspect exact, eaca inspect exact, 5555 inspect exact, 5555 inspect high,  none unknown,  none unknown" {
			t.Error(s)
		}
		line := func(i int, keys ...schema.Key) string {
			var w []string
			for _, k := range keys {
				w = append(w, out[i].Fields.Get(k).Str())
			}
			return strings.Join(w, " ")
		}
		if s := line(2, schema.OrchestratorType, schema.OrchestratorNamespace, schema.OrchestratorResourceType, schema.KubernetesPodName, schema.KubernetesPodUID,
			schema.KubernetesContainerName); s != want {
			t.Errorf("kubernetes %s: %q", kubernetes, s)
		}
		if s := line(0, schema.ContainerName, schema.ContainerRuntime, schema.ContainerImageName, schema.ContainerImageHashAll, schema.OrchestratorType,
			schema.OrchestratorResourceName); s != "web docker shop/api sha256:"+idA+" swarm api" {
			t.Error(s)
		}
		if v := out[0].Fields.Get(schema.ContainerSecurityContextPrivileged); !v.True() {
			t.Error("privileged is lost")
		}
		if s := line(1, schema.ContainerName, schema.ContainerRuntime, schema.ContainerImageName, schema.ContainerImageTag, schema.ContainerImageRegistry); s != "db podman localhost/db 9 localhost" {
			t.Error(s)
		}
	}
}

func TestEventsNameContainers(t *testing.T) {
	dir := folder(t, map[string]string{"docker.jsonl": `{"status":"create","id":"` + fullID("A") + `","from":"app:1","Type":"container","Action":"create","Actor":{"ID":"` + fullID("A") + `","Attributes":{"image":"app:1","name":"web","tier":"front"}},"time":1795231896,"timeNano":1795231896299425843}`,
		"podman.jsonl": `{"ID":"` + fullID("B") + `","Image":"db:2","Name":"db","Status":"create","Time":"2026-11-21T03:31:38.138959622Z","Type":"container","Attributes":{"tier":"back"}}`})
	s := Default()
	s.Offline = &Offline{Events: []plugin.Text{at("docker.jsonl"), at("podman.jsonl")}}
	tr, err := New(&s, plugin.Env{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	out := run(t, tr, []capturedEvent{tell(t, create), tell(t, setsid)}, 10)
	f := out[1].Fields
	if got := f.Get(schema.ContainerName).Str() + " " + f.Get(schema.ContainerImageName).Str() + " " + f.GetNamed(schema.ContainerLabels, "tier").Str(); got != "web app front" {
		t.Error(got)
	}
	if b := tr.(*Transform).reg.byID[fullID("B")]; b == nil || b.known.name != "db" || b.known.runtime != "podman" || b.known.labels["tier"] != "back" {
		t.Errorf("%+v", b)
	}
}

func FuzzTimelineLine(f *testing.F) {
	f.Add([]byte(`{"t":1,"k":"fork","pid":2,"ppid":1}`))
	f.Add([]byte(`{"t":1,"k":"attach","pid":2,"cg":"/docker/` + idA + `"}`))
	reg := &registry{byID: map[string]*container{}, max: 10, runtimes: map[string]bool{"docker": true}}
	f.Fuzz(func(t *testing.T, line []byte) {
		h := newHistory()
		h.begin(1, 1, 0, state{host: true})
		if err := h.line(line, reg); err != nil {
			return
		}
		for pid := range h.spans {
			if a := h.answer(pid, 0, 2); a.in != nil && a.host {
				t.Fatalf("%q: %+v", line, a)
			}
		}
	})
}

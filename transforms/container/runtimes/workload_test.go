package runtimes

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWorkload(t *testing.T) {
	for _, c := range []struct {
		what               string
		labels, image, env map[string]string
		want               *Workload
	}{
		{"none", map[string]string{"team": "blue"}, nil, nil, nil},
		{"compose", map[string]string{composeProject: "shop", composeService: "api"}, nil, nil,
			&Workload{Type: "compose", Namespace: "shop", ResourceType: "service", Name: "api"}},
		{"compose labels the images that it builds", map[string]string{composeProject: "shop", composeService: "api"}, map[string]string{composeProject: "shop"}, nil,
			&Workload{Type: "compose", Namespace: "shop", ResourceType: "service", Name: "api"}},
		{"swarm", map[string]string{swarmStack: "shop", swarmService: "shop_api", swarmTask: "t1", swarmNode: "n1"}, nil, nil,
			&Workload{Type: "swarm", Namespace: "shop", ResourceType: "service", Name: "shop_api", ID: "t1", Node: "n1"}},
		{"ecs", map[string]string{ecsTask: "arn:aws:ecs:eu-west-1:1:task/prod/ab", ecsCluster: "prod", ecsContainer: "api", ecsFamily: "shop", ecsVersion: "7"}, nil, nil,
			&Workload{Type: "ecs", Cluster: "prod", ResourceType: "task", Name: "api", ID: "arn:aws:ecs:eu-west-1:1:task/prod/ab", Parent: "shop:7"}},
		{"ecs by the image alone", map[string]string{ecsTask: "arn"}, map[string]string{ecsTask: "arn"}, nil, nil},
		{"ecs over the image's", map[string]string{ecsTask: "arn"}, map[string]string{ecsTask: "another"}, nil,
			&Workload{Type: "ecs", ResourceType: "task", ID: "arn"}},
		{"nomad", map[string]string{nomadAlloc: "a1"}, nil, map[string]string{"NOMAD_JOB_NAME": "shop", "NOMAD_GROUP_NAME": "web", "NOMAD_TASK_NAME": "api", "NOMAD_NAMESPACE": "default"},
			&Workload{Type: "nomad", Namespace: "default", ResourceType: "allocation", Name: "api", ID: "a1", Parent: "shop/web"}},
		{"nomad with all labels", map[string]string{nomadAlloc: "a1", nomadJob: "shop", nomadGroup: "web", nomadTask: "api", nomadNamespace: "eu", nomadNode: "n"}, nil, nil,
			&Workload{Type: "nomad", Namespace: "eu", ResourceType: "allocation", Name: "api", ID: "a1", Parent: "shop/web", Node: "n"}},
		{"nomad's variables alone", nil, nil, map[string]string{"NOMAD_JOB_NAME": "shop"}, nil},
	} {
		if diff := cmp.Diff(c.want, workload(c.labels, c.image, c.env)); diff != "" {
			t.Errorf("%s: %s", c.what, diff)
		}
	}
}

func TestImages(t *testing.T) {
	hex := strings.Repeat("ab", 32)
	for _, c := range []struct{ ref, name, tag, digest, id string }{
		{"nginx", "nginx", "", "", ""},
		{"nginx:1.27", "nginx", "1.27", "", ""},
		{"reg:5000/a/b", "reg:5000/a/b", "", "", ""},
		{"reg:5000/a/b:1@sha256:dd", "reg:5000/a/b", "1", "sha256:dd", ""},
		{"sha256:" + hex, "", "", "", "sha256:" + hex},
		{hex, "", "", "", "sha256:" + hex},
		{"", "", "", "", ""},
	} {
		var x Container
		x.setImage(c.ref)
		if x.Image != c.name || x.ImageTag != c.tag || x.ImageDigest != c.digest || x.ImageID != c.id {
			t.Errorf("%q: %+v", c.ref, x)
		}
	}
	if d := digestOf([]string{"docker.io/library/nginx@sha256:1", "x@sha256:2"}, "nginx"); d != "sha256:1" {
		t.Errorf("%q", d)
	}
}

// FuzzEngineEvents reads what an engine may send as events.
func FuzzEngineEvents(f *testing.F) {
	b, _ := json.Marshal(event("destroy", far(1), map[string]string{"name": "x"}))
	f.Add(append(b, b...))
	f.Add([]byte(`{"Type":"container","Action":"create","Actor":{"ID":"../x"}}{"Type":1}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		s, c := testStore(8)
		e := newEngine((&Options{Now: c.now}).runner(s, Docker, "", true), "")
		if err := e.read(t.Context(), bytes.NewReader(in)); err == nil {
			t.Error("the end of a stream is no error")
		}
		s.Each(func(c *Container) {
			if !isID(c.ID) || len(c.Name) > maxName || len(c.Labels) > maxLabels {
				t.Errorf("%+v", c)
			}
		})
		if len(s.byID) > 8 {
			t.Errorf("%d containers are kept, and the most is 8", len(s.byID))
		}
	})
}

// FuzzPods reads what a server may send as a list of pods, and as a watch.
func FuzzPods(f *testing.F) {
	b, _ := json.Marshal(map[string]any{"metadata": map[string]string{"resourceVersion": "1"}, "items": []any{aPod("a", "u", far(1))}})
	f.Add(b)
	f.Add([]byte(line("ADDED", aPod("a", "u", far(1)))))
	f.Add([]byte(`{"items":null,"metadata":{"continue":"x"}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		s, c := testStore(8)
		k, err := newKube((&Options{Now: c.now}).runner(s, kubernetes, "", true), &Kube{Node: "n", URL: "https://x"})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = eachPod(bytes.NewReader(in), k.tell)
		var w watched
		version := ""
		if json.Unmarshal(in, &w) == nil {
			_ = k.take(&w, &version)
		}
		for uid := range k.ids {
			k.lose(uid)
		}
		s.Each(func(c *Container) {
			if c.Gone.IsZero() || !isID(c.ID) {
				t.Errorf("all pods are gone, and not %+v", c)
			}
		})
	})
}

// FuzzPodmanList reads what a user may write as a list of containers.
func FuzzPodmanList(f *testing.F) {
	f.Add(`[{"id":"` + far(1) + `","names":["a"],"image":"x","metadata":"{\"name\":\"a\"}"}]`)
	f.Fuzz(func(t *testing.T, text string) {
		p := newPodmanHome(t)
		p.write(p.dir+"/overlay-containers/containers.json", text)
		s := p.source(1000)
		root, err := os.OpenRoot(p.dir)
		if err != nil {
			t.Fatal(err)
		}
		_ = s.look(root)
		_ = root.Close()
		s.store.Each(func(c *Container) {
			if !isID(c.ID) || c.UserUID != 1000 {
				t.Errorf("%+v", c)
			}
		})
	})
}

package container

import (
	"fmt"
	"testing"

	"tallyman/pipeline/schema"
)

func TestImageReferences(t *testing.T) {
	for ref, want := range map[string]image{
		"nginx":                            {name: "nginx"},
		"nginx:1.27":                       {name: "nginx", tag: "1.27"},
		"library/nginx:1.27":               {name: "library/nginx", tag: "1.27"},
		"localhost/db:9":                   {name: "localhost/db", tag: "9", registry: "localhost"},
		"registry.example:5000/shop/api":   {name: "registry.example:5000/shop/api", registry: "registry.example:5000"},
		"registry.example/a/b:1@sha256:ab": {name: "registry.example/a/b", tag: "1", registry: "registry.example", digest: "sha256:ab"},
		"sha256:" + idA:                    {digest: "sha256:" + idA},
		idA:                                {digest: "sha256:" + idA},
		"":                                 {},
	} {
		if got := parseImage(ref); got != want {
			t.Errorf("%s: %+v, want %+v", ref, got, want)
		}
	}
}

func TestWhatWasLearntFirstStays(t *testing.T) {
	c := &container{id: idA}
	no := false
	c.learn(facts{name: "web", labels: map[string]string{"a": "1"}}, true)
	c.learn(facts{name: "other", runtime: "docker", image: "app:2", privileged: &no, labels: map[string]string{"a": "2"}, pod: uid}, true)
	for k, want := range map[schema.Key]string{schema.ContainerName: "web", schema.ContainerRuntime: "docker", schema.ContainerImageName: "app",
		schema.ContainerImageTag: "2", schema.OrchestratorType: "kubernetes", schema.OrchestratorResourceID: uid, schema.KubernetesPodUID: uid} {
		if got := c.fields.Get(k).Str(); got != want {
			t.Errorf("%s is %q, want %q", k, got, want)
		}
	}
	if got := c.fields.GetNamed(schema.ContainerLabels, "a").Str(); got != "1" {
		t.Errorf("the label is %q", got)
	}
	if v := c.fields.Get(schema.ContainerSecurityContextPrivileged); v.IsZero() || v.True() {
		t.Errorf("privileged is %v", v)
	}
}

func TestContainersAreBounded(t *testing.T) {
	r := &registry{byID: map[string]*container{}, max: 64, runtimes: map[string]bool{"docker": true}}
	r.get("from a file").bound = true
	for i := range 1000 {
		r.get(fmt.Sprint("c", i)).used = int64(i + 1)
	}
	if len(r.byID) > 64 || r.byID["from a file"] == nil || r.byID["c999"] == nil || r.byID["c10"] != nil {
		t.Errorf("%d containers are kept", len(r.byID))
	}
}

package runtimes

import (
	"bytes"
	"errors"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// asking is one right: a verb on a resource of a group.
type asking struct{ group, resource, verb string }

// rights reads what a manifest allows.
func rights(t *testing.T, path string) map[asking]bool {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out := map[asking]bool{}
	for dec := yaml.NewDecoder(bytes.NewReader(b)); ; {
		var o struct {
			Kind  string
			Rules []struct {
				Groups    []string `yaml:"apiGroups"`
				Resources []string
				Verbs     []string
			}
		}
		if err := dec.Decode(&o); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		for _, r := range o.Rules {
			for _, g := range r.Groups {
				for _, res := range r.Resources {
					for _, v := range r.Verbs {
						out[asking{g, res, v}] = true
					}
				}
			}
		}
	}
}

// rightOf returns the right that a request takes.
func rightOf(t *testing.T, request string) asking {
	t.Helper()
	u, err := url.Parse(request)
	if err != nil {
		t.Fatal(err)
	}
	p := strings.Split(strings.Trim(u.Path, "/"), "/")
	a := asking{verb: "list"}
	if p[0] == "apis" {
		a.group, p = p[1], p[1:]
	}
	if p = p[2:]; p[0] == "namespaces" {
		a.verb, p = "get", p[2:]
	}
	if a.resource = p[0]; u.Query().Get("watch") != "" {
		a.verb = "watch"
	}
	return a
}

// TestTheManifestAllowsWhatIsAsked holds configs/deploy/kubernetes/rbac.yaml
// against the requests that are made: all are allowed, and nothing else is.
func TestTheManifestAllowsWhatIsAsked(t *testing.T) {
	f := newFakeKube(t)
	f.deployment()
	job := aPod("nightly-1", "u2", far(2))
	job["metadata"].(map[string]any)["ownerReferences"] = []map[string]any{{"apiVersion": "batch/v1", "kind": "Job", "name": "nightly-28", "uid": "job", "controller": true}}
	f.do(func() {
		f.pods = append(f.pods, aPod("api-1", "u1", far(1)), job)
		f.objects["/apis/batch/v1/namespaces/shop/jobs/nightly-28"] = map[string]any{"metadata": map[string]any{"name": "nightly-28", "uid": "job",
			"ownerReferences": []map[string]any{{"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": "cron", "controller": true}}}}
	})
	w := kubeAt(t, f)
	w.until("a CronJob's pod", far(2), func(c *Container) bool { return c.Pod.Owner == (Owner{"CronJob", "nightly", "cron"}) })
	w.until("a Deployment's pod", far(1), func(c *Container) bool { return c.Pod.Owner.Kind == "Deployment" })
	<-f.watches
	allowed := rights(t, "../../../configs/deploy/kubernetes/rbac.yaml")
	asked := map[asking]bool{}
	for _, p := range f.paths() {
		asked[rightOf(t, p)] = true
	}
	for a := range asked {
		if !allowed[a] {
			t.Errorf("%+v is asked for and not allowed", a)
		}
	}
	for a := range allowed {
		if !asked[a] {
			t.Errorf("%+v is allowed and not asked for", a)
		}
		if slices.Contains([]string{"*", "create", "update", "patch", "delete", "impersonate"}, a.verb) || a.resource == "secrets" {
			t.Errorf("%+v is more than looking", a)
		}
	}
}

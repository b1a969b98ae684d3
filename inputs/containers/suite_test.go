package containers

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

var id = strings.Repeat("0123456789abcdef", 4)

func settings(t testing.TB, dir, pattern string) *Settings {
	t.Helper()
	s, ok := Plugin.Settings().(*Settings)
	if !ok {
		t.Fatal("the settings are another type")
	}
	s.Path = []plugin.Text{{Value: filepath.Join(dir, pattern)}}
	return s
}

// layouts are the folders of the runtimes.
var layouts = []struct{ name, pattern, file string }{
	{"docker", "*/*-json.log", id + "/" + id + "-json.log"},
	{"pods", "*/*/*.log", "shop_api-7d9f_3f1c7d0e-6d5b-4b3e-9a51-0d7a3c1e2f40/api/0.log"},
}

// TestConformance: the input passes the suite in each layout.
func TestConformance(t *testing.T) {
	for _, l := range layouts {
		t.Run(l.name, func(t *testing.T) {
			plugintest.Input(t, plugintest.InputSuite{
				Plugin: Plugin, Golden: "testdata/" + l.name,
				Settings: func(t testing.TB, dir string) any { return settings(t, dir, l.pattern) },
				Refused: func(t testing.TB) any {
					s := settings(t, "x", "y")
					s.Format = "xml"
					return s
				},
				Append: func(t testing.TB, dir string, content []byte) { add(t, filepath.Join(dir, l.file), string(content)) },
				Vanish: func(t testing.TB, dir string) {
					t.Helper()
					if err := os.RemoveAll(filepath.Join(dir, strings.Split(l.file, "/")[0])); err != nil {
						t.Fatal(err)
					}
				},
			})
		})
	}
}

// add appends to a file and makes its folder.
func add(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestSettingsAreChecked: each mistake is named by its key.
func TestSettingsAreChecked(t *testing.T) {
	for name, change := range map[string]func(*Settings){
		"format":   func(s *Settings) { s.Format = "json" },
		"max_line": func(s *Settings) { s.MaxLine = 10 },
		"open":     func(s *Settings) { s.Open = 0 },
		"files":    func(s *Settings) { s.Files = 0 },
	} {
		s := settings(t, "/logs", "*")
		if p := s.Check(); len(p) > 0 {
			t.Fatalf("sound settings: %v", p)
		}
		change(s)
		if p := s.Check(); len(p) != 1 || p[0].Key != name {
			t.Errorf("%s: %v", name, p)
		}
	}
}

// TestPaths: what each form of a path tells.
func TestPaths(t *testing.T) {
	for _, c := range []struct{ name, path, want string }{
		{"docker", "/var/lib/docker/containers/" + id + "/" + id + "-json.log", `container.id=` + id + ` container.runtime=docker`},
		{"another folder", "/var/lib/docker/containers/" + id[1:] + "0/" + id + "-json.log", ""},
		{"pod", "/var/log/pods/kube-system_etcd-node-7_9f2c/etcd/12.log", "orchestrator.type=kubernetes orchestrator.namespace=kube-system " +
			"orchestrator.resource.type=pod orchestrator.resource.name=etcd-node-7 orchestrator.resource.id=9f2c " +
			"kubernetes.namespace=kube-system kubernetes.pod.name=etcd-node-7 kubernetes.pod.uid=9f2c kubernetes.container.name=etcd"},
		{"link", "/var/log/containers/api-7d9f_shop_web-server-" + id + ".log", "container.id=" + id + " orchestrator.type=kubernetes " +
			"orchestrator.namespace=shop orchestrator.resource.type=pod orchestrator.resource.name=api-7d9f " +
			"kubernetes.namespace=shop kubernetes.pod.name=api-7d9f kubernetes.container.name=web-server"},
		{"none of these", "/var/log/app/x.log", ""},
		{"two parts", "/var/log/pods/a_b/c/0.log", ""},
		{"empty part", "/var/log/pods/a__c/d/0.log", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, f := range fields(c.path) {
				got = append(got, f.Key.String()+"="+f.Str())
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("%q, want %q", s, c.want)
			}
		})
	}
}

// TestLinksOfTheKubelet: a pod's log has the id that its link names, and the link
// the uid of the pod that it leads to; a link that leads elsewhere tells nothing.
func TestLinksOfTheKubelet(t *testing.T) {
	root := t.TempDir()
	log := filepath.Join(root, "pods", "shop_api-7d9f_3f1c7d0e", "api", "1.log")
	add(t, log, "x\n")
	old, other := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	for id, to := range map[string]string{id: log, old: filepath.Join(filepath.Dir(log), "0.log"), other: "/var/log/elsewhere.log"} {
		link := filepath.Join(root, "containers", "api-7d9f_shop_api-"+id+".log")
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ name, path, id, uid string }{
		{"file", log, id, "3f1c7d0e"},
		{"file without a link", filepath.Join(filepath.Dir(log), "2.log"), "", "3f1c7d0e"},
		{"link", filepath.Join(root, "containers", "api-7d9f_shop_api-"+id+".log"), id, "3f1c7d0e"},
		{"link elsewhere", filepath.Join(root, "containers", "api-7d9f_shop_api-"+other+".log"), other, ""},
	} {
		f := fields(c.path)
		if got, uid := f.Get(schema.ContainerID).Str(), f.Get(schema.KubernetesPodUID).Str(); got != c.id || uid != c.uid {
			t.Errorf("%s: id %q, uid %q; want %q, %q", c.name, got, uid, c.id, c.uid)
		}
	}
}

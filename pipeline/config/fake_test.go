package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// fileSettings are the settings of the input of the tests.
type fileSettings struct {
	Path   string        `yaml:"path" doc:"The log file to follow." example:"/var/log/audit/audit.log" required:"true"`
	Decode string        `yaml:"decode" doc:"What the lines hold." enum:"audit,plain"`
	Poll   time.Duration `yaml:"poll" doc:"How long a look at the file may wait."`
	Skip   []string      `yaml:"skip" doc:"Names that are not followed."`
}

type tlsSettings struct {
	Cert plugin.Text `yaml:"cert" doc:"A PEM file." required:"true"`
	Min  string      `yaml:"min_version" doc:"The oldest version." enum:"1.2,1.3"`
}

type batchSettings struct {
	Bytes plugin.Size `yaml:"bytes" doc:"The most bytes of a request."`
	Count int         `yaml:"count" doc:"The most events of a request."`
}

type routeSettings struct {
	Index string      `yaml:"index" doc:"Where to." required:"true"`
	If    plugin.Text `yaml:"if" doc:"The events that go there." example:"event.severity >= 6" verbatim:"true"`
}

// hecSettings are the settings of the output of the tests: a field of every type.
type hecSettings struct {
	URL      plugin.Text              `yaml:"url" doc:"Where the receiver is." example:"https://hec:8088" required:"true"`
	Token    plugin.Secret            `yaml:"token" doc:"What the receiver asks for."`
	Ack      bool                     `yaml:"ack" doc:"Wait until the receiver says it has the events."`
	Batch    batchSettings            `yaml:"batch" doc:"How large a request is."`
	TLS      *tlsSettings             `yaml:"tls" doc:"Certificates."`
	Headers  map[string]string        `yaml:"headers" doc:"Lines of the request | for others."`
	Routes   []routeSettings          `yaml:"routes" doc:"Indexes by content."`
	Tenants  map[string]routeSettings `yaml:"tenants" doc:"Routes by name."`
	Also     []plugin.Text            `yaml:"also" doc:"More receivers."`
	Ratio    float64                  `yaml:"ratio" doc:"How many of them."`
	Limit    uint64                   `yaml:"limit" doc:"The most requests, 0 for no bound."`
	Offset   int64                    `yaml:"offset" doc:"Where to start."`
	internal int
}

// Check implements the check of settings.
func (h *hecSettings) Check() plugin.Problems {
	switch {
	case h.internal != 0:
		return plugin.Problems{{Text: "the program is broken"}}
	case !strings.HasPrefix(h.URL.Value, "https://"):
		return plugin.Problems{{Pos: h.URL.Pos, Width: len(h.URL.Value), Text: "the url is not https", Hint: "write https://HOST:PORT"}}
	case h.Batch.Count > 1000:
		return plugin.Problems{{Key: "batch.count", Text: "batch.count is over 1000", Warn: true}}
	case h.Limit == 13 && h.Offset == 0:
		return plugin.Problems{{Key: "offset", Text: "the offset is absent", Warn: true}}
	}
	return nil
}

type rulesSettings struct {
	Files []string `yaml:"files" doc:"The files with the rules." required:"true"`
}

var errFake = errors.New("a fake is not built")

// fakes are the plugins of the tests. They are not to be built.
func fakes() []plugin.Plugin {
	return []plugin.Plugin{
		plugin.NewInput("file", "Follows a file.", func() fileSettings { return fileSettings{Decode: "audit", Poll: 250 * time.Millisecond} },
			func(*fileSettings, plugin.Env) (plugin.Input, error) { return nil, errFake }),
		plugin.NewInput("docker", "Listens to the Docker engine.", func() struct{} { return struct{}{} },
			func(*struct{}, plugin.Env) (plugin.Input, error) { return nil, errFake }),
		plugin.NewTransform("audit", "Joins audit records.", func() struct{} { return struct{}{} },
			func(*struct{}, plugin.Env) (plugin.Transform, error) { return nil, errFake }),
		plugin.NewTransform("rules", "Judges events.", func() rulesSettings { return rulesSettings{} },
			func(*rulesSettings, plugin.Env) (plugin.Transform, error) { return nil, errFake }),
		plugin.NewOutput("hec", "Delivers to a collector.",
			func() hecSettings {
				return hecSettings{Ack: true, Ratio: 1, Batch: batchSettings{Bytes: 1 << 20, Count: 500}}
			},
			func(*hecSettings, plugin.Env) (plugin.Output, error) { return fakeOutput{}, nil }),
	}
}

type fakeOutput struct{}

func (fakeOutput) Send(context.Context, []event.Event) error { return nil }
func (fakeOutput) Confirms() bool                            { return true }
func (fakeOutput) Close() error                              { return nil }

// write makes the file tallyman.yaml in a folder of its own and returns its path.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tallyman.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// environment is a LookupEnv over a map.
func environment(m map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := m[name]; return v, ok }
}

// expect loads a text with the fakes, compares what is found with want, and
// returns the configuration, which is there when nothing but warnings is.
func expect(t *testing.T, text string, o Options, want []string) *Config {
	t.Helper()
	path := write(t, text)
	o.Plugins = fakes()
	if o.LookupEnv == nil {
		o.LookupEnv = environment(nil)
	}
	cfg, problems := Load(path, o)
	if diff := cmp.Diff(want, found(problems, path), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("problems (- wanted, + found):\n%s", diff)
	}
	if (cfg == nil) != problems.Bad() {
		t.Errorf("a configuration is there: %t, though the problems are bad: %t", cfg != nil, problems.Bad())
	}
	return cfg
}

// found returns the problems as lines, without the name of the file.
func found(problems plugin.Problems, path string) []string {
	list := []string{}
	for _, p := range problems {
		s := p.String()
		if p.Warn {
			s = "warning: " + s
		}
		list = append(list, strings.ReplaceAll(s, path, "FILE"))
	}
	return list
}

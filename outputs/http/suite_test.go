package http

import (
	"net"
	"testing"

	"go.uber.org/goleak"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/webclient"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var presets = []string{elasticsearch, opensearch, loki, loggly, datadog, array, ndjson, single}

const goodKey = "aGVsbG8td29ybGQ"

// settingsFor are the settings of a preset for receivers.
func settingsFor(t testing.TB, preset string, urls ...string) *Settings {
	t.Helper()
	s := Plugin.Settings().(*Settings)
	for _, u := range urls {
		s.Web.URL = append(s.Web.URL, plugin.Text{Value: u})
	}
	s.Preset, s.Web.Proxy.Value = preset, "none"
	switch preset {
	case elasticsearch, opensearch:
		s.Index.Value = "audit-{{ event.module }}"
	case loggly:
		s.Web.Compression = "none"
		fallthrough
	case datadog:
		t.Setenv("HTTP_TEST_KEY", goodKey+"\n")
		s.APIKey.Env = "HTTP_TEST_KEY"
	}
	if p := s.Check(); p.Bad() && len(urls) > 0 {
		t.Fatal(p)
	}
	return s
}

func open(t testing.TB, s *Settings) *output {
	t.Helper()
	out, err := New(s, plugintest.Env(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	})
	return out.(*output)
}

func marks(n int) []event.Event { return plugintest.Events(0, n) }

func TestConformance(t *testing.T) {
	for _, preset := range presets {
		for name, change := range map[string]func(*Settings){
			"":        func(*Settings) {},
			" small":  func(s *Settings) { s.MaxBytes, s.MaxEvents = leastBody, 7 },
			" zstd":   func(s *Settings) { s.Web.Compression = "zstd" },
			" folded": func(s *Settings) { s.Format.Format = "ocsf" },
		} {
			if preset == loggly && name == " zstd" {
				continue
			}
			t.Run(preset+name, func(t *testing.T) {
				with := func(t testing.TB, urls ...string) *Settings {
					s := settingsFor(t, preset, urls...)
					change(s)
					return s
				}
				plugintest.Output(t, plugintest.OutputSuite{
					Plugin: Plugin,
					Destination: func(t testing.TB) (any, func() []string) {
						d := newDouble(t, preset, nil)
						return with(t, d.URL), d.stored
					},
					Broken: func(t testing.TB) any {
						d := newDouble(t, preset, nil)
						d.Close()
						return with(t, d.URL)
					},
					Stuck: func(t testing.TB) any {
						ln, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts; nobody reads
						if err != nil {
							t.Fatal(err)
						}
						t.Cleanup(func() { _ = ln.Close() })
						return with(t, "http://"+ln.Addr().String())
					},
					Refused: func(t testing.TB) any {
						s := with(t, "https://127.0.0.1")
						s.Web.TLS = &clienttls.Settings{CA: plugin.Text{Value: "absent"}}
						return s
					},
				})
			})
		}
	}
}

// cutClient is a client that reads as much of an answer as out believes.
func cutClient(t testing.TB, out *output, url string) *webclient.Client {
	t.Helper()
	client, err := webclient.New(&settingsFor(t, elasticsearch, url).Web, plugintest.Env(t.TempDir()), webclient.Options{MaxAnswer: out.mostAnswer})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

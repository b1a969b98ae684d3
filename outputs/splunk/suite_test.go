package splunk

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// settingsFor are the settings for receivers, with the right token.
func settingsFor(t testing.TB, urls ...string) *Settings {
	t.Helper()
	t.Setenv("SPLUNK_TEST_TOKEN", goodToken+"\n")
	s := Plugin.Settings().(*Settings)
	for _, u := range urls {
		s.Web.URL = append(s.Web.URL, plugin.Text{Value: u})
	}
	s.Web.Proxy.Value = "none"
	s.Token.Env = "SPLUNK_TEST_TOKEN"
	if p := s.Check(); p.Bad() && len(urls) > 0 {
		t.Fatal(p)
	}
	return s
}

// open builds the output of settings; its pauses pass at once, on a clock of its
// own.
func open(t testing.TB, s *Settings) (plugin.Output, *clock) {
	t.Helper()
	at := &clock{at: time.Unix(1_700_000_000, 0)}
	env := plugintest.Env(t.TempDir())
	env.Now = at.now
	out, err := New(s, env)
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := out.(*collector); ok {
		c.now, c.wait = at.now, at.wait
	}
	t.Cleanup(func() {
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	})
	return out, at
}

// clock is a clock on which waiting takes no time; it belongs to one goroutine.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func (c *clock) wait(ctx context.Context, d time.Duration) error {
	c.at = c.at.Add(d)
	return ctx.Err()
}

func TestConformance(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Settings)
	}{
		{"without acknowledgement", func(*Settings) {}},
		{"with acknowledgement", func(s *Settings) { s.Ack, s.AckInterval = true, time.Millisecond }},
		{"raw", func(s *Settings) { s.Endpoint, s.Format.Format = endpointRaw, "cef" }},
		{"raw with acknowledgement", func(s *Settings) { s.Endpoint, s.Ack, s.AckInterval = endpointRaw, true, time.Millisecond }},
		{"small bodies", func(s *Settings) { s.MaxBytes = leastBody }},
	} {
		t.Run(c.name, func(t *testing.T) {
			with := func(t testing.TB, urls ...string) *Settings {
				s := settingsFor(t, urls...)
				c.change(s)
				return s
			}
			plugintest.Output(t, plugintest.OutputSuite{
				Plugin: Plugin,
				Destination: func(t testing.TB) (any, func() []string) {
					s := with(t)
					d := newDouble(t, func(d *splunkDouble) { d.ack = s.Ack })
					s.Web.URL = []plugin.Text{{Value: d.URL}}
					return s, d.texts
				},
				Broken: func(t testing.TB) any {
					d := newDouble(t, nil)
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

func marks(first, n int) []event.Event { return plugintest.Events(first, n) }

func ids(events []event.Event) []string {
	var list []string
	for i := range events {
		list = append(list, events[i].ID.String())
	}
	slices.Sort(list)
	return list
}

func TestProbe(t *testing.T) {
	d := newDouble(t, nil)
	probe := func(change func(*Settings)) error {
		s := settingsFor(t, d.URL)
		if change != nil {
			change(s)
		}
		out, _ := open(t, s)
		return out.(plugin.Prober).Probe(context.Background())
	}
	if err := probe(nil); err != nil {
		t.Errorf("a good receiver: %v", err)
	}
	if err := probe(func(s *Settings) { s.Ack = true }); err == nil || !strings.Contains(err.Error(), "set ack: false") {
		t.Errorf("no acknowledgement: %v", err)
	}
	d.with(func() { d.ack = true })
	if err := probe(func(s *Settings) { s.Ack = true }); err != nil {
		t.Errorf("with acknowledgement: %v", err)
	}
	d.with(func() { d.token = "another" })
	if err := probe(nil); err == nil || !strings.Contains(err.Error(), "does not know the token") || strings.Contains(err.Error(), goodToken) {
		t.Errorf("a bad token: %v", err)
	}
	d.with(func() {
		d.trouble = func(_ string, _ int, w http.ResponseWriter) bool {
			_, _ = w.Write([]byte("<html>It works!"))
			return true
		}
	})
	if err := probe(nil); err == nil || !strings.Contains(err.Error(), "no answer of an HTTP Event Collector") {
		t.Errorf("somebody else: %v", err)
	}
	if n := len(d.stored()); n != 0 {
		t.Errorf("a probe left %d events", n)
	}
}

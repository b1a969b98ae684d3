package http

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// TestRedirectsAreNotFollowed (S6): neither a body nor a secret goes to where a
// redirect leads.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Setenv("HTTP_TEST_TOKEN", "t0ken-of-ours")
	visits := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits++ }))
	defer other.Close()
	for _, preset := range presets {
		for _, status := range []int{301, 302, 303, 307, 308} {
			d := newDouble(t, preset, func(d *double) {
				d.trouble = func(_ int, w http.ResponseWriter) bool {
					w.Header().Set("Location", other.URL+"/?next=t0ken-of-ours")
					w.WriteHeader(status)
					return true
				}
			})
			s := settingsFor(t, preset, d.URL)
			if preset != loggly && preset != datadog {
				s.Bearer.Env = "HTTP_TEST_TOKEN"
			}
			s.SecretHeaders = map[string]plugin.Secret{"X-Key": {Env: "HTTP_TEST_TOKEN"}}
			err := open(t, s).Send(context.Background(), marks(3))
			if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry || !strings.Contains(err.Error(), "redirects are not followed") ||
				strings.Contains(err.Error(), "t0ken") || strings.Contains(err.Error(), goodKey) {
				t.Errorf("%s, %d: %v", preset, status, err)
			}
		}
	}
	if visits > 0 {
		t.Errorf("%d requests went where a redirect led", visits)
	}
}

// TestNoSecretInErrors (S6): what a receiver says back of our secrets is not
// repeated, nor is the path that a token is in, also where nobody listens.
func TestNoSecretInErrors(t *testing.T) {
	d := newDouble(t, loggly, func(d *double) {
		d.trouble = func(_ int, w http.ResponseWriter) bool { say(w, 500, "no "+goodKey+" here"); return true }
	})
	out := open(t, settingsFor(t, loggly, d.URL))
	said := out.Send(context.Background(), marks(1))
	d.Close()
	for _, err := range []error{said, out.Send(context.Background(), marks(1)), out.Probe(context.Background())} {
		if err == nil || strings.Contains(err.Error(), goodKey) || !strings.Contains(err.Error(), "[redacted]") {
			t.Errorf("%v", err)
		}
	}
}

// TestHeaders: header fields, secrets of files, and the two ways to prove who one
// is.
func TestHeaders(t *testing.T) {
	t.Setenv("HTTP_TEST_TOKEN", "user:pass word\n")
	for _, c := range []struct {
		name   string
		change func(*Settings)
		want   map[string]string
	}{
		{"bearer", func(s *Settings) { s.Bearer.Env = "HTTP_TEST_TOKEN" }, map[string]string{"Authorization": "Bearer user:pass word"}},
		{"basic", func(s *Settings) { s.Basic.Env = "HTTP_TEST_TOKEN" }, map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("user:pass word"))}},
		{"more", func(s *Settings) {
			s.Headers = map[string]string{"x-scope-orgid": "tenant"}
			s.SecretHeaders = map[string]plugin.Secret{"x-key": {Env: "HTTP_TEST_TOKEN"}}
			s.ContentType = "application/vnd.x+json"
		}, map[string]string{"X-Scope-Orgid": "tenant", "X-Key": "user:pass word", "Content-Type": "application/vnd.x+json", "Content-Encoding": "gzip"}},
		{"text", func(s *Settings) { s.Format.Format, s.Web.Compression = "cef", "none" }, map[string]string{"Content-Type": "text/plain; charset=utf-8", "Content-Encoding": ""}},
	} {
		d := newDouble(t, ndjson, nil)
		s := settingsFor(t, ndjson, d.URL)
		if c.change(s); s.Check().Bad() {
			t.Fatalf("%s: %v", c.name, s.Check())
		}
		send(t, open(t, s), marks(1))
		for name, want := range c.want {
			if got := d.seen[0].Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", c.name, name, got, want)
			}
		}
	}
}

// TestSettingsRefused (S3): what could lead out of its place is refused, with the
// key that is at fault.
func TestSettingsRefused(t *testing.T) {
	t.Setenv("HTTP_TEST_TOKEN", "x")
	for _, c := range []struct {
		name, preset, key string
		change            func(*Settings)
	}{
		{"any index", elasticsearch, "index", func(s *Settings) { s.Index.Value = "{{ event.module }}" }},
		{"a system index", elasticsearch, "index", func(s *Settings) { s.Index.Value = ".security-{{ event.module }}" }},
		{"a path", elasticsearch, "index", func(s *Settings) { s.Index.Value = "../{{ event.module }}" }},
		{"capitals", elasticsearch, "index", func(s *Settings) { s.Index.Value = "Audit" }},
		{"a slash behind", elasticsearch, "index", func(s *Settings) { s.Index.Value = "audit-{{ event.module }}/_doc" }},
		{"a slash of a time", elasticsearch, "index", func(s *Settings) { s.Index.Value = `audit-{{ time "2006/01" }}` }},
		{"a line end", elasticsearch, "index", func(s *Settings) { s.Index.Value = "audit\r\n" }},
		{"a zero byte", elasticsearch, "index", func(s *Settings) { s.Index.Value = "audit\x00" }},
		{"no index", elasticsearch, "index", func(s *Settings) { s.Index.Value = "" }},
		{"no field", elasticsearch, "index", func(s *Settings) { s.Index.Value = "audit-{{ event.nonsense }}" }},
		{"a bad choice", elasticsearch, "indexes", func(s *Settings) { s.Index.Value, s.Indexes = "{{ event.module }}", []string{"_all"} }},
		{"a text format", elasticsearch, "format", func(s *Settings) { s.Format.Format = "cef" }},
		{"two proofs", elasticsearch, "bearer", func(s *Settings) { s.Bearer.Env, s.APIKey.Env = "HTTP_TEST_TOKEN", "HTTP_TEST_TOKEN" }},
		{"a label without bounds", loki, "labels", func(s *Settings) { s.Labels = map[string]string{"pid": "{{ process.pid }}"} }},
		{"a label that varies", loki, "labels", func(s *Settings) { s.Labels = map[string]string{"x": "{{ container.name | container.id }}"} }},
		{"a label's name", loki, "labels", func(s *Settings) { s.Labels = map[string]string{"a-b": "x"} }},
		{"a label of ours", loki, "labels", func(s *Settings) { s.Labels = map[string]string{"overflow": "x"} }},
		{"no label", loki, "labels", func(s *Settings) { s.Labels = nil }},
		{"a header's end", ndjson, "headers", func(s *Settings) { s.Headers = map[string]string{"X-A": "b\r\nX-C: d"} }},
		{"a header's name", ndjson, "headers", func(s *Settings) { s.Headers = map[string]string{"X A": "b"} }},
		{"our header", ndjson, "headers", func(s *Settings) { s.Headers = map[string]string{"content-length": "1"} }},
		{"a header twice", ndjson, "secret_headers", func(s *Settings) {
			s.Headers, s.SecretHeaders = map[string]string{"X-A": "b"}, map[string]plugin.Secret{"x-a": {Env: "HTTP_TEST_TOKEN"}}
		}},
		{"no key", datadog, "api_key", func(s *Settings) { s.APIKey = plugin.Secret{} }},
		{"a key for nothing", loki, "api_key", func(s *Settings) { s.APIKey.Env = "HTTP_TEST_TOKEN" }},
		{"a tag", loggly, "tags", func(s *Settings) { s.Tags = []string{"a/../b"} }},
		{"packed for loggly", loggly, "compression", func(s *Settings) { s.Web.Compression = "gzip" }},
		{"no preset", "x", "preset", func(*Settings) {}},
		{"small bodies", ndjson, "max_bytes", func(s *Settings) { s.MaxBytes = 5 }},
		{"no concurrency", ndjson, "concurrency", func(s *Settings) { s.Concurrency = 0 }},
	} {
		s := settingsFor(t, c.preset)
		s.Web.URL = []plugin.Text{{Value: "http://127.0.0.1:9"}}
		c.change(s)
		found := false
		for _, p := range s.Check() {
			found = found || !p.Warn && (p.Key == c.key || strings.HasPrefix(p.Key, c.key+"."))
		}
		if !found {
			t.Errorf("%s: %v", c.name, s.Check())
		}
	}
	s := settingsFor(t, array)
	s.Web.URL, s.Index.Value = []plugin.Text{{Value: "http://127.0.0.1:9"}}, "x"
	if p := s.Check(); p.Bad() || len(p) != 1 {
		t.Errorf("a key without effect: %v", p)
	}
}

// TestThroughAProxy: requests go through the proxy that the settings name, and
// its password goes to nobody else.
func TestThroughAProxy(t *testing.T) {
	t.Setenv("HTTP_TEST_PROXY", "user:secret")
	d := newDouble(t, array, nil)
	got := ""
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Proxy-Authorization")
		at, err := url.Parse(d.URL)
		if err != nil {
			t.Error(err)
		}
		r.URL.Scheme, r.URL.Host, r.RequestURI = at.Scheme, at.Host, ""
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		w.WriteHeader(resp.StatusCode)
	}))
	defer proxy.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	s := settingsFor(t, array, "http://receiver.invalid")
	s.Web.Proxy.Value, s.Web.ProxyAuth.Env = proxy.URL, "HTTP_TEST_PROXY"
	send(t, open(t, s), marks(4))
	once(t, d.stored(), 4, 1)
	if got != "Basic "+base64.StdEncoding.EncodeToString([]byte("user:secret")) {
		t.Errorf("the proxy was told %q", got)
	}
}

// TestBusyForNinetySeconds (O1): 503 for 90 s by the clock of the test: each
// attempt asks for the pause that the receiver named, and then all is there once.
func TestBusyForNinetySeconds(t *testing.T) {
	for _, preset := range presets {
		start := time.Unix(1_700_000_000, 0)
		now := start
		d := newDouble(t, preset, func(d *double) {
			d.trouble = func(_ int, w http.ResponseWriter) bool {
				if now.Sub(start) >= 90*time.Second {
					return false
				}
				w.Header().Set("Retry-After", now.Add(7*time.Second).UTC().Format(http.TimeFormat))
				say(w, 503, "")
				return true
			}
		})
		env := plugintest.Env(t.TempDir())
		env.Now = func() time.Time { return now }
		out, err := New(settingsFor(t, preset, d.URL), env)
		if err != nil {
			t.Fatal(err)
		}
		tries := 0
		for err = out.Send(context.Background(), marks(10)); err != nil && tries < 100; err = out.Send(context.Background(), marks(10)) {
			kind, after := plugin.KindOf(err)
			if kind != plugin.KindAfter || after != 7*time.Second {
				t.Fatalf("%s: kind %d after %v: %v", preset, kind, after, err)
			}
			tries++
			d.with(func() { now = now.Add(after) })
		}
		if err != nil || tries != 13 {
			t.Errorf("%s: %v after %d attempts", preset, err, tries)
		}
		once(t, d.stored(), 10, 1)
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestAReceiverThatStalls (O13): it takes the body and says nothing: the send
// fails after timeout, and is tried again.
func TestAReceiverThatStalls(t *testing.T) {
	release := make(chan struct{})
	d := newDouble(t, ndjson, nil)
	stalled := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer stalled.Close()
	defer close(release)
	s := settingsFor(t, ndjson, stalled.URL, d.URL)
	s.Web.Timeout = 500 * time.Millisecond // for the healthy one too, on a busy machine
	s.Web.Balance = "failover"
	out := open(t, s)
	err := out.Send(context.Background(), marks(3))
	if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry || !strings.Contains(err.Error(), "in time") {
		t.Errorf("%v", err)
	}
	send(t, out, marks(3))
	once(t, d.stored(), 3, 1)
}

func TestProbe(t *testing.T) {
	for _, preset := range presets {
		for _, c := range []struct {
			name string
			does func(w http.ResponseWriter)
			good bool
		}{
			{"well", nil, true},
			{"no content", func(w http.ResponseWriter) {
				say(w, 400, `{"error":{"type":"parse_exception","reason":"request body is required"}}`)
			}, true},
			{"not known", func(w http.ResponseWriter) { say(w, 401, "{}") }, false},
			{"elsewhere", func(w http.ResponseWriter) { w.Header().Set("Location", "http://x/"); w.WriteHeader(302) }, false},
			{"broken", func(w http.ResponseWriter) { say(w, 500, "") }, false},
		} {
			d := newDouble(t, preset, func(d *double) {
				d.trouble = func(_ int, w http.ResponseWriter) bool {
					if c.does != nil {
						c.does(w)
					}
					return c.does != nil
				}
			})
			if err := open(t, settingsFor(t, preset, d.URL)).Probe(context.Background()); (err == nil) != c.good {
				t.Errorf("%s, %s: %v", preset, c.name, err)
			}
			if len(d.stored()) > 0 {
				t.Errorf("%s, %s: a probe left events", preset, c.name)
			}
		}
	}
}

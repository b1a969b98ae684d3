package respond

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

const hookKey = "0123456789abcdef0123456789abcdef"

// receiver is a webhook over TLS that answers as it is told.
type receiver struct {
	*httptest.Server
	ca string

	mu     sync.Mutex // guards what follows
	answer http.HandlerFunc
	got    []*http.Request
	bodies []string
}

func newReceiver(t *testing.T, answer http.HandlerFunc) *receiver {
	t.Helper()
	ca := plugintest.NewAuthority(t, "respond test")
	r := &receiver{ca: ca.File, answer: answer}
	r.Server = httptest.NewUnstartedServer(r)
	r.TLS = &tls.Config{Certificates: []tls.Certificate{ca.Sign(t, t.TempDir(), "hook.test", nil)}}
	r.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	r.StartTLS()
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	r.got, r.bodies = append(r.got, req), append(r.bodies, string(body))
	answer := r.answer
	r.mu.Unlock()
	answer(w, req)
}

func (r *receiver) set(answer http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *receiver) tries() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got)
}

func answers(status int, header, value, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if header != "" {
			w.Header().Set(header, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func newCaller(t *testing.T, r *receiver, store plugin.Store, change func(*Settings, *plugin.Env)) *bench {
	t.Helper()
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(hookKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return newBench(t, &double{}, store, func(s *Settings, e *plugin.Env) {
		s.Action, s.Socket = webhook, Default().Socket
		s.Webhook.URL.Value, s.Webhook.Secret.File = r.URL+"/alerts", key
		s.Webhook.TLS = &clienttls.Settings{CA: plugin.Text{Value: r.ca}}
		if change != nil {
			change(s, e)
		}
	})
}

// TestAWebhookIsSigned: the receiver can see who sent what and when, and that an
// alert that comes again is the same.
func TestAWebhookIsSigned(t *testing.T) {
	r, store := newReceiver(t, answers(202, "", "", `{"ok":true}`)), new(plugintest.Store)
	b := newCaller(t, r, store, nil)
	one := b.alert("one", boxID)
	b.send(t, one)
	b = newCaller(t, r, store, nil)
	b.send(t, one) // after a restart
	if r.tries() != 1 {
		t.Fatalf("%d requests for one alert", r.tries())
	}
	req, body := r.got[0], r.bodies[0]
	at := req.Header.Get("X-Tallyman-Timestamp")
	mac := hmac.New(sha256.New, []byte(hookKey))
	_, _ = io.WriteString(mac, at+"."+body)
	if want := "v1=" + hex.EncodeToString(mac.Sum(nil)); req.Header.Get("X-Tallyman-Signature") != want || at != strconv.FormatInt(b.now.Unix(), 10) {
		t.Errorf("signed at %s: %s, want %s", at, req.Header.Get("X-Tallyman-Signature"), want)
	}
	var said struct {
		Event struct{ ID, Kind string }
		Rule  struct{ ID string }
	}
	if err := json.Unmarshal([]byte(body), &said); err != nil {
		t.Fatal(err)
	}
	if id := one.ID.String(); said.Event.ID != id || req.Header.Get("X-Tallyman-Event") != id || said.Event.Kind != "alert" || said.Rule.ID != "TM-CT-001" {
		t.Errorf("sent %s", body)
	}
	if req.Method != http.MethodPost || req.URL.Path != "/alerts" || req.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %s of %s", req.Method, req.URL.Path, req.Header.Get("Content-Type"))
	}
}

// TestWhatAWebhookAnswers: each try is said, and an error is of the kind that
// says whether it is made again.
func TestWhatAWebhookAnswers(t *testing.T) {
	visits := 0
	other := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits++ }))
	defer other.Close()
	reset := func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		if tcp, ok := c.(*tls.Conn).NetConn().(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = c.(*tls.Conn).NetConn().Close()
	}
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		change func(*Settings, *plugin.Env)
		want   string
		status string
		kind   plugin.ErrorKind
	}{
		{name: "taken", answer: answers(200, "", "", "ok"), want: "success sent"},
		{name: "taken without a word", answer: answers(204, "", "", ""), want: "success sent"},
		{name: "the default sends nothing", answer: answers(200, "", "", ""), change: func(s *Settings, _ *plugin.Env) { s.Mode = Default().Mode }, want: "unknown dry_run"},
		{name: "a dry run of the program", answer: answers(200, "", "", ""), change: func(_ *Settings, e *plugin.Env) { e.Dry = true }, want: "unknown dry_run"},
		{name: "a page", answer: answers(200, "Content-Type", "text/html; charset=utf-8", "please sign in"), want: "failure no_webhook", status: "200", kind: plugin.KindRetry},
		{name: "a page that says to be none", answer: answers(200, "Content-Type", "application/json", " <!doctype html>"), want: "failure no_webhook", status: "200", kind: plugin.KindRetry},
		{name: "a way to elsewhere", answer: answers(307, "Location", other.URL, ""), want: "failure no_webhook", status: "307", kind: plugin.KindRetry},
		{name: "a reset", answer: reset, want: "failure no_answer", kind: plugin.KindRetry},
		{name: "silence", answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			change: func(s *Settings, _ *plugin.Env) { s.Webhook.Timeout = 50 * time.Millisecond }, want: "failure no_answer", kind: plugin.KindRetry},
		{name: "broken", answer: answers(500, "", "", "<html>"), want: "failure receiver_failed", status: "500", kind: plugin.KindRetry},
		{name: "not known there", answer: answers(401, "", "", ""), want: "failure receiver_failed", status: "401", kind: plugin.KindRetry},
		{name: "busy", answer: answers(429, "Retry-After", "7", ""), want: "failure receiver_failed", status: "429", kind: plugin.KindAfter},
		{name: "refused", answer: answers(422, "", "", "no such schema"), want: "failure receiver_refused", status: "422", kind: plugin.KindPermanent},
		{name: "another authority", answer: answers(200, "", "", ""), change: func(s *Settings, _ *plugin.Env) { s.Webhook.TLS = nil }, want: "failure no_answer", kind: plugin.KindRetry},
		{name: "a short secret", answer: answers(200, "", "", ""), change: func(s *Settings, _ *plugin.Env) {
			if err := os.WriteFile(s.Webhook.Secret.File, []byte("short"), 0o600); err != nil {
				t.Error(err)
			}
		}, want: "failure no_secret", kind: plugin.KindRetry},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newReceiver(t, c.answer)
			b := newCaller(t, r, nil, c.change)
			err := b.Send(context.Background(), []event.Event{b.alert("one", boxID)})
			if !slices.Equal(b.said, []string{c.want}) || b.label("status") != c.status {
				t.Errorf("said %q of status %q, want %q of %q: %v", b.said, b.label("status"), c.want, c.status, err)
			}
			if failed := strings.HasPrefix(c.want, "failure"); failed != (err != nil) || failed && failedAs(err) != c.kind {
				t.Errorf("kind %v: %v", failedAs(err), err)
			}
			if err != nil && strings.Contains(err.Error(), hookKey) {
				t.Errorf("the secret stands in %v", err)
			}
		})
	}
	if visits > 0 {
		t.Errorf("%d requests went where a redirect led", visits)
	}
}

// label returns a label of what was said last.
func (b *bench) label(name string) string {
	for _, f := range b.all[len(b.all)-1].Fields {
		if f.Key == schema.Labels && f.Name() == name {
			return f.Str()
		}
	}
	return ""
}

// failedAs returns the kind of the only failure in err, 255 where there is no such.
func failedAs(err error) plugin.ErrorKind {
	var e *plugin.Error
	if !errors.As(err, &e) || e.Kind != plugin.KindPartial || len(e.Failed) != 1 {
		return 255
	}
	kind, _ := plugin.KindOf(e.Failed[0].Err)
	return kind
}

// TestAWebhookThatComesBack: while it is away one try is made for all that wait,
// and what became too old meanwhile is said and never sent.
func TestAWebhookThatComesBack(t *testing.T) {
	r := newReceiver(t, answers(502, "", "", ""))
	b := newCaller(t, r, nil, func(s *Settings, _ *plugin.Env) { s.PerMinute, s.PerContainer = 9, 9 })
	list := []event.Event{b.alert("one", boxID), b.alert("two", boxID), b.alert("three", "")}
	for i := 1; i <= 2; i++ {
		var e *plugin.Error
		if err := b.Send(context.Background(), list); !errors.As(err, &e) || len(e.Failed) != 3 || r.tries() != i {
			t.Fatalf("%v after %d requests", err, r.tries())
		}
	}
	b.now = b.now.Add(40 * time.Second)
	list = append(list, b.alert("four", ""))
	b.now = b.now.Add(30 * time.Second)
	r.set(answers(200, "", "", ""))
	b.send(t, list...)
	want := []string{"failure receiver_failed", "failure receiver_failed", "failure too_old", "failure too_old", "failure too_old", "success sent"}
	if !slices.Equal(b.said, want) || r.tries() != 3 {
		t.Errorf("said %q after %d requests, want %q", b.said, r.tries(), want)
	}
}

// TestWebhooksAreLimited: by the same limits as all actions; what was refused
// counts as well.
func TestWebhooksAreLimited(t *testing.T) {
	r := newReceiver(t, answers(400, "", "", ""))
	reg := new(meter.Registry)
	b := newCaller(t, r, nil, func(_ *Settings, e *plugin.Env) { e.Meter = reg })
	for _, name := range []string{"1", "2"} {
		if err := b.Send(context.Background(), []event.Event{b.alert(name, "")}); failedAs(err) != plugin.KindPermanent {
			t.Fatal(err)
		}
	}
	r.set(answers(200, "", "", ""))
	b.send(t, b.alert("3", boxID), b.alert("4", boxID), b.alert("5", ""))
	want := []string{"failure receiver_refused", "failure receiver_refused", "success sent", "failure container_rate_limited", "failure rate_limited"}
	if !slices.Equal(b.said, want) || r.tries() != 3 {
		t.Errorf("said %q after %d requests, want %q", b.said, r.tries(), want)
	}
	counted := map[string]float64{}
	reg.Each(func(s meter.Sample) {
		if s.Name == "tallyman_respond_total" {
			counted[s.Labels[1].Value] = s.Value // action, outcome, output
		}
	})
	if counted["success"] != 1 || counted["failure"] != 4 {
		t.Errorf("counted %v", counted)
	}
}

func TestWebhookSettings(t *testing.T) {
	for name, c := range map[string]struct {
		key    string
		change func(*Settings)
	}{
		"no receiver":    {"webhook", func(s *Settings) { s.Webhook.URL.Value = "" }},
		"no encryption":  {"webhook.url", func(s *Settings) { s.Webhook.URL.Value = "http://127.0.0.1/" }},
		"a password":     {"webhook.url", func(s *Settings) { s.Webhook.URL.Value = "https://a:b@host/" }},
		"no secret":      {"webhook", func(s *Settings) { s.Webhook.Secret = plugin.Secret{} }},
		"no time":        {"webhook.timeout", func(s *Settings) { s.Webhook.Timeout = 0 }},
		"half a pair":    {"webhook.tls", func(s *Settings) { s.Webhook.TLS = &clienttls.Settings{Cert: plugin.Text{Value: "x"}} }},
		"a bad proxy":    {"webhook.proxy", func(s *Settings) { s.Webhook.Proxy.Value = "ftp://x" }},
		"never":          {"never", func(s *Settings) { s.Never.Names = []string{"db"} }},
		"another action": {"webhook", func(s *Settings) { s.Action = pause }},
	} {
		s := Default()
		s.Action, s.Webhook.URL.Value, s.Webhook.Secret.File = webhook, "https://host/", "key"
		if p := s.Check(); len(p) > 0 {
			t.Fatal(p)
		}
		c.change(&s)
		if p := s.Check(); len(p) != 1 || p[0].Key != c.key {
			t.Errorf("%s: %v", name, p)
		}
	}
}

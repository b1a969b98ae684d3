package webclient_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/webclient"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver is a server that answers as it is told and keeps what it got.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex // guards what follows
	answer func(http.ResponseWriter, *http.Request)
	got    []string
}

func newReceiver(t *testing.T, answer func(http.ResponseWriter, *http.Request)) *receiver {
	t.Helper()
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	r.got = append(r.got, string(body))
	answer := r.answer
	r.mu.Unlock()
	answer(w, req)
}

func (r *receiver) set(answer func(http.ResponseWriter, *http.Request)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got)
}

func status(code int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func busy(after string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", after)
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// clock is a wall clock that is moved by hand.
type clock struct {
	mu sync.Mutex
	at time.Time // guarded by mu
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func settings(urls ...string) webclient.Settings {
	s := webclient.Default()
	s.Proxy.Value = "none"
	for _, u := range urls {
		s.URL = append(s.URL, plugin.Text{Value: u})
	}
	return s
}

func open(t *testing.T, s webclient.Settings, o webclient.Options) (*webclient.Client, *clock) {
	t.Helper()
	env, at := plugintest.Env(t.TempDir()), &clock{at: time.Unix(1_700_000_000, 0)}
	env.Now = at.now
	c, err := webclient.New(&s, env, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, at
}

func send(c *webclient.Client) error {
	_, err := c.Do(context.Background(), &webclient.Request{Body: []byte("events")})
	return err
}

// TestWhatARequestIs: path, query, header and body arrive as they were given.
func TestWhatARequestIs(t *testing.T) {
	var got *http.Request
	r := newReceiver(t, func(w http.ResponseWriter, req *http.Request) {
		got = req
		_, _ = io.WriteString(w, "taken")
	})
	c, _ := open(t, settings(r.URL+"/base/?tenant=1"), webclient.Options{})
	a, err := c.Do(context.Background(), &webclient.Request{Path: "/v1/events", Query: map[string][]string{"channel": {"c"}},
		Header: http.Header{"Content-Type": {"text/plain"}}, Secret: http.Header{"Authorization": {"Bearer x"}}, Body: []byte("hello"),
		For: func(b *webclient.Backend, h http.Header) { h.Set("X-For", b.URL()) }})
	if err != nil || a.Status != 200 || string(a.Body) != "taken" || a.Backend != c.Backends()[0] {
		t.Fatalf("%+v, %v", a, err)
	}
	if got.Method != "POST" || got.URL.String() != "/base/v1/events?channel=c&tenant=1" || got.Header.Get("Content-Type") != "text/plain" ||
		got.Header.Get("Authorization") != "Bearer x" || got.Header.Get("User-Agent") != "tallyman" || got.Header.Get("X-For") != r.URL+"/base/" ||
		got.ContentLength != 5 || r.got[0] != "hello" {
		t.Errorf("%s %s %v %q", got.Method, got.URL, got.Header, r.got)
	}
}

// TestWhatAnAnswerAsksFor: the kind of each status, the pause of Retry-After, and
// the hint.
func TestWhatAnAnswerAsksFor(t *testing.T) {
	for _, c := range []struct {
		name    string
		code    int
		after   string
		kind    plugin.ErrorKind
		pause   time.Duration
		refused bool
		says    string
	}{
		{"busy for seconds", 503, "7", plugin.KindAfter, 7 * time.Second, false, "503 Service Unavailable"},
		{"too many until a date", 429, "Tue, 14 Nov 2023 22:13:50 GMT", plugin.KindAfter, 30 * time.Second, false, "429 Too Many Requests"},
		{"a date that is over", 429, "Tue, 14 Nov 2023 22:13:00 GMT", plugin.KindAfter, 0, false, "429"},
		{"a date in another year", 503, "Tue, 14 Nov 2028 22:13:00 GMT", plugin.KindAfter, time.Hour, false, "503"},
		{"a number that is no duration", 503, "99999999999999999999", plugin.KindRetry, 0, false, "503"},
		{"negative", 503, "-5", plugin.KindRetry, 0, false, "503"},
		{"nonsense", 503, "soon", plugin.KindRetry, 0, false, "503"},
		{"busy", 503, "", plugin.KindRetry, 0, false, "503"},
		{"broken", 500, "3", plugin.KindRetry, 0, false, "500"},
		{"gateway", 504, "", plugin.KindRetry, 0, false, "504"},
		{"slow", 408, "", plugin.KindRetry, 0, false, "408"},
		{"unknown to it", 401, "", plugin.KindRetry, 0, false, "nothing is lost meanwhile"},
		{"not let in", 403, "", plugin.KindRetry, 0, false, "nothing is lost meanwhile"},
		{"elsewhere", 301, "", plugin.KindRetry, 0, false, "redirects are not followed"},
		{"bad", 400, "", plugin.KindRetry, 0, true, "400 Bad Request"},
		{"not there", 404, "", plugin.KindRetry, 0, true, "check the path of url"},
		{"too large", 413, "", plugin.KindRetry, 0, true, "takes less"},
		{"not understood", 422, "", plugin.KindRetry, 0, true, "422"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
				if c.after != "" {
					w.Header().Set("Retry-After", c.after)
				}
				w.WriteHeader(c.code)
			})
			client, _ := open(t, settings(r.URL), webclient.Options{})
			err := send(client)
			kind, pause := plugin.KindOf(err)
			if err == nil || kind != c.kind || (webclient.Refused(err) != nil) != c.refused || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("kind %d, %v", kind, err)
			}
			if pause != c.pause {
				t.Errorf("the pause is %v", pause)
			}
			if r.count() != 1 {
				t.Errorf("it was asked %d times", r.count())
			}
		})
	}
}

// TestNoRedirectIsFollowed: neither body nor token go where a receiver points.
func TestNoRedirectIsFollowed(t *testing.T) {
	other := newReceiver(t, status(200))
	for _, code := range []int{301, 302, 303, 307, 308} {
		r := newReceiver(t, func(w http.ResponseWriter, req *http.Request) { http.Redirect(w, req, other.URL+"/token-123456", code) })
		c, _ := open(t, settings(r.URL), webclient.Options{})
		_, err := c.Do(context.Background(), &webclient.Request{Body: []byte("x"), Secret: http.Header{"Authorization": {"Splunk token-123456"}}})
		if err == nil || !strings.Contains(err.Error(), "set url to where the receiver is, "+other.URL+"/[redacted]") {
			t.Errorf("%d: %v", code, err)
		}
	}
	if other.count() != 0 {
		t.Error("the redirect was followed")
	}
}

// TestSecretsAreNotRepeated: a receiver that echoes what it got does not bring
// the token into an error or the log.
func TestSecretsAreNotRepeated(t *testing.T) {
	r := newReceiver(t, func(w http.ResponseWriter, req *http.Request) {
		w.WriteHeader(403)
		_, _ = io.WriteString(w, "no\x1b[31m entry\r\nfor "+req.Header.Get("Authorization")+" nor "+strings.TrimPrefix(req.Header.Get("Authorization"), "Splunk ")+strings.Repeat("!", 500))
	})
	var logged bytes.Buffer
	env := plugintest.Env(t.TempDir())
	env.Log = slog.New(slog.NewTextHandler(&logged, nil))
	s := settings(r.URL+"?api_key=in-the-query", r.URL)
	c, err := webclient.New(&s, env, webclient.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, err = c.Do(context.Background(), &webclient.Request{Secret: http.Header{"Authorization": {"Splunk 0123-token"}}})
	if err == nil || !strings.Contains(err.Error(), "no [31m entry for [redacted] nor [redacted]!!!") || !strings.Contains(logged.String(), "left alone") {
		t.Errorf("%v; the log: %s", err, logged.String())
	}
	r.Close()
	_, err = c.Do(context.Background(), &webclient.Request{Secret: http.Header{"Authorization": {"Splunk 0123-token"}}})
	if text := err.Error() + logged.String(); strings.Contains(text, "0123-token") || strings.Contains(text, "in-the-query") || len(text) > 3000 {
		t.Errorf("a secret is repeated: %s", text)
	}
	var status *webclient.StatusError
	if errors.As(err, &status) {
		t.Errorf("a receiver that is away has answered: %v", err)
	}
}

package http

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// rig is an input that listens, and a client of it.
type rig struct {
	*input
	t      testing.TB
	client *http.Client
	url    string
}

func start(t testing.TB, change func(*Settings, *plugin.Env)) *rig {
	t.Helper()
	s, env := defaults(), plugintest.Env(t.TempDir())
	s.Listen.Value = "127.0.0.1:0"
	if change != nil {
		change(&s, &env)
	}
	in, err := Plugin.Input(&s, env)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Open(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	r := &rig{input: in.(*input), t: t, client: &http.Client{Transport: &http.Transport{}}}
	r.url = "http://" + r.web.Addr().String()
	t.Cleanup(func() {
		r.client.CloseIdleConnections()
		if err := in.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return r
}

// reply is what a request came to.
type reply struct {
	status int
	text   string
	err    error
}

// post posts a body from a goroutine of its own.
func (r *rig) post(path, body string, header http.Header) <-chan reply {
	c := make(chan reply, 1)
	go func() {
		status, text, err := postTo(r.client, r.url+path, []byte(body), header)
		c <- reply{status, text, err}
	}()
	return c
}

// read reads the next batch that is not empty.
func (r *rig) read() *event.Batch {
	r.t.Helper()
	b := new(event.Batch)
	for end := time.Now().Add(patience); len(b.Events) == 0; {
		if err := r.Read(context.Background(), b, 10*time.Millisecond); err != nil || time.Now().After(end) {
			r.t.Fatalf("nothing came: %v", err)
		}
	}
	return b
}

func (r *rig) wait(c <-chan reply) reply {
	r.t.Helper()
	select {
	case a := <-c:
		return a
	case <-time.After(patience):
		r.t.Fatal("no answer")
		return reply{}
	}
}

func raws(b *event.Batch) (list []string) {
	for i := range b.Events {
		list = append(list, b.Events[i].Raw)
	}
	return list
}

func packed(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var gzipped = http.Header{"Content-Encoding": {"gzip"}}

// TestPaths: each path has its decoder, the longest counts.
func TestPaths(t *testing.T) {
	r := start(t, func(s *Settings, _ *plugin.Env) {
		s.Decode, s.Paths = "plain", map[string]string{"/audit": "kubernetes_audit", "/audit/events": "kubernetes_event"}
	})
	for path, want := range map[string]string{"/": "plain", "/x": "plain", "/audit": "kubernetes_audit", "/audit/": "kubernetes_audit", "/audit?timeout=30s": "kubernetes_audit",
		"/audit/events": "kubernetes_event", "/audit/events/a": "kubernetes_event", "/auditor": "plain"} {
		answer := r.post(path, "x", nil)
		b := r.read()
		e := &b.Events[0]
		if e.Decode != want || !strings.HasPrefix(e.Get(schema.LogSourceAddress).Str(), "127.0.0.1:") {
			t.Errorf("%s: %s", path, plugintest.Dump(e))
		}
		b.Accepted(nil)
		r.wait(answer)
	}
}

// TestToken: only who shows the token may post; a token that changes is seen.
func TestToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, func(s *Settings, _ *plugin.Env) { s.Token = &plugin.Secret{File: file} })
	bearer := func(v string) http.Header { return http.Header{"Authorization": {v}} }
	for _, h := range []http.Header{nil, bearer("Bearer wrong"), bearer("s3cret"), bearer("Basic s3cret"), bearer("Bearer "), bearer("Bearer s3cret2")} {
		if a := r.wait(r.post("/", "x", h)); a.status != http.StatusUnauthorized || strings.Contains(a.text, "s3cret") {
			t.Errorf("%v: %+v", h, a)
		}
	}
	for _, v := range []string{"Bearer s3cret", "bearer  s3cret"} {
		answer := r.post("/", "x", bearer(v))
		r.read().Accepted(nil)
		if a := r.wait(answer); a.status != http.StatusOK {
			t.Errorf("%q: %+v", v, a)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if a := r.wait(r.post("/", "x", bearer("Bearer s3cret"))); a.status != http.StatusServiceUnavailable {
		t.Errorf("without its file: %+v", a)
	}
}

package webclient_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/webclient"
)

// TestAnAnswerWithoutAnEnd: no more is read of it than was asked for.
func TestAnAnswerWithoutAnEnd(t *testing.T) {
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
		for piece := bytes.Repeat([]byte("x"), 1<<10); ; {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	})
	c, _ := open(t, settings(r.URL), webclient.Options{MaxAnswer: 1000})
	a, err := c.Do(context.Background(), &webclient.Request{})
	if err != nil || len(a.Body) != 1000 {
		t.Errorf("%d bytes, %v", len(a.Body), err)
	}
}

// TestAReceiverThatDoesNotAnswer: the limit of time ends it, and so does a stop,
// which says nothing about the receiver.
func TestAReceiverThatDoesNotAnswer(t *testing.T) {
	release := make(chan struct{})
	r := newReceiver(t, func(_ http.ResponseWriter, req *http.Request) {
		select {
		case <-release:
		case <-req.Context().Done():
		}
	})
	defer close(release)
	s := settings(r.URL)
	s.Timeout = 50 * time.Millisecond
	c, _ := open(t, s, webclient.Options{})
	err := send(c)
	if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry || !strings.Contains(err.Error(), "did not answer in time: nothing within timeout, 50ms") {
		t.Errorf("%v", err)
	}
	s.Timeout = time.Hour
	c, _ = open(t, s, webclient.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	r.set(func(_ http.ResponseWriter, req *http.Request) { cancel(); <-req.Context().Done() })
	if _, err := c.Do(ctx, &webclient.Request{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a stop gives %v", err)
	}
}

// TestAResetAfterTheRequestIsNotSentElsewhere: whoever broke off may have taken
// it; only the caller can tell whether to send again.
func TestAResetAfterTheRequestIsNotSentElsewhere(t *testing.T) {
	first := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		}
	})
	second := newReceiver(t, status(200))
	c, _ := open(t, settings(first.URL, second.URL), webclient.Options{})
	if err := send(c); err == nil || first.count() != 1 || second.count() != 0 {
		t.Errorf("%v: the first was asked %d times, the second %d", err, first.count(), second.count())
	}
}

// TestProxy: the proxy gets the request, with the password from the file as it is
// now.
func TestProxy(t *testing.T) {
	var got []string
	proxy := newReceiver(t, func(_ http.ResponseWriter, req *http.Request) {
		got = append(got, req.URL.String()+" "+req.Header.Get("Proxy-Authorization"))
	})
	dir := t.TempDir()
	file := filepath.Join(dir, "auth")
	s := settings("http://receiver.example/in")
	s.Proxy.Value, s.ProxyAuth = proxy.URL, plugin.Secret{File: file}
	c, _ := open(t, s, webclient.Options{})
	for _, one := range []string{"u:first\n", "u:second\n"} {
		if err := os.WriteFile(file, []byte(one), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := send(c); err != nil {
			t.Fatal(err)
		}
	}
	want := "http://receiver.example/in Basic dTpmaXJzdA==|http://receiver.example/in Basic dTpzZWNvbmQ="
	if strings.Join(got, "|") != want {
		t.Errorf("the proxy got %q", got)
	}
}

// TestCookies: they are kept where they are asked for, for each receiver.
func TestCookies(t *testing.T) {
	var got []string
	r := newReceiver(t, func(w http.ResponseWriter, req *http.Request) {
		got = append(got, req.Header.Get("Cookie"))
		http.SetCookie(w, &http.Cookie{Name: "node", Value: "a"})
	})
	c, _ := open(t, settings(r.URL), webclient.Options{Cookies: true})
	for range 2 {
		if err := send(c); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Join(got, "|") != "|node=a" {
		t.Errorf("the cookies were %q", got)
	}
	plain, _ := open(t, settings(r.URL), webclient.Options{})
	if err := errors.Join(send(plain), send(plain)); err != nil || got[3] != "" {
		t.Errorf("cookies that nobody asked for: %q, %v", got, err)
	}
}

package tunnel_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/tunnel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// proxy serves one connection: it reads a request and answers, then sends back what
// comes.
func proxy(t *testing.T, answer string) (url string, asked <-chan string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	said, done := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(done)
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		in, request := bufio.NewReader(c), ""
		for !strings.HasSuffix(request, "\r\n\r\n") {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			request += line
		}
		said <- request
		if _, err := io.WriteString(c, answer); err == nil {
			_, _ = io.Copy(c, in)
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	return "http://" + ln.Addr().String(), said
}

func dial(ctx context.Context, t *testing.T, url string, auth plugin.Secret) (net.Conn, error) {
	t.Helper()
	d, err := tunnel.New(plugin.Text{Value: url}, auth)
	if err != nil {
		t.Fatal(err)
	}
	return d.DialContext(ctx, "tcp", "receiver.invalid:9093")
}

// TestConnect: the proxy is asked for the receiver by its name, told the password,
// and what the receiver says at once is not lost.
func TestConnect(t *testing.T) {
	t.Setenv("TUNNEL_TEST", "user:secret")
	url, asked := proxy(t, "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nhello ")
	c, err := dial(t.Context(), t, url, plugin.Secret{Env: "TUNNEL_TEST"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	want := "CONNECT receiver.invalid:9093 HTTP/1.1\r\nHost: receiver.invalid:9093\r\nProxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n"
	if got := <-asked; got != want {
		t.Errorf("the proxy was asked %q", got)
	}
	if _, err := io.WriteString(c, "world"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, len("hello world"))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "hello world" {
		t.Errorf("it says %q, %v", b, err)
	}
}

// TestRefused: what a proxy that gives no connection said is told, with what to do,
// and never with the password.
func TestRefused(t *testing.T) {
	t.Setenv("TUNNEL_TEST", "user:secret")
	for answer, want := range map[string]string{
		"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n": "see proxy_auth",
		"HTTP/1.1 403 Forbidden\r\n\r\n":                     "allows no connection",
		"HTTP/1.1 502 Bad Gateway\r\n\r\n":                   "does not reach the receiver",
		"SSH-2.0-OpenSSH\r\n\r\n":                            "no HTTP proxy",
		strings.Repeat("x", 17<<10):                          "longer than",
	} {
		url, _ := proxy(t, answer)
		_, err := dial(t.Context(), t, url, plugin.Secret{Env: "TUNNEL_TEST"})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "see proxy") || strings.Contains(err.Error(), "secret") {
			t.Errorf("to %.30q it says %v", answer, err)
		}
	}
}

// TestAProxyThatSaysNothing: the caller's limit of time is kept.
func TestAProxyThatSaysNothing(t *testing.T) {
	url, asked := proxy(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := dial(ctx, t, url, plugin.Secret{}); !errors.Is(err, context.Canceled) {
		t.Errorf("it says %v", err)
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct{ proxy, auth, want string }{
		{"", "", ""},
		{"none", "", ""},
		{"http://p:3128", "", ""},
		{"http://p:3128", "X", ""},
		{"http://[::1]/", "", ""},
		{"", "X", "but no proxy"},
		{"none", "X", "but no proxy"},
		{"socks5://p", "X", ""},
		{"socks5h://[::1]:1081", "", ""},
		{"p:3128", "", "not http:// or socks5://"},
		{"https://p:3128", "", "not http:// or socks5://"},
		{"socks4://p:1080", "", "not http:// or socks5://"},
		{"http://u:secret@p", "", "set proxy_auth"},
		{"http://u:secret@p:x", "", "not a URL"},
		{"http://p/path", "", "not a host"},
		{"http://", "", "not a host"},
	} {
		p := tunnel.Check(plugin.Text{Value: c.proxy}, plugin.Secret{Env: c.auth})
		if (c.want == "") != (len(p) == 0) || !strings.Contains(p.Error(), c.want) || strings.Contains(p.Error(), "secret") {
			t.Errorf("%q: %v", c.proxy, p)
		}
	}
}

// TestWithoutAProxy: no proxy is the network itself, and its errors are as they are.
func TestWithoutAProxy(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	var d *tunnel.Dialer
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := d.DialContext(ctx, "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close() // nothing was sent
}

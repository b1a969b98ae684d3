package tunnel_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/tunnel"
)

// ask makes one request through the proxy that the settings name, and returns the
// answer.
func ask(t *testing.T, proxy string, auth plugin.Secret, at string) (string, error) {
	t.Helper()
	w, err := tunnel.NewWeb(plugin.Text{Value: proxy}, auth)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	w.Through(transport, time.Minute)
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := transport.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = r.Body.Close() }()
	b, err := io.ReadAll(r.Body)
	return string(b), err
}

// TestWebThroughSocks: requests go through a SOCKS proxy, which finds the receiver by
// its name; the password is its own.
func TestWebThroughSocks(t *testing.T) {
	t.Setenv("TUNNEL_TEST", "user:secret")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "taken "+r.Header.Get("Proxy-Authorization"))
	}))
	defer s.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(s.URL, "http://"), ":")
	proxy := plugintest.NewSocks(t, "user", "secret", 0)
	for _, url := range []string{proxy.URL, "socks5h://" + proxy.Addr} {
		if got, err := ask(t, url, plugin.Secret{Env: "TUNNEL_TEST"}, "http://receiver.invalid:"+port); got != "taken " || err != nil {
			t.Errorf("%s: %q, %v", url, got, err)
		}
	}
	if asked := proxy.Asked(); len(asked) != 2 || asked[0] != "receiver.invalid:"+port {
		t.Errorf("the proxy was asked for %q", asked)
	}
	_, err := ask(t, proxy.URL, plugin.Secret{}, "http://receiver.invalid:"+port)
	if err == nil || !strings.Contains(err.Error(), "it asks for a password: see proxy_auth") {
		t.Errorf("without a password: %v", err)
	}
}

// TestWebRefused: an HTTP proxy that gives no connection for https is named, with
// what to do about it.
func TestWebRefused(t *testing.T) {
	proxy := plugintest.NewProxy(t, "Basic another")
	_, err := ask(t, proxy.URL, plugin.Secret{}, "https://receiver.invalid")
	if err == nil || !strings.Contains(err.Error(), "it answered 407 to CONNECT receiver.invalid:443") || !strings.Contains(err.Error(), "see proxy_auth") {
		t.Errorf("it says %v", err)
	}
}

// TestWebSettings: what speaks HTTP itself takes a proxy over TLS too.
func TestWebSettings(t *testing.T) {
	for _, c := range []struct{ proxy, auth, want string }{
		{"", "", ""},
		{"none", "", ""},
		{"http://p:3128", "X", ""},
		{"https://p", "X", ""},
		{"socks5://p", "X", ""},
		{"socks5h://p:1081", "", ""},
		{"", "X", "but no proxy"},
		{"none", "X", "but no proxy"},
		{"p:3128", "", "not http:// or socks5://"},
		{"socks4://p", "", "not http:// or socks5://"},
		{"socks5://u:secret@p", "", "set proxy_auth"},
		{"socks5://u:secret@p:x", "", "not a URL"},
		{"socks5://p/path", "", "not a host"},
		{"socks5://", "", "not a host"},
	} {
		p := tunnel.CheckWeb(plugin.Text{Value: c.proxy}, plugin.Secret{Env: c.auth})
		if (c.want == "") != (len(p) == 0) || !strings.Contains(p.Error(), c.want) || strings.Contains(p.Error(), "secret") {
			t.Errorf("%q: %v", c.proxy, p)
		}
	}
}

package s3

import (
	"crypto/tls"
	"crypto/x509"
	"net/http/httptest"
	"strings"
	"testing"

	"tallyman/outputs/s3/s3test"
	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// TestThroughAProxy: requests reach the store through the proxy that the settings
// name, HTTP or SOCKS, with TLS between us and the store, whose certificate is still
// verified by its name.
func TestThroughAProxy(t *testing.T) {
	key(t)
	t.Setenv("S3_TEST_PROXY", "user:secret")
	ca := plugintest.NewAuthority(t, "ours")
	pair := ca.Sign(t, t.TempDir(), "store", func(c *x509.Certificate) { c.DNSNames = []string{"store.invalid"} })
	web, socks := plugintest.NewProxy(t, "Basic dXNlcjpzZWNyZXQ="), plugintest.NewSocks(t, "user", "secret", 0)
	for url, asked := range map[string]func() []string{web.URL: web.Asked, socks.URL: socks.Asked} {
		s, clock := s3test.New(t), noon
		front := httptest.NewUnstartedServer(s)
		front.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
		front.StartTLS()
		defer front.Close()
		_, port, _ := strings.Cut(front.Listener.Addr().String(), ":")
		set := to(s)
		set.Endpoint.Value = "https://store.invalid:" + port
		set.TLS = &clienttls.Settings{CA: plugin.Text{Value: ca.File}}
		set.Proxy.Value, set.ProxyAuth.Env = url, "S3_TEST_PROXY"
		l := begin(t, set, new(plugintest.Store), &clock)
		l.give(1, made("a", noon, 0, 5)...)
		l.settle(true)
		want(t, s, "a", 5)
		if got := asked(); len(got) == 0 || got[0] != "store.invalid:"+port {
			t.Errorf("%s was asked for %q", url, got)
		}
		l.web.CloseIdleConnections()
	}
}

// TestAProxyThatRefuses: the events wait, and what is said is about the proxy.
func TestAProxyThatRefuses(t *testing.T) {
	key(t)
	for _, url := range []string{plugintest.NewProxy(t, "Basic another").URL, plugintest.NewSocks(t, "user", "another", 0).URL} {
		s, clock := s3test.New(t), noon
		set := to(s)
		set.Endpoint.Value = "https://store.invalid"
		set.Proxy.Value = url
		l := begin(t, set, new(plugintest.Store), &clock)
		err := l.Collect(t.Context(), 1, made("a", noon, 0, 5))
		if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry || !strings.Contains(err.Error(), "see proxy_auth") {
			t.Errorf("%s: it says %v", url, err)
		}
		l.web.CloseIdleConnections()
	}
}

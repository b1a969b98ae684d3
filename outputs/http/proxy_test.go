package http

import (
	"crypto/tls"
	"crypto/x509"
	"net/http/httptest"
	"strings"
	"testing"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// TestThroughASocksProxy: requests go through a SOCKS proxy, plain and over TLS that
// is between us and the receiver; one that refuses gives an error of its own, and
// nothing is lost by it.
func TestThroughASocksProxy(t *testing.T) {
	t.Setenv("HTTP_TEST_PROXY", "user:secret")
	ca := plugintest.NewAuthority(t, "ours")
	pair := ca.Sign(t, t.TempDir(), "receiver", func(c *x509.Certificate) { c.DNSNames = []string{"receiver.invalid"} })
	for _, scheme := range []string{"http", "https"} {
		d := newDouble(t, array, nil)
		at := d.URL
		if scheme == "https" {
			front := httptest.NewUnstartedServer(d.Config.Handler)
			front.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
			front.StartTLS()
			defer front.Close()
			at = front.URL
		}
		port := at[strings.LastIndexByte(at, ':'):]
		s := settingsFor(t, array, scheme+"://receiver.invalid"+port)
		if scheme == "https" {
			s.Web.TLS = &clienttls.Settings{CA: plugin.Text{Value: ca.File}}
		}
		s.Web.ProxyAuth.Env = "HTTP_TEST_PROXY"
		closed := plugintest.NewSocks(t, "user", "another", 0)
		s.Web.Proxy.Value = closed.URL
		err := open(t, s).Send(t.Context(), marks(4))
		if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry || !strings.Contains(err.Error(), "does not take this user and password: see proxy_auth") {
			t.Errorf("%s: with another password: %v", scheme, err)
		}
		proxy := plugintest.NewSocks(t, "user", "secret", 0)
		s.Web.Proxy.Value = "socks5h://" + proxy.Addr
		send(t, open(t, s), marks(4))
		once(t, d.stored(), 4, 1)
		if asked := proxy.Asked(); len(asked) != 1 || asked[0] != "receiver.invalid"+port {
			t.Errorf("%s: the proxy was asked for %q", scheme, asked)
		}
	}
}

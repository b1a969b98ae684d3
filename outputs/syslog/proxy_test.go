package syslog

import (
	"context"
	"crypto/tls"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// TestThroughAProxy: connections over tcp and tls go through the proxy, which finds
// the receiver by its name and sees nothing but the password that is its own.
func TestThroughAProxy(t *testing.T) {
	t.Setenv("SYSLOG_TEST_PROXY", "user:secret")
	ca := newAuthority(t, "ca")
	for _, scheme := range []string{"tcp", "tls"} {
		web, socks := plugintest.NewProxy(t, "Basic dXNlcjpzZWNyZXQ="), plugintest.NewSocks(t, "user", "secret", 0)
		for url, asked := range map[string]func() []string{web.URL: web.Asked, socks.URL: socks.Asked} {
			t.Run(scheme+" "+url[:5], func(t *testing.T) {
				ln := listen(t, "tcp", "127.0.0.1:0")
				if scheme == "tls" {
					_, _, pair := ca.sign(t, "receiver.invalid", time.Now().Add(time.Hour))
					ln = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{pair}})
				}
				handle, got := collect(octets)
				serve(t, ln, handle)
				_, port, _ := strings.Cut(ln.Addr().String(), ":")
				o := open(t, scheme+"://receiver.invalid:"+port, func(s *Settings) {
					s.Proxy.Value, s.ProxyAuth.Env = url, "SYSLOG_TEST_PROXY"
					if scheme == "tls" {
						s.TLS = &clienttls.Settings{CA: plugin.Text{Value: ca.file}}
					}
				})
				send(t, o, "one", "two")
				for _, want := range []string{"one", "two"} {
					if m := <-got; m != want {
						t.Errorf("it is %q, want %q", m, want)
					}
				}
				if asked := asked(); !slices.Equal(asked, []string{"receiver.invalid:" + port}) {
					t.Errorf("the proxy was asked for %q", asked)
				}
			})
		}
	}
}

// TestAProxyThatRefuses: the events wait, and what is said is about the proxy.
func TestAProxyThatRefuses(t *testing.T) {
	web, socks := plugintest.NewProxy(t, "Basic another"), plugintest.NewSocks(t, "user", "another", 0)
	for _, url := range []string{web.URL, socks.URL} {
		o := open(t, "tcp://receiver.invalid", func(s *Settings) { s.Proxy.Value = url })
		err := o.Probe(context.Background())
		if err == nil || !strings.Contains(err.Error(), "see proxy_auth") {
			t.Errorf("%s: it says %v", url, err)
		}
	}
}

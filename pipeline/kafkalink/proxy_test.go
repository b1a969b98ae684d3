package kafkalink

import (
	"strings"
	"testing"

	"tallyman/pipeline/plugintest"
)

// TestThroughAProxy: all connections to brokers go through the proxy, which finds
// them by their names.
func TestThroughAProxy(t *testing.T) {
	t.Setenv("KAFKALINK_TEST_PROXY", "user:secret")
	proxy := plugintest.NewProxy(t, "Basic dXNlcjpzZWNyZXQ=")
	c := cluster(t)
	_, port, _ := strings.Cut(c.ListenAddrs()[0], ":")
	d := dialer(t, func(s *Settings) { s.Proxy.Value, s.Auth.Env = proxy.URL, "KAFKALINK_TEST_PROXY" }, "broker.invalid:"+port)
	conn, err := d.Any(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	known, err := conn.Ask(bounded(t), nil)
	if err != nil || len(known.Brokers) != 1 {
		t.Errorf("it knows %+v, %v", known, err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if asked := proxy.Asked(); len(asked) != 1 || asked[0] != "broker.invalid:"+port {
		t.Errorf("the proxy was asked for %q", asked)
	}
}

// TestThroughASocksProxy: the same, and with another password nothing comes.
func TestThroughASocksProxy(t *testing.T) {
	t.Setenv("KAFKALINK_TEST_PROXY", "user:secret")
	c := cluster(t)
	_, port, _ := strings.Cut(c.ListenAddrs()[0], ":")
	proxy, other := plugintest.NewSocks(t, "user", "secret", 0), plugintest.NewSocks(t, "user", "another", 0)
	through := func(url string) *Dialer {
		return dialer(t, func(s *Settings) { s.Proxy.Value, s.Auth.Env = url, "KAFKALINK_TEST_PROXY" }, "broker.invalid:"+port)
	}
	conn, err := through(proxy.URL).Any(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	if known, err := conn.Ask(bounded(t), nil); err != nil || len(known.Brokers) != 1 {
		t.Errorf("it knows %+v, %v", known, err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if asked := proxy.Asked(); len(asked) != 1 || asked[0] != "broker.invalid:"+port {
		t.Errorf("the proxy was asked for %q", asked)
	}
	_, err = through(other.URL).Any(bounded(t))
	if err == nil || !strings.Contains(err.Error(), "see proxy_auth") || strings.Contains(err.Error(), "secret") || len(other.Asked()) > 0 {
		t.Errorf("it says %v", err)
	}
}

// TestAProxyThatRefuses: what is said is about the proxy, and not about a broker.
func TestAProxyThatRefuses(t *testing.T) {
	proxy := plugintest.NewProxy(t, "Basic another")
	d := dialer(t, func(s *Settings) { s.Proxy.Value = proxy.URL }, "broker.invalid:9093")
	_, err := d.Any(bounded(t))
	if err == nil || !strings.Contains(err.Error(), "see proxy_auth") || strings.Contains(err.Error(), "TLS") {
		t.Errorf("it says %v", err)
	}
}

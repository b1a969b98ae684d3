package splunk

import (
	"strings"
	"testing"

	"tallyman/pipeline/plugintest"
)

// TestThroughASocksProxy: events and the questions for their acknowledgement go
// through the proxy that the settings name.
func TestThroughASocksProxy(t *testing.T) {
	t.Setenv("SPLUNK_TEST_PROXY", "user:secret")
	proxy := plugintest.NewSocks(t, "user", "secret", 0)
	d := newDouble(t, func(d *splunkDouble) { d.ack = true })
	port := d.URL[strings.LastIndexByte(d.URL, ':'):]
	s := settingsFor(t, "http://indexer.invalid"+port)
	s.Ack, s.Web.Proxy.Value, s.Web.ProxyAuth.Env = true, proxy.URL, "SPLUNK_TEST_PROXY"
	out, _ := open(t, s)
	if refused := send(t, out, marks(0, 7)); len(refused) > 0 {
		t.Errorf("refused %v", refused)
	}
	if n := len(once(t, d.stored(), 1)); n != 7 {
		t.Errorf("%d are stored", n)
	}
	if asked := proxy.Asked(); len(asked) == 0 || asked[0] != "indexer.invalid"+port {
		t.Errorf("the proxy was asked for %q", asked)
	}
}

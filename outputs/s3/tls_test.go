package s3

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tallyman/outputs/s3/s3test"
	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// TestTLSIsVerified (O14): expired, of another name, of another authority, or no TLS at
// all: nothing is sent, and the message says which setting to look at.
func TestTLSIsVerified(t *testing.T) {
	key(t)
	dir := t.TempDir()
	ours, other := plugintest.NewAuthority(t, "our authority"), plugintest.NewAuthority(t, "another authority")
	good := ours.Sign(t, dir, "store", nil)
	named := ours.Sign(t, dir, "store.example", func(c *x509.Certificate) { c.IPAddresses = nil })
	expired := ours.Sign(t, dir, "expired", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	for _, c := range []struct {
		name   string
		server *tls.Config // nil: no TLS at all
		ca     *plugintest.Authority
		hint   string // "": it works
	}{
		{"right", &tls.Config{Certificates: []tls.Certificate{good}}, ours, ""},
		{"wrong authority", &tls.Config{Certificates: []tls.Certificate{good}}, other, "set tls.ca"},
		{"wrong name", &tls.Config{Certificates: []tls.Certificate{named}}, ours, "the certificate is for store.example"},
		{"expired", &tls.Config{Certificates: []tls.Certificate{expired}}, ours, "renew it"},
		{"no TLS there", nil, ours, "does not speak TLS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, clock := s3test.New(t), noon
			front := httptest.NewUnstartedServer(s)
			front.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes fail on purpose
			if front.TLS = c.server; c.server == nil {
				front.Start()
			} else {
				front.StartTLS()
			}
			defer front.Close()
			set := to(s)
			set.Endpoint.Value = "https://" + front.Listener.Addr().String()
			set.TLS = &clienttls.Settings{CA: plugin.Text{Value: c.ca.File}}
			l := begin(t, set, new(plugintest.Store), &clock)
			defer l.web.CloseIdleConnections()
			err := l.Collect(t.Context(), 1, made("a", noon, 0, 5))
			if c.hint == "" {
				if err != nil {
					t.Fatal(err)
				}
				l.settle(true)
				want(t, s, "a", 5)
				return
			}
			if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry || !strings.Contains(err.Error(), c.hint) {
				t.Errorf("collect gave %v", err)
			}
			if n := s.Count(s3test.Put) + s.Count(s3test.Uploads); n > 0 {
				t.Errorf("%d requests came all the same", n)
			}
		})
	}
}

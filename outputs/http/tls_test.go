package http

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// TestTLSIsVerified (O14): expired, of another name, of another authority, too old, or
// no TLS at all: nothing is sent, no secret leaves, and the message says which setting
// to look at.
func TestTLSIsVerified(t *testing.T) {
	t.Setenv("HTTP_TEST_TOKEN", "t0ken-of-ours")
	dir := t.TempDir()
	ours, other := plugintest.NewAuthority(t, "our authority"), plugintest.NewAuthority(t, "another authority")
	good := ours.Sign(t, dir, "siem", nil)
	named := ours.Sign(t, dir, "siem.example", func(c *x509.Certificate) { c.IPAddresses = nil })
	expired := ours.Sign(t, dir, "expired", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	ca := func(a *plugintest.Authority) *clienttls.Settings {
		return &clienttls.Settings{CA: plugin.Text{Value: a.File}}
	}
	modern := ca(ours)
	modern.MinVersion = "1.3"
	for _, c := range []struct {
		name   string
		server *tls.Config // nil: no TLS at all
		client *clienttls.Settings
		hint   string // "": it works
	}{
		{"right", &tls.Config{Certificates: []tls.Certificate{good}}, ca(ours), ""},
		{"no authority set", &tls.Config{Certificates: []tls.Certificate{good}}, nil, "set tls.ca"},
		{"wrong authority", &tls.Config{Certificates: []tls.Certificate{good}}, ca(other), "set tls.ca"},
		{"wrong name", &tls.Config{Certificates: []tls.Certificate{named}}, ca(ours), "the certificate is for siem.example"},
		{"expired", &tls.Config{Certificates: []tls.Certificate{expired}}, ca(ours), "renew it"},
		{"too old", &tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS12}, modern, "tls.min_version"},
		{"no TLS there", nil, ca(ours), "does not speak TLS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var came atomic.Int32
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				came.Add(1)
				say(w, 200, "{}")
			}))
			s.Config.ErrorLog = quiet()
			if s.TLS = c.server; c.server == nil {
				s.Start()
			} else {
				s.StartTLS()
			}
			defer s.Close()
			set := settingsFor(t, ndjson, "https://"+s.Listener.Addr().String())
			set.Web.TLS, set.Bearer.Env = c.client, "HTTP_TEST_TOKEN"
			err := open(t, set).Send(context.Background(), marks(2))
			if c.hint == "" {
				if err != nil || came.Load() != 1 {
					t.Errorf("%d requests came, error %v", came.Load(), err)
				}
				return
			}
			if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry || !strings.Contains(err.Error(), c.hint) || strings.Contains(err.Error(), "t0ken") {
				t.Errorf("send gave %v", err)
			}
			if came.Load() > 0 {
				t.Errorf("%d requests were answered all the same", came.Load())
			}
		})
	}
}

package s3

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
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

// TestACertificateThatChanges: a store whose certificate is suddenly another
// authority's gets nothing more; when that authority is in the file of tls.ca the
// objects go there, without a restart, and each event is in one.
func TestACertificateThatChanges(t *testing.T) {
	key(t)
	dir := t.TempDir()
	first, second := plugintest.NewAuthority(t, "the first"), plugintest.NewAuthority(t, "the second")
	var shown atomic.Pointer[tls.Certificate]
	show := func(c tls.Certificate) { shown.Store(&c) }
	show(first.Sign(t, dir, "store", nil))
	s, clock := s3test.New(t), noon
	front := httptest.NewUnstartedServer(s)
	front.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes fail on purpose
	front.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{Certificates: []tls.Certificate{*shown.Load()}}, nil
	}}
	front.StartTLS()
	defer front.Close()
	ca := filepath.Join(dir, "ca.crt")
	trust := func(a *plugintest.Authority) {
		pem, err := os.ReadFile(a.File)
		if err == nil {
			err = os.WriteFile(ca, pem, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	trust(first)
	set := to(s)
	set.Endpoint.Value = "https://" + front.Listener.Addr().String()
	set.TLS = &clienttls.Settings{CA: plugin.Text{Value: ca}}
	l := begin(t, set, new(plugintest.Store), &clock)
	defer l.web.CloseIdleConnections()
	l.give(1, made("a", noon, 0, 5)...)
	show(second.Sign(t, dir, "store", nil))
	front.CloseClientConnections()
	l.web.CloseIdleConnections() // or a request may still go to one that is gone
	var err error
	for range 3 { // the first asks to settle once more
		if _, _, err = l.Settle(t.Context(), true); err != nil {
			break
		}
	}
	if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry || !strings.Contains(err.Error(), "set tls.ca") {
		t.Errorf("another authority's certificate: %v", err)
	}
	if n := s.Count(s3test.Put); n > 0 {
		t.Errorf("%d objects came all the same", n)
	}
	trust(second)
	l.settle(true)
	want(t, s, "a", 5)
}

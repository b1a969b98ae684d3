package http

import (
	"crypto/tls"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// TestACertificateThatChanges: a receiver whose certificate is suddenly another
// authority's gets nothing more, and the events wait; when that authority is in the
// file of tls.ca they go there, without a restart. HTTP/2 is not spoken where it is
// offered, so that nothing of it can end an exchange midway.
func TestACertificateThatChanges(t *testing.T) {
	dir := t.TempDir()
	first, second := plugintest.NewAuthority(t, "the first"), plugintest.NewAuthority(t, "the second")
	var shown atomic.Pointer[tls.Certificate]
	show := func(c tls.Certificate) { shown.Store(&c) }
	show(first.Sign(t, dir, "receiver", nil))
	d := newDouble(t, ndjson, nil)
	front := httptest.NewUnstartedServer(d.Config.Handler)
	front.EnableHTTP2 = true
	front.Config.ErrorLog = quiet()
	front.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{Certificates: []tls.Certificate{*shown.Load()}, NextProtos: []string{"h2", "http/1.1"}}, nil
	}}
	front.StartTLS()
	defer front.Close()
	ca := filepath.Join(dir, "ca.crt")
	trust := func(a *plugintest.Authority, at time.Time) {
		pem, err := os.ReadFile(a.File)
		if err == nil {
			err = os.WriteFile(ca, pem, 0o600)
		}
		if err == nil {
			err = os.Chtimes(ca, at, at)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	trust(first, time.Now())
	s := settingsFor(t, ndjson, front.URL)
	s.Web.TLS = &clienttls.Settings{CA: plugin.Text{Value: ca}}
	out := open(t, s)
	events := marks(6)
	send(t, out, events[:3])
	show(second.Sign(t, dir, "receiver", nil))
	front.CloseClientConnections()
	said := ""
	for range 3 { // one may still be told of the connection that ended
		err := out.Send(t.Context(), events[3:])
		if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry {
			t.Fatalf("another authority's certificate: %v", err)
		}
		said = err.Error()
	}
	if !strings.Contains(said, "set tls.ca") {
		t.Errorf("another authority's certificate: %s", said)
	}
	trust(second, time.Now().Add(time.Minute))
	send(t, out, events[3:])
	once(t, d.stored(), 6, 1)
	for _, r := range d.seen {
		if r.ProtoMajor != 1 {
			t.Errorf("a request came as %s", r.Proto)
		}
	}
}

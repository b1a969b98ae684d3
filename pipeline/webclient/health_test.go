package webclient_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/webclient"
)

func TestRoundRobinAndFailover(t *testing.T) {
	for _, c := range []struct {
		balance string
		a, b    int
	}{{"round_robin", 3, 3}, {"failover", 6, 0}} {
		a, b := newReceiver(t, status(200)), newReceiver(t, status(200))
		s := settings(a.URL, b.URL)
		s.Balance = c.balance
		client, _ := open(t, s, webclient.Options{})
		for range 6 {
			if err := send(client); err != nil {
				t.Fatal(err)
			}
		}
		if a.count() != c.a || b.count() != c.b {
			t.Errorf("%s: %d and %d", c.balance, a.count(), b.count())
		}
	}
}

// TestAFailedReceiverIsLeftAloneForLonger: the pauses grow to a minute, the other
// has everything meanwhile, and one success ends it.
func TestAFailedReceiverIsLeftAloneForLonger(t *testing.T) {
	a, b := newReceiver(t, status(500)), newReceiver(t, status(200))
	s := settings(a.URL, b.URL)
	s.Balance = "failover"
	c, at := open(t, s, webclient.Options{})
	for i, pause := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		if err := send(c); err == nil || a.count() != i+1 {
			t.Fatalf("failure %d: %v, asked %d times", i, err, a.count())
		}
		for range 3 {
			if err := send(c); err != nil {
				t.Fatal(err)
			}
		}
		at.pass(pause*time.Second - time.Nanosecond)
		if err := send(c); err != nil || a.count() != i+1 {
			t.Fatalf("it was not left alone for %v: %v", pause*time.Second, err)
		}
		at.pass(time.Nanosecond)
	}
	a.set(status(200))
	if err := send(c); err != nil || a.count() != 9 {
		t.Fatalf("it is not tried again: %v", err)
	}
	a.set(status(500))
	if err := send(c); err == nil {
		t.Fatal("a failure is no error")
	}
	at.pass(time.Second)
	if err := send(c); err == nil || a.count() != 11 {
		t.Errorf("the pause did not begin anew after a success: %v", err)
	}
}

// TestWhatWasSurelyNotTakenGoesToTheNext within one call, and a receiver that
// is alone is asked all the same.
func TestWhatWasSurelyNotTakenGoesToTheNext(t *testing.T) {
	away, full, well := newReceiver(t, status(200)), newReceiver(t, busy("30")), newReceiver(t, status(200))
	away.Close()
	c, at := open(t, settings(away.URL, full.URL, well.URL), webclient.Options{})
	if err := send(c); err != nil || full.count() != 1 || well.count() != 1 {
		t.Fatalf("%v; %d and %d", err, full.count(), well.count())
	}
	at.pass(20 * time.Second)
	well.set(busy("5"))
	err := send(c)
	if kind, pause := plugin.KindOf(err); kind != plugin.KindAfter || pause > 5*time.Second || full.count() != 1 {
		t.Errorf("kind %d after %v: %v; the full one was asked %d times", kind, pause, err, full.count())
	}
	alone, _ := open(t, settings(well.URL), webclient.Options{})
	for i := range 3 {
		if kind, pause := plugin.KindOf(send(alone)); kind != plugin.KindAfter || pause != 5*time.Second || well.count() != 3+i {
			t.Errorf("alone: kind %d after %v, asked %d times", kind, pause, well.count())
		}
	}
}

// TestADoubtedReceiver is left alone like one that failed, and a refusal of the
// content is no failure.
func TestADoubtedReceiver(t *testing.T) {
	a, b := newReceiver(t, status(400)), newReceiver(t, status(200))
	s := settings(a.URL, b.URL)
	s.Balance = "failover"
	c, _ := open(t, s, webclient.Options{})
	for range 2 {
		if err := send(c); webclient.Refused(err) == nil {
			t.Fatalf("%v", err)
		}
	}
	c.Doubt(c.Backends()[0], os.ErrInvalid)
	if err := send(c); err != nil || a.count() != 2 || b.count() != 1 {
		t.Errorf("%v; %d and %d", err, a.count(), b.count())
	}
	if _, err := c.DoAt(context.Background(), c.Backends()[0], &webclient.Request{}); webclient.Refused(err) == nil || a.count() != 3 {
		t.Errorf("what one receiver alone can answer was not asked there: %v", err)
	}
}

// TestBefore: what is asked before a body is sent has the next receiver chosen.
func TestBefore(t *testing.T) {
	a, b := newReceiver(t, status(200)), newReceiver(t, status(200))
	c, _ := open(t, settings(a.URL, b.URL), webclient.Options{})
	var asked []*webclient.Backend
	r := &webclient.Request{Before: func(_ context.Context, one *webclient.Backend) error {
		if asked = append(asked, one); one == c.Backends()[0] {
			return os.ErrInvalid
		}
		return nil
	}}
	answer, err := c.Do(context.Background(), r)
	if err != nil || answer.Backend != c.Backends()[1] || len(asked) != 2 || a.count() != 0 {
		t.Errorf("%v by %v after %d questions", err, answer.Backend, len(asked))
	}
	r.Before = func(context.Context, *webclient.Backend) error { return os.ErrInvalid }
	if _, err := c.Do(context.Background(), r); !errors.Is(err, os.ErrInvalid) || a.count()+b.count() != 1 {
		t.Errorf("%v", err)
	}
}

// TestRenewedCertificates are used for the next connection.
func TestRenewedCertificates(t *testing.T) {
	dir, ca := t.TempDir(), plugintest.NewAuthority(t, "ours")
	pair := ca.Sign(t, dir, "server", nil)
	ca.Sign(t, dir, "us", nil)
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	var serials []string
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		serials = append(serials, r.TLS.PeerCertificates[0].SerialNumber.String())
	}))
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	srv.StartTLS()
	defer srv.Close()
	s := settings(srv.URL)
	text := func(v string) plugin.Text { return plugin.Text{Value: filepath.Join(dir, v)} }
	s.TLS = &clienttls.Settings{CA: plugin.Text{Value: ca.File}, Cert: text("us.crt"), Key: text("us.key")}
	c, _ := open(t, s, webclient.Options{})
	if err := send(c); err != nil {
		t.Fatal(err)
	}
	ca.Sign(t, dir, "us", nil)
	later := time.Now().Add(time.Minute)
	if err := os.Chtimes(filepath.Join(dir, "us.crt"), later, later); err != nil {
		t.Fatal(err)
	}
	if err := send(c); err != nil {
		t.Fatal(err)
	}
	if len(serials) != 2 || serials[0] == serials[1] {
		t.Errorf("the serials are %v", serials)
	}
	if err := os.WriteFile(filepath.Join(dir, "us.crt"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := send(c); err == nil || !strings.Contains(err.Error(), "tls.cert and tls.key") {
		t.Errorf("half a certificate: %v", err)
	}
}

// TestReceiversLeftAloneAreThoseOfAllDeliveries: the clients of an output that has
// several deliveries under way know of different failures, and one receiver is one.
func TestReceiversLeftAloneAreThoseOfAllDeliveries(t *testing.T) {
	a, b := newReceiver(t, status(500)), newReceiver(t, status(200))
	env := plugintest.Env(t.TempDir())
	env.Now = (&clock{at: time.Unix(1_700_000_000, 0)}).now
	s := settings(a.URL, b.URL)
	var clients []*webclient.Client
	for range 3 {
		c, err := webclient.New(&s, env, webclient.Options{Sharers: 3})
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
	}
	want := func(n float64) {
		t.Helper()
		env.Meter.Each(func(s meter.Sample) {
			if s.Name == "tallyman_http_receivers_left_alone" && s.Value != n {
				t.Errorf("%v are left alone, want %v", s.Value, n)
			}
		})
	}
	want(0)
	for range 2 {
		for _, c := range clients[:2] {
			_ = send(c) // to a, which fails, or b
		}
	}
	want(1)
	for _, c := range clients[1:] {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	want(1)
	if err := clients[0].Close(); err != nil {
		t.Error(err)
	}
	want(0)
}

// TestTLSThatIsWrong: the error says which setting to look at, and nothing is
// sent to whoever answers there.
func TestTLSThatIsWrong(t *testing.T) {
	plain := newReceiver(t, status(200))
	c, _ := open(t, settings(strings.Replace(plain.URL, "http:", "https:", 1)), webclient.Options{})
	if err := send(c); err == nil || !strings.Contains(err.Error(), "does not speak TLS at this port: use its TLS port, or http:// in url") {
		t.Errorf("no TLS: %v", err)
	}
	got := 0
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got++ }))
	srv.Config.ErrorLog = silent()
	srv.StartTLS()
	defer srv.Close()
	c, _ = open(t, settings(srv.URL), webclient.Options{})
	if err := send(c); err == nil || !strings.Contains(err.Error(), "set tls.ca") || got != 0 {
		t.Errorf("an unknown authority: %v, %d requests", err, got)
	}
	plain.Close()
	if err := send(c); err == nil {
		t.Error("it works now")
	}
	c, _ = open(t, settings(plain.URL), webclient.Options{})
	if err := send(c); err == nil || !strings.Contains(err.Error(), "nothing listens there: check url "+plain.URL) {
		t.Errorf("nobody there: %v", err)
	}
}

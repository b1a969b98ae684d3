package clienttls_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

func text(s string) plugin.Text { return plugin.Text{Value: s} }

func TestWithoutSettings(t *testing.T) {
	c, err := clienttls.New(nil, "", "siem.example")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := c.Config()
	if err != nil || cfg.ServerName != "siem.example" || cfg.MinVersion != tls.VersionTLS12 || cfg.RootCAs != nil ||
		cfg.Certificates != nil || cfg.InsecureSkipVerify {
		t.Errorf("%+v, %v", cfg, err)
	}
	if c.Changed() {
		t.Error("no files changed")
	}
}

func TestSettingsReachTheConfiguration(t *testing.T) {
	dir, ca := t.TempDir(), plugintest.NewAuthority(t, "ours")
	ours := ca.Sign(t, dir, "us", nil)
	c, err := clienttls.New(&clienttls.Settings{CA: text(ca.File), Cert: text("us.crt"), Key: text("us.key"), ServerName: "named.example", MinVersion: "1.3"}, dir, "host.example")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := c.Config()
	if err != nil || cfg.ServerName != "named.example" || cfg.MinVersion != tls.VersionTLS13 {
		t.Fatalf("%+v, %v", cfg, err)
	}
	if string(cfg.Certificates[0].Certificate[0]) != string(ours.Certificate[0]) {
		t.Error("the certificate is another")
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	if !cfg.RootCAs.Equal(pool) {
		t.Error("the authorities are others than ours")
	}
}

// TestRenewedFiles: what was written anew is seen by Changed and used by the next
// Config; half a certificate is an error and no old one.
func TestRenewedFiles(t *testing.T) {
	dir, ca := t.TempDir(), plugintest.NewAuthority(t, "ours")
	ca.Sign(t, dir, "us", nil)
	c, err := clienttls.New(&clienttls.Settings{Cert: text("us.crt"), Key: text("us.key")}, dir, "h")
	if err != nil || c.Changed() {
		t.Fatalf("changed before anything was: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "us.crt"), []byte("-----BEGIN"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Config(); err == nil || !c.Changed() {
		t.Errorf("half a certificate: %v, changed %v", err, c.Changed())
	}
	second := ca.Sign(t, dir, "us", nil)
	later := time.Now().Add(time.Minute)
	if err := os.Chtimes(filepath.Join(dir, "us.crt"), later, later); err != nil {
		t.Fatal(err)
	}
	if !c.Changed() {
		t.Error("a renewed certificate is not seen")
	}
	cfg, err := c.Config()
	if err != nil || string(cfg.Certificates[0].Certificate[0]) != string(second.Certificate[0]) || c.Changed() {
		t.Errorf("the renewed certificate is not used: %v", err)
	}
}

func TestWhatCannotBeUsed(t *testing.T) {
	dir, ca := t.TempDir(), plugintest.NewAuthority(t, "ours")
	ca.Sign(t, dir, "us", nil)
	ca.Sign(t, dir, "other", nil)
	if err := os.WriteFile(filepath.Join(dir, "empty"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	at := plugin.Pos{File: "tallyman.yaml", Line: 7, Col: 9}
	for _, c := range []struct {
		name string
		s    clienttls.Settings
		want string
	}{
		{"no authorities", clienttls.Settings{CA: plugin.Text{Value: "absent", Pos: at}}, "tallyman.yaml:7:9: tls.ca: "},
		{"no authority in it", clienttls.Settings{CA: plugin.Text{Value: "empty", Pos: at}}, "tallyman.yaml:7:9: tls.ca: empty holds no PEM certificate"},
		{"no certificate", clienttls.Settings{Cert: plugin.Text{Value: "absent", Pos: at}, Key: text("us.key")}, "tallyman.yaml:7:9: tls.cert and tls.key: "},
		{"another's key", clienttls.Settings{Cert: plugin.Text{Value: "us.crt", Pos: at}, Key: text("other.key")}, "tallyman.yaml:7:9: tls.cert and tls.key: "},
	} {
		_, err := clienttls.New(&c.s, dir, "h")
		var p plugin.Problems
		if !errors.As(err, &p) || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestCheck(t *testing.T) {
	var none *clienttls.Settings
	if p := none.Check(); p != nil {
		t.Errorf("no settings: %v", p)
	}
	if p := (&clienttls.Settings{Cert: text("a"), Key: text("b")}).Check(); p != nil {
		t.Errorf("a pair: %v", p)
	}
	for _, s := range []clienttls.Settings{{Cert: text("a")}, {Key: text("b")}} {
		if p := s.Check(); len(p) != 1 || p[0].Key != "tls" || !p.Bad() || !strings.Contains(p[0].Text, "come together") {
			t.Errorf("half a pair: %v", p)
		}
	}
}

// TestDialVerifies: a library that only takes a function to dial with gets what
// the settings say, against a server that is not just a double.
func TestDialVerifies(t *testing.T) {
	dir, ca, other := t.TempDir(), plugintest.NewAuthority(t, "ours"), plugintest.NewAuthority(t, "another")
	pair := ca.Sign(t, dir, "server", nil)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // it refuses handshakes on purpose
	srv.StartTLS()
	defer srv.Close()
	addr := srv.Listener.Addr().String()
	place := clienttls.Place{Key: "address", Address: "tls://" + addr, Plain: "tcp://"}
	for _, c := range []struct {
		name, ca, server, hint string
	}{
		{"right", ca.File, "", ""},
		{"a name that is not in it", ca.File, "siem.example", "the certificate is for server, 127.0.0.1: use one of these in address, or set tls.server_name"},
		{"another authority", other.File, "", "set tls.ca to the PEM file of the authority that signed the receiver's certificate, CN=ours"},
	} {
		certs, err := clienttls.New(&clienttls.Settings{CA: text(c.ca), ServerName: c.server}, dir, "")
		if err != nil {
			t.Fatal(err)
		}
		conn, err := certs.DialContext(context.Background(), "tcp", addr)
		if err == nil {
			err = conn.Close()
		}
		if c.hint == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if got := place.Explain(err); got == nil || !strings.Contains(got.Error(), c.hint) || !errors.Is(got, err) {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestExplain(t *testing.T) {
	p := clienttls.Place{Key: "url", Address: "https://h:1", Plain: "http://"}
	long := time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC)
	expired := x509.CertificateInvalidError{Reason: x509.Expired, Cert: &x509.Certificate{NotBefore: long, NotAfter: long}}
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"expired", expired, "valid from 2020-01-02 to 2020-01-02: renew it"},
		{"no TLS", tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, "use its TLS port, or http:// in url"},
		{"no TLS, as package http says it", errors.New("http: server gave HTTP response to HTTPS client"), "use its TLS port, or http:// in url"},
		{"alert", tls.AlertError(42), "see tls.cert, tls.key"},
		{"refused", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, "check url https://h:1 and whether the receiver runs"},
		{"no socket", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ENOENT)}, "there is no such socket"},
		{"no host", &net.DNSError{IsNotFound: true}, "no such host is known: check url https://h:1"},
		{"something else", errors.New("else"), ""},
	} {
		got := p.Explain(c.err)
		if c.want == "" {
			if !errors.Is(got, c.err) || got.Error() != c.err.Error() {
				t.Errorf("%s: %v", c.name, got)
			}
			continue
		}
		if !errors.Is(got, c.err) && c.name != "expired" || !strings.Contains(got.Error(), c.want) {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if p.Explain(nil) != nil {
		t.Error("no error is explained")
	}
}

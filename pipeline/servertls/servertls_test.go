package servertls_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/servertls"
)

func text(s string) plugin.Text { return plugin.Text{Value: s} }

// TestChangedFiles: a renewed certificate is used for the next connection, half a
// one is not, and is told.
func TestChangedFiles(t *testing.T) {
	dir, ca := t.TempDir(), plugintest.NewAuthority(t, "ours")
	first := ca.Sign(t, dir, "server", nil)
	var failed error
	c, err := servertls.New(&servertls.Settings{Cert: text("server.crt"), Key: text("server.key"), ClientCA: text(ca.File)}, dir,
		slog.New(slog.DiscardHandler), func(err error) { failed = err })
	if err != nil {
		t.Fatal(err)
	}
	serial := func() string { return string(c.Current().Certificates[0].Certificate[0]) }
	if cfg := c.Current(); serial() != string(first.Certificate[0]) || cfg.MinVersion != tls.VersionTLS12 || cfg.ClientAuth != tls.RequireAndVerifyClientCert {
		t.Errorf("the first configuration is %+v", cfg)
	}
	if err := os.WriteFile(filepath.Join(dir, "server.crt"), []byte("-----BEGIN"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Recheck()
	if serial() != string(first.Certificate[0]) || failed == nil || !strings.Contains(failed.Error(), "stay in force") {
		t.Errorf("half a certificate: %v", failed)
	}
	second := ca.Sign(t, dir, "server", nil)
	c.Recheck()
	if serial() != string(second.Certificate[0]) {
		t.Error("the renewed certificate is not used")
	}
}

func TestWhatCannotBeUsed(t *testing.T) {
	dir, ca := t.TempDir(), plugintest.NewAuthority(t, "ours")
	ca.Sign(t, dir, "server", nil)
	ca.Sign(t, dir, "other", nil)
	if err := os.WriteFile(filepath.Join(dir, "empty"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		s    servertls.Settings
		want string
	}{
		{"no file", servertls.Settings{Cert: text("absent"), Key: text("server.key")}, "tls.cert and tls.key"},
		{"another's key", servertls.Settings{Cert: text("server.crt"), Key: text("other.key")}, "tls.cert and tls.key"},
		{"no authority in it", servertls.Settings{Cert: text("server.crt"), Key: text("server.key"), ClientCA: text("empty")}, "holds no PEM certificate"},
		{"no authority", servertls.Settings{Cert: text("server.crt"), Key: text("server.key"), ClientCA: text("absent")}, "tls.client_ca"},
	} {
		_, err := servertls.New(&c.s, dir, slog.New(slog.DiscardHandler), func(error) {})
		var p plugin.Problems
		if !errors.As(err, &p) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestClientName(t *testing.T) {
	dir, ca := t.TempDir(), plugintest.NewAuthority(t, "ours")
	for _, c := range []struct {
		name   string
		change func(*x509.Certificate)
		want   string
	}{
		{"a name", nil, "client"},
		{"an address of the web", func(x *x509.Certificate) {
			x.DNSNames, x.URIs = nil, []*url.URL{{Scheme: "spiffe", Host: "h", Path: "/w"}}
		}, "spiffe://h/w"},
		{"a mail address", func(x *x509.Certificate) { x.DNSNames, x.EmailAddresses = nil, []string{"a@b"} }, "a@b"},
		{"a common name", func(x *x509.Certificate) { x.DNSNames = nil }, "cn of client"},
	} {
		leaf, err := x509.ParseCertificate(ca.Sign(t, dir, "client", c.change).Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		st := tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}
		if got := servertls.ClientName(st); got != "" {
			t.Errorf("%s: %q of a certificate that nobody verified", c.name, got)
		}
		st.VerifiedChains = [][]*x509.Certificate{{leaf, ca.Cert}}
		if got := servertls.ClientName(st); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

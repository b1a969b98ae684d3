package syslog

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
	"tallyman/pipeline/servertls"
)

// secure starts an input with a certificate of ca in dir.
func secure(t *testing.T, dir string, set servertls.Settings) *input {
	t.Helper()
	text := func(s string) plugin.Text { return plugin.Text{Value: s} }
	set.Cert, set.Key = text("server.crt"), text("server.key")
	return start(t, "tls://127.0.0.1:0", func(s *Settings, env *plugin.Env) { s.TLS, env.Dir = &set, dir })
}

// tlsCase is one client and what becomes of it.
type tlsCase struct {
	name   string
	input  servertls.Settings
	client *tls.Config
	label  string // "refused": nothing of it may be read
}

// run lets the client send, and judges what is read.
func (c tlsCase) run(t *testing.T, in *input) {
	t.Helper()
	c.client.ServerName = "server"
	if c.label == "refused" { // a client that does not know what is wrong sends its certificate all the same
		cert := c.client.Certificates
		c.client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if len(cert) == 0 {
				return new(tls.Certificate), nil
			}
			return &cert[0], nil
		}
	}
	raw := dialInput(t, in)
	defer func() { _ = raw.Close() }()
	client := tls.Client(raw, c.client)
	_ = client.SetDeadline(time.Now().Add(patience))
	_, err := client.Write([]byte("<13>secret\n"))
	if c.label == "refused" {
		isClosed(t, client)
		settled(t, in)
		if got := stopped(t, in); len(got) > 0 || in.count.handshakes.Value() != 1 {
			t.Errorf("read %s, counted %d", dumps(got), in.count.handshakes.Value())
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	e := until(t, in, 1)[0]
	if label := e.Fields.GetNamed(schema.Labels, clientLabel).Str(); e.Raw != "<13>secret" || label != c.label ||
		e.Get(schema.LogSourceAddress).Str() != raw.LocalAddr().String() {
		t.Errorf("read %q of %q at %s, want %q", e.Raw, label, e.Get(schema.LogSourceAddress).Str(), c.label)
	}
}

func TestTLS(t *testing.T) {
	ours, other := plugintest.NewAuthority(t, "our authority"), plugintest.NewAuthority(t, "another authority")
	dir := t.TempDir()
	ours.Sign(t, dir, "server", nil)
	good := ours.Sign(t, dir, "web-1.example", nil)
	onlyCN := ours.Sign(t, dir, "old", func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = nil, nil })
	spiffe := ours.Sign(t, dir, "spiffe", func(c *x509.Certificate) {
		c.DNSNames, c.URIs = nil, []*url.URL{{Scheme: "spiffe", Host: "cluster", Path: "/web"}}
	})
	expired := ours.Sign(t, dir, "expired", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	future := ours.Sign(t, dir, "future", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(30 * time.Minute) })
	server := ours.Sign(t, dir, "not-for-clients", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	stranger := other.Sign(t, dir, "stranger", nil)
	asks := servertls.Settings{ClientCA: plugin.Text{Value: ours.File}}
	only13 := servertls.Settings{ClientCA: asks.ClientCA, MinVersion: "1.3"}
	of := func(c ...tls.Certificate) *tls.Config { return &tls.Config{Certificates: c} }
	at := func(version uint16, c ...tls.Certificate) *tls.Config {
		return &tls.Config{Certificates: c, MinVersion: version, MaxVersion: version}
	}
	pool := x509.NewCertPool()
	pool.AddCert(ours.Cert)
	for _, c := range []tlsCase{
		{"no certificate is asked for", servertls.Settings{}, of(), ""},
		{"one that is not asked for says nothing", servertls.Settings{}, of(good), ""},
		{"a certificate", asks, of(good), "web-1.example"},
		{"a certificate with TLS 1.2", asks, at(tls.VersionTLS12, good), "web-1.example"},
		{"a certificate with a common name alone", asks, of(onlyCN), "cn of old"},
		{"a certificate with a URI", asks, of(spiffe), "spiffe://cluster/web"},
		{"TLS 1.3 where that is the oldest", only13, of(good), "web-1.example"},
		{"no certificate", asks, of(), "refused"},
		{"no certificate with TLS 1.2", asks, at(tls.VersionTLS12), "refused"},
		{"of another authority", asks, of(stranger), "refused"},
		{"expired", asks, of(expired), "refused"},
		{"not yet valid", asks, of(future), "refused"},
		{"not for clients", asks, of(server), "refused"},
		{"TLS 1.0", asks, at(tls.VersionTLS10, good), "refused"},
		{"TLS 1.1", asks, at(tls.VersionTLS11, good), "refused"},
		{"TLS 1.1 without a certificate", servertls.Settings{}, at(tls.VersionTLS11), "refused"},
		{"TLS 1.2 where 1.3 is the oldest", only13, at(tls.VersionTLS12, good), "refused"},
	} {
		t.Run(c.name, func(t *testing.T) { c.client.RootCAs = pool; c.run(t, secure(t, dir, c.input)) })
	}
	t.Run("no TLS at all", func(t *testing.T) {
		in := secure(t, dir, servertls.Settings{})
		raw := dialInput(t, in)
		defer func() { _ = raw.Close() }()
		send(t, raw, "<13>in the clear\n")
		isClosedAfterAlert(t, raw)
		settled(t, in)
		if got := stopped(t, in); len(got) > 0 || in.count.handshakes.Value() != 1 {
			t.Errorf("read %s", dumps(got))
		}
	})
}

// settled waits until an input that gives nothing has no connection any more.
func settled(t *testing.T, in *input) {
	t.Helper()
	for end := time.Now().Add(patience); in.count.open.Value() > 0; {
		var b event.Batch
		if err := in.Read(t.Context(), &b, time.Millisecond); err != nil || len(b.Events) > 0 || time.Now().After(end) {
			t.Fatalf("read %s, %v; %d are open", dumps(b.Events), err, in.count.open.Value())
		}
	}
}

// isClosedAfterAlert waits for the end of a connection, whatever comes before.
func isClosedAfterAlert(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	for err := error(nil); err == nil; {
		_, err = c.Read(make([]byte, 64))
	}
}

// TestChangedCertificatesAreUsed: for the next connection, and not where they are
// only half there.
func TestChangedCertificatesAreUsed(t *testing.T) {
	ours := plugintest.NewAuthority(t, "our authority")
	dir := t.TempDir()
	ours.Sign(t, dir, "server", nil)
	in := secure(t, dir, servertls.Settings{})
	pool := x509.NewCertPool()
	pool.AddCert(ours.Cert)
	serial := func() int64 {
		t.Helper()
		in.certs.Recheck()
		raw := dialInput(t, in)
		defer func() { _ = raw.Close() }()
		c := tls.Client(raw, &tls.Config{RootCAs: pool, ServerName: "server"})
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if n := serial(); n != 2 {
		t.Fatalf("the first certificate is number %d", n)
	}
	text, err := os.ReadFile(filepath.Join(dir, "server.crt"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "server.crt"), text[:len(text)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if n := serial(); n != 2 {
		t.Errorf("half a file was used: number %d", n)
	}
	ours.Sign(t, dir, "server", nil)
	if n := serial(); n != 3 {
		t.Errorf("after the change the certificate is number %d", n)
	}
}

func TestWrongCertificateFilesAreRefusedAtTheStart(t *testing.T) {
	dir := t.TempDir()
	plugintest.NewAuthority(t, "a").Sign(t, dir, "server", nil)
	if err := os.WriteFile(filepath.Join(dir, "empty"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	at := func(s string) plugin.Text {
		return plugin.Text{Value: s, Pos: plugin.Pos{File: "tallyman.yaml", Line: 7, Col: 9}}
	}
	for name, c := range map[string]servertls.Settings{
		"no file":      {Cert: at("absent"), Key: at("server.key")},
		"no pair":      {Cert: at("empty"), Key: at("empty")},
		"no authority": {Cert: at("server.crt"), Key: at("server.key"), ClientCA: at("empty")},
		"no such file": {Cert: at("server.crt"), Key: at("server.key"), ClientCA: at("absent")},
	} {
		s := settingsFor("tls://127.0.0.1:0", "")
		s.TLS = &c
		env := envOf(t)
		env.Dir = dir
		in, err := Plugin.Input(s, env)
		if in != nil || err == nil || !strings.HasPrefix(err.Error(), "tallyman.yaml:7:9: tls.c") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

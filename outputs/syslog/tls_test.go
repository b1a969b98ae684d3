package syslog

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/plugin"
)

// authority signs certificates for one test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{key: newKey(t), file: filepath.Join(t.TempDir(), "ca.crt")}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func writePEM(t *testing.T, file, typ string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// sign returns a certificate for host as files and as a pair.
func (a *authority) sign(t *testing.T, host string, until time.Time) (cert, key string, pair tls.Certificate) {
	t.Helper()
	k := newKey(t)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "lab"}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	if ip := net.ParseIP(host); ip != nil {
		tmpl.IPAddresses = []net.IP{ip}
	} else {
		tmpl.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &k.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	kder, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "crt"), filepath.Join(dir, "key")
	writePEM(t, cert, "CERTIFICATE", der)
	writePEM(t, key, "EC PRIVATE KEY", kder)
	return cert, key, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k}
}

func TestTLSIsVerified(t *testing.T) {
	soon := time.Now().Add(time.Hour)
	ours, other := newAuthority(t, "our authority"), newAuthority(t, "another authority")
	_, _, good := ours.sign(t, "127.0.0.1", soon)
	_, _, named := ours.sign(t, "siem.example", soon)
	_, _, expired := ours.sign(t, "127.0.0.1", time.Now().Add(-time.Hour))
	clientCert, clientKey, _ := ours.sign(t, "client", soon)
	strangeCert, strangeKey, _ := other.sign(t, "client", soon)
	pool := x509.NewCertPool()
	pool.AddCert(ours.cert)
	set := func(c clienttls.Settings) *clienttls.Settings { return &c }
	path := func(s string) plugin.Text { return plugin.Text{Value: s} }
	plain := tls.Config{Certificates: []tls.Certificate{good}}
	asking := tls.Config{Certificates: []tls.Certificate{good}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	silent := asking.Clone()
	silent.SessionTicketsDisabled = true

	for _, c := range []struct {
		name   string
		server *tls.Config // nil: no TLS at all
		client *clienttls.Settings
		hint   string // "": it works
	}{
		{"right", &plain, set(clienttls.Settings{CA: path(ours.file)}), ""},
		{"right with TLS 1.2", &tls.Config{Certificates: plain.Certificates, MaxVersion: tls.VersionTLS12}, set(clienttls.Settings{CA: path(ours.file)}), ""},
		{"no tickets", &tls.Config{Certificates: plain.Certificates, SessionTicketsDisabled: true}, set(clienttls.Settings{CA: path(ours.file)}), ""},
		{"other name, named", &tls.Config{Certificates: []tls.Certificate{named}}, set(clienttls.Settings{CA: path(ours.file), ServerName: "siem.example"}), ""},
		{"client certificate", &asking, set(clienttls.Settings{CA: path(ours.file), Cert: path(clientCert), Key: path(clientKey)}), ""},
		{"no authority set", &plain, nil, "set tls.ca to the PEM file of the authority that signed the receiver's certificate, CN=our authority"},
		{"wrong authority", &plain, set(clienttls.Settings{CA: path(other.file)}), "set tls.ca"},
		{"wrong name", &tls.Config{Certificates: []tls.Certificate{named}}, set(clienttls.Settings{CA: path(ours.file)}), "the certificate is for siem.example"},
		{"expired", &tls.Config{Certificates: []tls.Certificate{expired}}, set(clienttls.Settings{CA: path(ours.file)}), "renew it"},
		{"too old", &tls.Config{Certificates: plain.Certificates, MaxVersion: tls.VersionTLS12}, set(clienttls.Settings{CA: path(ours.file), MinVersion: "1.3"}), "tls.min_version"},
		{"certificate missing", &asking, set(clienttls.Settings{CA: path(ours.file)}), "see tls.cert"},
		{"certificate missing, no tickets", silent, set(clienttls.Settings{CA: path(ours.file)}), "see tls.cert"},
		{"certificate of a stranger", &asking, set(clienttls.Settings{CA: path(ours.file), Cert: path(strangeCert), Key: path(strangeKey)}), "see tls.cert"},
		{"no TLS there", nil, set(clienttls.Settings{CA: path(ours.file)}), "does not speak TLS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ln := listen(t, "tcp", "127.0.0.1:0")
			addr := ln.Addr().String()
			handle, got := collect(octets)
			if c.server != nil {
				ln = tls.NewListener(ln, c.server)
			} else {
				handle = func(c net.Conn) { _, _ = c.Write([]byte("220 not TLS\r\n")) }
			}
			serve(t, ln, handle)
			o := open(t, "tls://"+addr, func(s *Settings) { s.TLS = c.client })
			err := o.Send(context.Background(), texts("secret"))
			if c.hint == "" {
				if err != nil {
					t.Fatal(err)
				}
				if m := <-got; m != "secret" {
					t.Errorf("%q arrived", m)
				}
				o.careful = true // parts end in TLS and below it
				send(t, o, "part")
				want(t, got, "secret", "part")
				return
			}
			if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry || !strings.Contains(err.Error(), c.hint) {
				t.Errorf("send gave %v", err)
			}
			if len(got) > 0 {
				t.Errorf("%q was sent all the same", <-got)
			}
		})
	}
}

func TestWrongCertificateFilesAreRefusedAtTheStart(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "empty"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	at := plugin.Pos{File: "tallyman.yaml", Line: 7, Col: 9}
	for name, c := range map[string]clienttls.Settings{
		"no file":    {CA: plugin.Text{Value: "absent", Pos: at}},
		"no PEM":     {CA: plugin.Text{Value: "empty", Pos: at}},
		"no keypair": {Cert: plugin.Text{Value: "empty", Pos: at}, Key: plugin.Text{Value: "empty"}},
	} {
		s := Default()
		s.Address, s.TLS = plugin.Text{Value: "tls://localhost"}, &c
		_, err := New(&s, plugin.Env{Dir: dir})
		if err == nil || !strings.HasPrefix(err.Error(), "tallyman.yaml:7:9: tls.c") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

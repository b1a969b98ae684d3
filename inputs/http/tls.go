package http

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"tallyman/pipeline/plugin"
)

// recheck is how often the files of certificates are looked at, at most.
const recheck = time.Second

// certs are the certificates of a listener, read again when their files change.
type certs struct {
	files [3]string // certificate, key, authorities of clients or ""
	s     *TLS
	say   *sayer

	mu     sync.Mutex // guards what follows
	cfg    *tls.Config
	stamp  stamp
	looked time.Time
}

// stamp tells versions of the files apart.
type stamp [3]struct {
	modified time.Time
	size     int64
}

// newCerts reads the certificates. An error is plugin.Problems.
func newCerts(s *TLS, dir string, say *sayer) (*certs, error) {
	c := &certs{s: s, say: say}
	for i, t := range []plugin.Text{s.Cert, s.Key, s.ClientCA} {
		if c.files[i] = t.Value; t.Value != "" && !filepath.IsAbs(t.Value) {
			c.files[i] = filepath.Join(dir, t.Value)
		}
	}
	c.stamp = c.look()
	cfg, err := c.load()
	if err != nil {
		return nil, err
	}
	c.cfg, c.looked = cfg, time.Now()
	return c, nil
}

// look takes the stamp of the files as they are.
func (c *certs) look() stamp {
	var s stamp
	for i, file := range c.files {
		if file == "" {
			continue
		}
		if info, err := os.Stat(file); err == nil {
			s[i].modified, s[i].size = info.ModTime(), info.Size()
		}
	}
	return s
}

// load reads the files.
func (c *certs) load() (*tls.Config, error) {
	wrong := func(at plugin.Text, text string) error {
		return plugin.Problems{{Pos: at.Pos, Width: len(at.Value), Text: text}}
	}
	pair, err := tls.LoadX509KeyPair(c.files[0], c.files[1])
	if err != nil {
		return nil, wrong(c.s.Cert, fmt.Sprintf("tls.cert and tls.key: %v", err))
	}
	// Without tickets each connection is verified anew, against the authorities
	// of now.
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, SessionTicketsDisabled: true}
	if c.s.MinVersion == "1.3" {
		cfg.MinVersion = tls.VersionTLS13
	}
	if c.files[2] == "" {
		return cfg, nil
	}
	pem, err := os.ReadFile(c.files[2])
	if err != nil {
		return nil, wrong(c.s.ClientCA, fmt.Sprintf("tls.client_ca: %v", err))
	}
	cfg.ClientCAs, cfg.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !cfg.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, wrong(c.s.ClientCA, "tls.client_ca: "+c.s.ClientCA.Value+" holds no PEM certificate")
	}
	return cfg, nil
}

// current returns the configuration of the next connection. Files that cannot be
// used (half of them are written) leave the last one in force, and are tried
// again.
func (c *certs) current() *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Sub(c.looked) < recheck {
		return c.cfg
	}
	c.looked = now
	at := c.look()
	if at == c.stamp {
		return c.cfg
	}
	cfg, err := c.load()
	if err != nil {
		c.say.say("the changed certificates cannot be used; the last ones stay in force", "", err)
		return c.cfg
	}
	c.cfg, c.stamp = cfg, at
	c.say.env.Log.Info("http: the certificates were read again")
	return c.cfg
}

// clientName is the name in the certificate of a client: the first of its
// alternative names, else its common name.
func clientName(st tls.ConnectionState) string {
	if len(st.VerifiedChains) == 0 || len(st.PeerCertificates) == 0 {
		return ""
	}
	leaf := st.PeerCertificates[0]
	switch {
	case len(leaf.DNSNames) > 0:
		return leaf.DNSNames[0]
	case len(leaf.URIs) > 0:
		return leaf.URIs[0].String()
	case len(leaf.EmailAddresses) > 0:
		return leaf.EmailAddresses[0]
	case leaf.Subject.CommonName != "":
		return leaf.Subject.CommonName
	}
	return leaf.Subject.String()
}

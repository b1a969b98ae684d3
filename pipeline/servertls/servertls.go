// Package servertls is the certificates of a listener: read from the files that
// settings name, and again when they change, so that a renewal needs no reload.
// It knows no protocol above TLS.
package servertls

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"tallyman/pipeline/plugin"
)

// recheck is how often the files of certificates are looked at, at most.
const recheck = time.Second

// Settings are the keys of a listener's TLS.
type Settings struct {
	Cert       plugin.Text `yaml:"cert" doc:"A PEM file with our certificate, and what stands between it and its authority." example:"/etc/tallyman/server.crt" required:"true"`
	Key        plugin.Text `yaml:"key" doc:"The PEM file with the key of cert." example:"/etc/tallyman/server.key" required:"true"`
	ClientCA   plugin.Text `yaml:"client_ca" doc:"A PEM file with the authorities of the clients' certificates. Where it is set, a client without a valid one is refused." example:"/etc/tallyman/clients.crt"`
	MinVersion string      `yaml:"min_version" doc:"The oldest TLS version that is spoken; 1.2 where it is not set." enum:"1.2,1.3"`
}

// Certs are the certificates of a listener, read again when their files change.
// They may be used by several goroutines.
type Certs struct {
	files [3]string // certificate, key, authorities of clients or ""
	s     *Settings
	log   *slog.Logger
	fail  func(error)

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

// New reads the certificates; relative paths start at dir. Fail is told when files
// that changed cannot be used. An error is plugin.Problems.
func New(s *Settings, dir string, log *slog.Logger, fail func(error)) (*Certs, error) {
	c := &Certs{s: s, log: log, fail: fail}
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
func (c *Certs) look() stamp {
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
func (c *Certs) load() (*tls.Config, error) {
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

// Current returns the configuration of the next connection. Files that cannot be
// used (half of them are written) leave the last one in force, and are tried
// again.
func (c *Certs) Current() *tls.Config {
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
		c.fail(fmt.Errorf("the changed certificates cannot be used; the last ones stay in force: %w", err))
		return c.cfg
	}
	c.cfg, c.stamp = cfg, at
	c.log.Info("the certificates were read again")
	return c.cfg
}

// Recheck has the files looked at for the next connection, however short ago that
// was done.
func (c *Certs) Recheck() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked = time.Time{}
}

// ClientName is the name in the verified certificate of a client, "" without
// one: the first of its
// alternative names, else its common name.
func ClientName(st tls.ConnectionState) string {
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

// Package clienttls is the certificates of a connection that we make: read from
// the files that settings name, anew for every connection, so that a renewal
// needs no reload. The receiver's certificate is always verified. It knows no
// protocol above TLS.
//
// An output has a field `TLS *clienttls.Settings` with the key tls, calls its
// Check in its own, and builds a Certs with New.
package clienttls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"tallyman/pipeline/plugin"
)

// Settings are the keys of a client's TLS.
type Settings struct {
	CA         plugin.Text `yaml:"ca" doc:"A PEM file with the authorities that the receiver's certificate may be signed by, in place of the system's." example:"/etc/tallyman/ca.crt"`
	Cert       plugin.Text `yaml:"cert" doc:"A PEM file with our certificate, for a receiver that asks for one."`
	Key        plugin.Text `yaml:"key" doc:"The PEM file with the key of cert."`
	ServerName string      `yaml:"server_name" doc:"The name that the receiver's certificate must have, in place of the host of the address."`
	MinVersion string      `yaml:"min_version" doc:"The oldest TLS version that is spoken." enum:"1.2,1.3"`
}

// Check returns what is wrong with the settings under the key tls; nil settings
// are in order.
func (s *Settings) Check() plugin.Problems {
	if s == nil || (s.Cert.Value == "") == (s.Key.Value == "") {
		return nil
	}
	return plugin.Problems{{Key: "tls", Text: "tls.cert and tls.key come together, and one is missing"}}
}

// Certs are the certificates of the connections to one receiver. They may be
// used by several goroutines.
type Certs struct {
	s     Settings
	files [3]string // authorities, certificate, key; each may be ""
	host  string    // the name to verify

	mu    sync.Mutex // guards stamp
	stamp stamp      // of the files as Config read them last
}

// stamp tells versions of the files apart.
type stamp [3]struct {
	modified time.Time
	size     int64
}

// New reads the files that s names, which may be nil: then the system's
// authorities count and we have no certificate. Relative paths start at dir. Host
// is the name that the receiver's certificate must have where the settings name
// none; "" leaves it to whoever dials (DialContext, or package http). An error is
// plugin.Problems.
func New(s *Settings, dir, host string) (*Certs, error) {
	c := &Certs{host: host}
	if s != nil {
		c.s = *s
	}
	for i, t := range []plugin.Text{c.s.CA, c.s.Cert, c.s.Key} {
		if c.files[i] = t.Value; t.Value != "" && !filepath.IsAbs(t.Value) {
			c.files[i] = filepath.Join(dir, t.Value)
		}
	}
	if c.s.ServerName != "" {
		c.host = c.s.ServerName
	}
	// Tried here so that a wrong path is a mistake in the file, not in the night.
	if _, err := c.Config(); err != nil {
		return nil, err
	}
	return c, nil
}

// Config reads the files and returns the configuration of the next connection,
// which is the caller's. An error is plugin.Problems.
func (c *Certs) Config() (*tls.Config, error) {
	at := c.look() // before they are read: what changes meanwhile is read once more
	cfg := &tls.Config{ServerName: c.host, MinVersion: tls.VersionTLS12}
	if c.s.MinVersion == "1.3" {
		cfg.MinVersion = tls.VersionTLS13
	}
	if c.files[0] != "" {
		pem, err := os.ReadFile(c.files[0])
		if err != nil {
			return nil, wrong(c.s.CA, fmt.Sprintf("tls.ca: %v", err))
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, wrong(c.s.CA, "tls.ca: "+c.s.CA.Value+" holds no PEM certificate")
		}
	}
	if c.files[1] != "" {
		pair, err := tls.LoadX509KeyPair(c.files[1], c.files[2])
		if err != nil {
			return nil, wrong(c.s.Cert, fmt.Sprintf("tls.cert and tls.key: %v", err))
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	c.mu.Lock()
	c.stamp = at
	c.mu.Unlock()
	return cfg, nil
}

// Changed reports whether the files are others than those that Config read last:
// for a client that keeps one configuration for many connections.
func (c *Certs) Changed() bool {
	at := c.look()
	c.mu.Lock()
	defer c.mu.Unlock()
	return at != c.stamp
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

// DialContext makes a TLS connection to addr (host:port) with the files as they
// are now, for a library that takes a function to dial with. The handshake is
// done when it returns.
func (c *Certs) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return c.Over((&net.Dialer{}).DialContext)(ctx, network, addr)
}

// Dial makes a connection.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// Over is DialContext over connections that dial makes.
func (c *Certs) Over(dial Dial) Dial {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		cfg, err := c.Config()
		if err != nil {
			return nil, err
		}
		if cfg.ServerName == "" {
			if cfg.ServerName, _, err = net.SplitHostPort(addr); err != nil {
				return nil, err
			}
		}
		socket, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		conn := tls.Client(socket, cfg)
		if err := conn.HandshakeContext(ctx); err != nil {
			_ = socket.Close() // the error that counts is err
			return nil, err
		}
		return conn, nil
	}
}

func wrong(at plugin.Text, text string) error {
	return plugin.Problems{{Pos: at.Pos, Width: len(at.Value), Text: text}}
}

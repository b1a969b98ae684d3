package syslog

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"tallyman/pipeline/plugin"
)

// config reads the certificates. It is read for every connection, so that a
// renewed one is used without a restart. An error is plugin.Problems.
func (d *dialer) config(sessions tls.ClientSessionCache) (*tls.Config, error) {
	cfg := &tls.Config{ServerName: d.target.host, MinVersion: tls.VersionTLS12, ClientSessionCache: sessions}
	c := d.tls
	if c == nil {
		return cfg, nil
	}
	if c.ServerName != "" {
		cfg.ServerName = c.ServerName
	}
	if c.MinVersion == "1.3" {
		cfg.MinVersion = tls.VersionTLS13
	}
	if c.CA.Value != "" {
		pem, err := os.ReadFile(d.path(c.CA))
		if err != nil {
			return nil, wrong(c.CA, fmt.Sprintf("tls.ca: %v", err))
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, wrong(c.CA, "tls.ca: "+c.CA.Value+" holds no PEM certificate")
		}
	}
	if c.Cert.Value != "" {
		pair, err := tls.LoadX509KeyPair(d.path(c.Cert), d.path(c.Key))
		if err != nil {
			return nil, wrong(c.Cert, fmt.Sprintf("tls.cert and tls.key: %v", err))
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

func (d *dialer) path(t plugin.Text) string {
	if filepath.IsAbs(t.Value) {
		return t.Value
	}
	return filepath.Join(d.dir, t.Value)
}

func wrong(at plugin.Text, text string) error {
	return plugin.Problems{{Pos: at.Pos, Width: len(at.Value), Text: text}}
}

// explain adds to an error of the network what a person can do about it.
func explain(err error, t target) error {
	if hint := hintFor(err, t); hint != "" {
		return fmt.Errorf("%w (%s)", err, hint)
	}
	return err
}

func hintFor(err error, t target) string {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		plain   tls.RecordHeaderError
		alert   tls.AlertError
	)
	switch {
	case errors.As(err, &unknown):
		return "set tls.ca to the PEM file of the authority that signed the receiver's certificate" + issuer(unknown.Cert)
	case errors.As(err, &name):
		return "the certificate is for " + names(name.Certificate) + ": use one of these in address, or set tls.server_name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("the receiver's certificate is valid from %s to %s: renew it, or set this host's clock",
			invalid.Cert.NotBefore.UTC().Format("2006-01-02"), invalid.Cert.NotAfter.UTC().Format("2006-01-02"))
	case errors.As(err, &plain):
		return "the receiver does not speak TLS at this port: use its TLS port, or tcp:// in address"
	case errors.As(err, &alert), strings.Contains(err.Error(), "remote error: tls: "):
		return "the receiver refused our side of TLS: see tls.cert, tls.key and tls.min_version"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: check address " + t.String() + " and whether the receiver runs"
	case errors.Is(err, os.ErrNotExist):
		return "there is no such socket: check address " + t.String() + " and whether the receiver runs"
	}
	return ""
}

func issuer(c *x509.Certificate) string {
	if c == nil {
		return ""
	}
	return ", " + c.Issuer.String()
}

func names(c *x509.Certificate) string {
	list := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		list = append(list, ip.String())
	}
	if len(list) == 0 {
		return "no name at all"
	}
	return strings.Join(list, ", ")
}

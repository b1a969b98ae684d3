package clienttls

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
)

// Place is a receiver as the settings name it, for the hints of Explain.
type Place struct {
	Key     string // the key of the settings that names it: "address"
	Address string // what stands there: "tls://siem:6514"
	Plain   string // the scheme of Key that does not encrypt: "tcp://"; "" where there is none
}

// Explain adds to an error of the network what a person can do about it. An
// error that it knows nothing about comes back as it is.
func (p Place) Explain(err error) error {
	if hint := p.hint(err); hint != "" {
		return fmt.Errorf("%w (%s)", err, hint)
	}
	return err
}

func (p Place) hint(err error) string {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		plain   tls.RecordHeaderError
		alert   tls.AlertError
		dns     *net.DNSError
	)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &unknown):
		return "set tls.ca to the PEM file of the authority that signed the receiver's certificate" + issuer(unknown.Cert)
	case errors.As(err, &name):
		return "the certificate is for " + names(name.Certificate) + ": use one of these in " + p.Key + ", or set tls.server_name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("the receiver's certificate is valid from %s to %s: renew it, or set this host's clock",
			invalid.Cert.NotBefore.UTC().Format("2006-01-02"), invalid.Cert.NotAfter.UTC().Format("2006-01-02"))
	case errors.As(err, &plain), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "the receiver does not speak TLS at this port: use its TLS port" + p.orPlain()
	case errors.As(err, &alert), strings.Contains(err.Error(), "remote error: tls: "):
		return "the receiver refused our side of TLS: see tls.cert, tls.key and tls.min_version"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: check " + p.Key + " " + p.Address + " and whether the receiver runs"
	case errors.Is(err, os.ErrNotExist):
		return "there is no such socket: check " + p.Key + " " + p.Address + " and whether the receiver runs"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no such host is known: check " + p.Key + " " + p.Address + " and this host's name servers"
	}
	return ""
}

func (p Place) orPlain() string {
	if p.Plain == "" {
		return ""
	}
	return ", or " + p.Plain + " in " + p.Key
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

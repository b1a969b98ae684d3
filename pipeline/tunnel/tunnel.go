// Package tunnel makes TCP connections through a proxy: an HTTP one, with the method
// CONNECT (RFC 9110 section 9.3.6), or a SOCKS one of version 5 (RFC 1928, with the
// user and the password of RFC 1929). It has what an http.Transport needs of the same
// settings. It knows nothing of what goes through a connection, and nothing of TLS to
// the receiver.
package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"tallyman/pipeline/plugin"
)

// None is the word of proxy for none.
const None = "none"

// The schemes of the key proxy. The two of SOCKS are one here: it is always the
// proxy that looks the receiver's name up, so that it is looked up in one place.
const (
	schemeHTTP   = "http"
	schemeHTTPS  = "https" // for those who speak HTTP themselves
	schemeSocks  = "socks5"
	schemeSocksH = "socks5h"
)

var ports = map[string]string{schemeHTTP: "80", schemeHTTPS: "443", schemeSocks: "1080", schemeSocksH: "1080"}

const hint = "write it as http://host:port or socks5://host:port, or none"

// Dialer makes connections; nil makes them without a proxy. It may be used by
// several goroutines.
type Dialer struct {
	addr  string // of the proxy, host:port
	socks bool
	auth  plugin.Secret
}

// New returns the dialer for the values of the keys proxy and proxy_auth: nil where
// they name no proxy.
func New(proxy plugin.Text, auth plugin.Secret) (*Dialer, error) {
	u, err := parse(proxy.Value)
	if err != nil || u == nil {
		return nil, err
	}
	if u.Scheme == schemeHTTPS {
		return nil, fmt.Errorf("proxy %q is not http:// or socks5://, and no other proxies are spoken to", proxy.Value)
	}
	return &Dialer{addr: u.Host, socks: u.Scheme != schemeHTTP, auth: auth}, nil
}

// parse reads the key proxy. It returns nil where that names none, and otherwise a
// URL with scheme, host and port and nothing else.
func parse(proxy string) (*url.URL, error) {
	if proxy == "" || proxy == None {
		return nil, nil
	}
	u, err := url.Parse(proxy)
	if err != nil {
		return nil, errors.New("proxy is not a URL") // the text may hold a password
	}
	port, known := ports[u.Scheme]
	switch {
	case u.User != nil:
		return nil, errors.New("proxy holds a user or a password, which would be shown wherever it stands: set proxy_auth")
	case !known:
		return nil, fmt.Errorf("proxy %q is not http:// or socks5://, and no other proxies are spoken to", proxy)
	case u.Hostname() == "", strings.Trim(u.Path, "/") != "", u.RawQuery != "", u.Fragment != "":
		return nil, fmt.Errorf("proxy %q is not a host and a port", proxy)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	return &url.URL{Scheme: u.Scheme, Host: net.JoinHostPort(u.Hostname(), port)}, nil
}

// Check returns what is wrong with the two keys.
func Check(proxy plugin.Text, auth plugin.Secret) plugin.Problems {
	_, err := New(proxy, auth)
	return problems(err, proxy, auth)
}

func problems(err error, proxy plugin.Text, auth plugin.Secret) plugin.Problems {
	switch {
	case err != nil:
		return plugin.Problems{{Pos: proxy.Pos, Width: len(proxy.Value), Key: "proxy", Text: err.Error(), Hint: hint}}
	case !auth.IsZero() && (proxy.Value == "" || proxy.Value == None):
		return plugin.Problems{{Key: "proxy_auth", Text: "proxy_auth is set, but no proxy", Hint: "set proxy"}}
	}
	return nil
}

// DialContext connects to addr. The name in it is looked up by the proxy. The
// connection that it returns is the one to the proxy, with nothing around it.
func (d *Dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if d == nil {
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	c, err := (&net.Dialer{}).DialContext(ctx, network, d.addr)
	if err != nil {
		return nil, d.failed(ctx, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	ask := d.connect
	if d.socks {
		ask = d.associate
	}
	err = ask(c, addr)
	if !stop() && err == nil {
		err = ctx.Err() // the deadline is set, or is about to be
	}
	if err != nil {
		_ = c.Close() // the error that counts is err
		return nil, d.failed(ctx, err)
	}
	return c, nil
}

// failed is the error of something between us and the proxy. It does not wrap what
// the network said: that would be taken for the receiver's.
func (d *Dialer) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("the proxy %s: %w", d.addr, ctx.Err())
	}
	return errors.New("the proxy " + d.addr + ": " + err.Error() + " (see proxy)")
}

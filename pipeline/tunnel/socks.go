package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"golang.org/x/net/proxy"
)

// given hands out a connection that is there already: package proxy then returns it
// as it is, and what ends the wait for the proxy is the deadline that is set on it.
type given struct{ net.Conn }

// Dial implements proxy.Dialer.
func (g given) Dial(string, string) (net.Conn, error) { return g.Conn, nil }

// DialContext implements proxy.ContextDialer.
func (g given) DialContext(context.Context, string, string) (net.Conn, error) { return g.Conn, nil }

// associate asks a SOCKS proxy for a connection to addr.
func (d *Dialer) associate(c net.Conn, addr string) error {
	var auth *proxy.Auth
	if !d.auth.IsZero() {
		secret, err := d.auth.Read() // for each connection, so that it can be renewed
		if err != nil {
			return fmt.Errorf("proxy_auth: %w", err)
		}
		user, password, _ := strings.Cut(secret, ":")
		// What the protocol has one byte for the length of, and wants at least one of.
		if user == "" || len(user) > 255 || password == "" || len(password) > 255 {
			return errors.New("proxy_auth: a user and a password of 1 to 255 bytes each, as user:password, are what SOCKS takes")
		}
		auth = &proxy.Auth{User: user, Password: password}
	}
	through, err := proxy.SOCKS5("tcp", d.addr, auth, given{c})
	if err != nil {
		return err
	}
	_, err = through.Dial("tcp", addr)
	// It comes as "socks connect tcp PROXY->RECEIVER: …", of which the last part is new.
	var op *net.OpError
	if errors.As(err, &op) && strings.HasPrefix(op.Op, "socks") {
		err = op.Err
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("ask SOCKS for %s: %w%s", addr, err, socksHint(err.Error()))
}

// socksHint says what to do about what package proxy says. Its errors are texts.
func socksHint(said string) string {
	for _, h := range []struct{ words, hint string }{
		{"no acceptable authentication methods", "it asks for a password: see proxy_auth"},
		{"authentication failed", "it does not take this user and password: see proxy_auth"},
		{"unexpected protocol version", "what answers there is no SOCKS5 proxy"},
		{"not allowed by ruleset", "it allows no connection to this host and port"},
		{"network unreachable", "it does not reach the receiver"},
		{"host unreachable", "it does not reach the receiver, or does not know its name"},
		{"connection refused", "nothing listens at the receiver, as the proxy sees it"},
		{"TTL expired", "it does not reach the receiver"},
		{"general SOCKS server failure", "the proxy's log says more"},
	} {
		if strings.Contains(said, h.words) {
			return ": " + h.hint
		}
	}
	return ""
}

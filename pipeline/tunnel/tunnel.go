// Package tunnel makes TCP connections through an HTTP proxy, with the method
// CONNECT (RFC 9110 section 9.3.6): for outputs that do not speak HTTP themselves.
// It knows nothing of what goes through a connection, and nothing of TLS.
package tunnel

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tallyman/pipeline/plugin"
)

// None is the word of proxy for none.
const None = "none"

// mostHead is how long a proxy's answer may be, in bytes.
const mostHead = 16 << 10

// Dialer makes connections; nil makes them without a proxy. It may be used by
// several goroutines.
type Dialer struct {
	addr string // of the proxy, host:port
	auth plugin.Secret
}

// New returns the dialer for the values of the keys proxy and proxy_auth: nil where
// they name no proxy.
func New(proxy plugin.Text, auth plugin.Secret) (*Dialer, error) {
	if proxy.Value == "" || proxy.Value == None {
		return nil, nil
	}
	u, err := url.Parse(proxy.Value)
	switch {
	case err != nil:
		return nil, errors.New("proxy is not a URL") // the text may hold a password
	case u.User != nil:
		return nil, errors.New("proxy holds a user or a password, which would be shown wherever it stands: set proxy_auth")
	case u.Scheme != "http":
		return nil, fmt.Errorf("proxy %q is not http://, and only HTTP proxies (CONNECT) are spoken to", proxy.Value)
	case u.Hostname() == "", strings.Trim(u.Path, "/") != "", u.RawQuery != "", u.Fragment != "":
		return nil, fmt.Errorf("proxy %q is not a host and a port", proxy.Value)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return &Dialer{addr: net.JoinHostPort(u.Hostname(), port), auth: auth}, nil
}

// Check returns what is wrong with the two keys.
func Check(proxy plugin.Text, auth plugin.Secret) plugin.Problems {
	d, err := New(proxy, auth)
	switch {
	case err != nil:
		return plugin.Problems{{Pos: proxy.Pos, Width: len(proxy.Value), Key: "proxy", Text: err.Error(), Hint: "write it as http://host:port, or none"}}
	case d == nil && !auth.IsZero():
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
	err = d.connect(c, addr)
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

// connect asks the proxy for a connection to addr.
func (d *Dialer) connect(c net.Conn, addr string) error {
	request := "CONNECT " + addr + " HTTP/1.1\r\nHost: " + addr + "\r\n"
	if !d.auth.IsZero() {
		secret, err := d.auth.Read() // for each connection, so that it can be renewed
		if err != nil {
			return fmt.Errorf("proxy_auth: %w", err)
		}
		request += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(secret)) + "\r\n"
	}
	if _, err := io.WriteString(c, request+"\r\n"); err != nil {
		return err
	}
	head, err := readHead(c)
	if err != nil {
		return fmt.Errorf("read the answer to CONNECT %s: %w", addr, err)
	}
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), &http.Request{Method: http.MethodConnect})
	if err != nil {
		return errors.New("what answers there is no HTTP proxy")
	}
	_ = r.Body.Close() // it is not read
	if r.StatusCode/100 == 2 {
		return nil
	}
	return fmt.Errorf("it answered %d to CONNECT %s%s", r.StatusCode, addr, hint(r.StatusCode))
}

// readHead reads up to the empty line and nothing behind it, for what follows is
// the receiver's.
func readHead(c io.Reader) ([]byte, error) {
	var head []byte
	var one [1]byte
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		if len(head) == mostHead {
			return nil, fmt.Errorf("it is longer than %d bytes", mostHead)
		}
		if _, err := io.ReadFull(c, one[:]); err != nil {
			return nil, err
		}
		head = append(head, one[0])
	}
	return head, nil
}

func hint(status int) string {
	switch status {
	case http.StatusProxyAuthRequired:
		return ": it asks for a password, or does not take this one: see proxy_auth"
	case http.StatusForbidden, http.StatusMethodNotAllowed:
		return ": it allows no connection to this host and port"
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return ": it does not reach the receiver"
	}
	return ""
}

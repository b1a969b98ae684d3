package tunnel

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// hop makes the connections to HTTP proxies, with TLS where they want it. Package
// http would verify a proxy's certificate for the name that the transport's
// configuration has, which is the receiver's, and show our certificate to the proxy.
// So it is told of plain proxies only, and the TLS to them is made here.
type hop struct {
	transport *http.Transport // whose authorities and oldest version count for proxies too
	within    time.Duration
	direct    func(ctx context.Context, network, addr string) (net.Conn, error)

	mu     sync.Mutex      // guards secure
	secure map[string]bool // by the address of a proxy, whether it wants TLS
}

// choose is next with all proxies plain.
func (h *hop) choose(next func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		u, err := next(r)
		if err != nil || u == nil || u.Scheme != schemeHTTP && u.Scheme != schemeHTTPS {
			return u, err
		}
		port := u.Port()
		if port == "" {
			port = ports[u.Scheme]
		}
		at := *u
		at.Scheme, at.Host = schemeHTTP, net.JoinHostPort(u.Hostname(), port)
		for _, c := range []byte(at.Host) {
			if c >= 0x80 { // package http would dial another name, and it would not be known as that of a proxy
				return nil, errors.New("the name of the proxy has letters that are not ASCII: write it as xn--")
			}
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.secure[at.Host] = u.Scheme == schemeHTTPS
		return &at, nil
	}
}

// dial connects to a proxy, or to a receiver that needs none.
func (h *hop) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	h.mu.Lock()
	secure, proxy := h.secure[addr]
	h.mu.Unlock()
	if !proxy {
		return h.direct(ctx, network, addr)
	}
	c, err := h.connect(ctx, network, addr, secure)
	if err != nil && ctx.Err() == nil {
		// What the network said is not wrapped: it would be taken for the receiver's.
		err = errors.New("the proxy " + addr + ": " + err.Error() + " (see proxy)")
	}
	return c, err
}

func (h *hop) connect(ctx context.Context, network, addr string, secure bool) (net.Conn, error) {
	c, err := h.direct(ctx, network, addr)
	if err != nil || !secure {
		return c, err
	}
	name, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	cfg := &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12}
	if of := h.transport.TLSClientConfig; of != nil {
		cfg.RootCAs, cfg.MinVersion = of.RootCAs, of.MinVersion
	}
	ctx, cancel := context.WithTimeout(ctx, h.within)
	defer cancel()
	secured := tls.Client(c, cfg)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = c.Close() // the error that counts is err
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return secured, nil
}

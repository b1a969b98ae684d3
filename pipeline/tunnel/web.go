package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tallyman/pipeline/plugin"
)

// Web is the way of those who speak HTTP: the proxy of the settings, or where these
// name none that of the environment (HTTPS_PROXY, HTTP_PROXY and NO_PROXY).
type Web struct {
	proxy func(*http.Request) (*url.URL, error) // nil for none
	socks *Dialer                               // nil for none
}

// NewWeb returns the way for the values of the keys proxy and proxy_auth.
func NewWeb(proxy plugin.Text, auth plugin.Secret) (*Web, error) {
	if proxy.Value == "" {
		return &Web{proxy: http.ProxyFromEnvironment}, nil
	}
	u, err := parse(proxy.Value)
	switch {
	case err != nil:
		return nil, err
	case u == nil:
		return &Web{}, nil
	case u.Scheme == schemeSocks, u.Scheme == schemeSocksH:
		return &Web{socks: &Dialer{addr: u.Host, socks: true, auth: auth}}, nil
	case auth.IsZero():
		return &Web{proxy: http.ProxyURL(u)}, nil
	}
	return &Web{proxy: func(*http.Request) (*url.URL, error) {
		secret, err := auth.Read() // for each connection, so that it can be renewed
		if err != nil {
			return nil, fmt.Errorf("proxy_auth: %w", err)
		}
		at := *u
		user, password, _ := strings.Cut(secret, ":")
		at.User = url.UserPassword(user, password)
		return &at, nil
	}}, nil
}

// CheckWeb returns what is wrong with the two keys of a plugin that speaks HTTP.
func CheckWeb(proxy plugin.Text, auth plugin.Secret) plugin.Problems {
	_, err := NewWeb(proxy, auth)
	return problems(err, proxy, auth)
}

// Through has the connections of t go this way, each made within a time.
func (w *Web) Through(t *http.Transport, within time.Duration) {
	t.Proxy, t.OnProxyConnectResponse = w.proxy, answered
	t.DialContext = (&net.Dialer{Timeout: within, KeepAlive: 30 * time.Second}).DialContext
	switch {
	case w.socks != nil:
		t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, within)
			defer cancel()
			return w.socks.DialContext(ctx, network, addr)
		}
	case w.proxy != nil:
		h := &hop{transport: t, within: within, direct: t.DialContext, secure: map[string]bool{}}
		t.Proxy, t.DialContext = h.choose(w.proxy), h.dial
	}
}

// answered says what an HTTP proxy that gives no connection means by it: package http
// would repeat one word of the answer.
func answered(_ context.Context, proxy *url.URL, asked *http.Request, r *http.Response) error {
	if err := refusal(r.StatusCode, asked.URL.Opaque); err != nil {
		return errors.New("the proxy " + proxy.Host + ": " + err.Error() + " (see proxy)")
	}
	return nil
}

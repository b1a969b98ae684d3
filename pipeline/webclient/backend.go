package webclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/tunnel"
)

// Backend is one receiver: a URL with connections, cookies and health of its own.
type Backend struct {
	base      *url.URL
	place     clienttls.Place
	certs     *clienttls.Certs // nil without TLS
	way       *tunnel.Web
	connect   time.Duration
	timeout   time.Duration
	maxAnswer int
	jar       http.CookieJar // nil where no cookies are kept
	secrets   []string       // what the path and the query of base may hold of them

	client   *http.Client // nil until the first exchange
	asking   asking
	failures int          // in a row
	until    atomic.Int64 // Unix nanoseconds; it is left alone until then, 0 for not

	requests, failed, bytes *meter.Counter
}

func newBackend(u plugin.Text, s *Settings, env plugin.Env, o Options) (*Backend, error) {
	base, err := parseURL(u.Value)
	if err != nil {
		return nil, plugin.Problems{{Pos: u.Pos, Width: len(u.Value), Text: err.Error(), Hint: urlHint}}
	}
	b := &Backend{base: base, connect: s.ConnectTimeout, timeout: s.Timeout, maxAnswer: o.MaxAnswer}
	b.secrets = append(inPath(base), inQuery(base.RawQuery)...)
	b.place = clienttls.Place{Key: "url", Address: b.URL(), Plain: "http://"}
	if base.Scheme == "https" {
		if b.certs, err = clienttls.New(s.TLS, env.Dir, base.Hostname()); err != nil {
			return nil, err
		}
	}
	if b.way, err = tunnel.NewWeb(s.Proxy, s.ProxyAuth); err != nil {
		return nil, err
	}
	if o.Cookies {
		if b.jar, err = cookiejar.New(nil); err != nil {
			return nil, fmt.Errorf("webclient: cookies: %w", err)
		}
	}
	labels := []meter.Label{{Name: "output", Value: env.Name}, {Name: "url", Value: b.URL()}}
	b.requests = env.Meter.Counter("tallyman_http_requests_total", "Requests made to the receiver, whatever came of them.", labels...)
	b.failed = env.Meter.Counter("tallyman_http_failures_total", "Requests that the receiver did not answer, or answered with an error.", labels...)
	b.bytes = env.Meter.Counter("tallyman_http_sent_bytes_total", "Bytes of request bodies sent to the receiver, as they went over the wire.", labels...)
	return b, nil
}

// URL is the receiver's address for people: without its query, and without what of
// its path may be a secret. Two receivers may look alike.
func (b *Backend) URL() string {
	return b.base.Scheme + "://" + b.base.Host + shownPath(b.base.Path)
}

// connection sees to it that there is a client whose certificates are those of
// now.
func (b *Backend) connection() error {
	if b.client != nil && (b.certs == nil || !b.certs.Changed()) {
		return nil
	}
	t := &http.Transport{
		TLSHandshakeTimeout:   b.connect,
		MaxIdleConnsPerHost:   2,
		IdleConnTimeout:       90 * time.Second,
		DisableCompression:    true, // an answer is short, and none is to grow while it is read
		ExpectContinueTimeout: time.Second,
	}
	b.way.Through(t, b.connect)
	if b.certs != nil {
		cfg, err := b.certs.Config()
		if err != nil {
			return err
		}
		t.TLSClientConfig = cfg
	}
	b.close()
	b.client = &http.Client{Transport: t, Jar: b.jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return nil
}

func (b *Backend) close() {
	if b.client != nil {
		b.client.CloseIdleConnections()
	}
}

// do makes one exchange. An error says that there is no answer.
func (b *Backend) do(ctx context.Context, r *Request) (Answer, error) {
	at, connected := b.target(r), false
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected = true }})
	a, err := b.exchange(traced, r, at, &connected)
	if err == nil && a.Status == http.StatusExpectationFailed && b.asking.first(len(r.Body)) {
		b.asking.never = true
		a, err = b.exchange(traced, r, at, &connected)
	}
	b.requests.Inc()
	if err != nil || a.Status >= 300 {
		b.failed.Inc()
	}
	if err == nil {
		b.bytes.Add(uint64(len(r.Body)))
		return a, nil
	}
	// Its text would repeat the URL with what is in the query.
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return Answer{}, plugin.Retry(&callError{where: r.method() + " " + b.visible(r), err: b.place.Explain(err), untaken: !connected})
}

// exchange is do without a second try; ctx sets connected.
func (b *Backend) exchange(ctx context.Context, r *Request, at *url.URL, connected *bool) (Answer, error) {
	if err := b.connection(); err != nil {
		return Answer{}, err
	}
	limited, cancel := context.WithTimeoutCause(ctx, b.timeout, errSlow)
	defer cancel()
	// From a bytes.Reader the request can be sent again on a fresh connection.
	req, err := http.NewRequestWithContext(limited, r.method(), at.String(), bytes.NewReader(r.Body))
	if err != nil {
		return Answer{}, err
	}
	b.header(req.Header, r)
	if b.asking.first(len(r.Body)) {
		req.Header.Set("Expect", "100-continue")
	}
	resp, err := b.client.Do(req)
	if err != nil {
		b.asking.broken(len(r.Body), *connected && limited.Err() == nil)
		return Answer{}, b.reason(limited, err)
	}
	b.asking.answered(len(r.Body), resp.StatusCode)
	defer func() { _ = resp.Body.Close() }() // what was read of it counts
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(b.maxAnswer)+1))
	if err != nil {
		return Answer{}, b.reason(limited, fmt.Errorf("read the answer of status %d: %w", resp.StatusCode, err))
	}
	return Answer{
		Status: resp.StatusCode, Header: resp.Header, Body: body[:min(len(body), b.maxAnswer)], Cut: len(body) > b.maxAnswer, Backend: b,
		encoded: req.Header.Get("Content-Encoding") != "", where: r.method() + " " + b.visible(r), secrets: append(r.secrets(), b.secrets...),
	}, nil
}

// errSlow is why an exchange ended that took too long.
var errSlow = errors.New("the receiver did not answer in time")

// reason says why an exchange failed: the limit of time is ours, and says more
// than "context deadline exceeded".
func (b *Backend) reason(limited context.Context, err error) error {
	if errors.Is(context.Cause(limited), errSlow) {
		return fmt.Errorf("%w: nothing within timeout, %v", errSlow, b.timeout)
	}
	return err
}

func (b *Backend) target(r *Request) *url.URL {
	at := *b.base
	if r.Path != "" {
		at.Path = strings.TrimSuffix(at.Path, "/") + "/" + strings.TrimPrefix(r.Path, "/")
		at.RawPath = ""
	}
	if len(r.Query) > 0 {
		q := at.Query()
		for name, values := range r.Query {
			q[name] = append(q[name], values...)
		}
		at.RawQuery = q.Encode()
	}
	return &at
}

// visible is where a request goes, for people.
func (b *Backend) visible(r *Request) string {
	if r.Path == "" {
		return b.URL()
	}
	path := r.Path
	for _, one := range r.Conceal {
		if one != "" {
			path = strings.ReplaceAll(path, one, "[redacted]")
		}
	}
	return strings.TrimSuffix(b.URL(), "/") + "/" + strings.TrimPrefix(path, "/")
}

func (b *Backend) header(h http.Header, r *Request) {
	h.Set("User-Agent", "tallyman")
	for _, set := range []http.Header{r.Header, r.Secret} {
		for name, values := range set {
			h[http.CanonicalHeaderKey(name)] = values
		}
	}
	if r.For != nil {
		r.For(b, h)
	}
}

func (r *Request) method() string {
	if r.Method == "" {
		return http.MethodPost
	}
	return r.Method
}

// callError is an exchange without an answer.
type callError struct {
	where   string
	err     error
	untaken bool // there was no connection: nothing was taken
}

func (e *callError) Error() string { return e.where + ": " + e.err.Error() }
func (e *callError) Unwrap() error { return e.err }

package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// askFor is how long an engine may take to begin its answer.
const askFor = 20 * time.Second

// maxAnswer is the longest answer that is read. A list of containers has some 2 KiB
// for each, and hosts that build have thousands that have ended.
const maxAnswer = 64 << 20

var errNoSuch = errors.New("no such object")

// api is the Engine API of one host. Its version is the engine's own: paths
// without one.
type api struct {
	http *http.Client
	base string // "http://engine", "https://host:2376"
	host string // as the settings have it
}

func newAPI(host string, files *TLS, dir string) (*api, error) {
	kind, at, _ := strings.Cut(host, "://")
	t := &http.Transport{MaxIdleConns: 2, IdleConnTimeout: time.Minute, ResponseHeaderTimeout: askFor, MaxResponseHeaderBytes: 64 << 10, DisableCompression: true}
	a := &api{http: &http.Client{Transport: t}, host: host}
	if kind == "unix" {
		a.base = "http://engine"
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", at)
		}
		return a, nil
	}
	d := net.Dialer{Timeout: askFor, KeepAlive: 30 * time.Second}
	t.DialContext = d.DialContext
	if a.base = "http://" + at; files == nil {
		return a, nil
	}
	cfg, err := files.config(dir)
	if err != nil {
		return nil, err
	}
	a.base, t.TLSClientConfig, t.TLSHandshakeTimeout = "https://"+at, cfg, askFor
	return a, nil
}

// events opens the stream of events.
func (a *api) events(ctx context.Context, since, until time.Time) (*stream, error) {
	q := url.Values{}
	q.Set("since", "0") // without it nothing of before is told
	if !since.IsZero() {
		q.Set("since", stamp(since))
	}
	if !until.IsZero() {
		q.Set("until", stamp(until))
	}
	// The stream outlives this call; what ends the call ends the asking.
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	asked := context.AfterFunc(ctx, stop)
	res, err := a.do(life, "/events?"+q.Encode())
	asked()
	if err != nil {
		stop()
		return nil, err
	}
	return newStream(res.Body, stop), nil
}

// logs opens what a container prints, from a time on (zero: from its beginning).
// The body is the caller's to close; ctx ends the reading of it.
func (a *api) logs(ctx context.Context, id string, since int64, follow bool) (io.ReadCloser, error) {
	q := url.Values{"stdout": {"1"}, "stderr": {"1"}, "timestamps": {"1"}}
	if since > 0 {
		q.Set("since", stamp(time.Unix(0, since)))
	}
	if follow {
		q.Set("follow", "1")
	}
	res, err := a.do(ctx, "/containers/"+id+"/logs?"+q.Encode())
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}

func stamp(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) }

// get asks and decodes the answer, of which at most maxAnswer is read.
func (a *api) get(ctx context.Context, path string, into any) error {
	_, err := a.getAt(ctx, path, into)
	return err
}

// getAt returns when that was by the engine's clock too, in whole seconds; zero
// where it does not say.
func (a *api) getAt(ctx context.Context, path string, into any) (at time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	res, err := a.do(ctx, path)
	if err != nil {
		return at, err
	}
	defer func() { _ = res.Body.Close() }()
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(into); err != nil {
		return at, fmt.Errorf("decode the answer of %s to %s: %w", a.host, path, err)
	}
	at, _ = http.ParseTime(res.Header.Get("Date")) // zero where it is none
	return at, nil
}

// do asks; what is no success is an error.
func (a *api) do(ctx context.Context, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+path, nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", a.host, err)
	}
	res, err := a.http.Do(req)
	if err != nil {
		// The library's error has the whole address, in which the time changes with each
		// try: the same reason would be another text.
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err
		}
		what, _, _ := strings.Cut(path, "?")
		return nil, explain(fmt.Errorf("ask %s for %s: %w", a.host, what, err))
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	text, _ := io.ReadAll(io.LimitReader(res.Body, 512))
	_ = res.Body.Close()
	if res.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("ask %s: %w: %s", a.host, errNoSuch, strings.TrimSpace(string(text)))
	}
	return nil, fmt.Errorf("ask %s: status %d: %s", a.host, res.StatusCode, strings.TrimSpace(string(text)))
}

// explain says what a person can do about err.
func explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w (does the engine run, and is host right?)", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w (the user that runs tallyman needs the group that the socket belongs to, most often docker)", err)
	}
	return err
}

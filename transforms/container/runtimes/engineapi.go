package runtimes

// The calls of the Docker Engine API that are used, and the members of their
// answers.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The versions of the API that this was written to; an engine that is older, or
// that supports only newer ones, is asked in its own.
const wantAPI = "1.44"

// Bounds of one answer, of one entry of a list and of one event. A list as a
// whole has none: who makes many labels would blind us with it.
const (
	maxValue = 16 << 20
	askFor   = 20 * time.Second
)

var errNoSuch = errors.New("no such object")

// engineAPI is the API behind one socket.
type engineAPI struct {
	http    *http.Client
	path    string
	version string // "" or /v1.44
}

func newEngineAPI(path string) *engineAPI {
	return &engineAPI{path: path, http: &http.Client{Transport: &http.Transport{
		DialContext:            func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, path) },
		MaxIdleConns:           2,
		ResponseHeaderTimeout:  askFor,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
	}}}
}

// listed is an entry of GET /containers/json.
type listed struct {
	ID      string `json:"Id"`
	Names   []string
	Image   string
	ImageID string
	Labels  map[string]string
	Created json.RawMessage // seconds; Podman's own form may be a string
}

// inspection is the answer of GET /containers/ID/json.
type inspection struct {
	ID        string `json:"Id"`
	Name      string
	Image     string // the id of the image
	ImageName string // Podman
	Created   time.Time
	State     struct {
		Running   bool
		Pid       int
		StartedAt time.Time
	}
	HostConfig struct {
		Privileged   *bool
		CgroupParent string
	}
	GraphDriver struct{ Data map[string]string }
	Config      inspectedConfig
}

type inspectedConfig struct {
	Image  string
	Labels map[string]string
	Env    []string
}

// variables returns those of Nomad, which name what no label does. A program's
// environment may hold secrets: nothing else is kept.
func (c *inspectedConfig) variables() map[string]string {
	var out map[string]string
	for _, v := range c.Env {
		if name, value, ok := strings.Cut(v, "="); ok && strings.HasPrefix(name, "NOMAD_") {
			switch name {
			case "NOMAD_NAMESPACE", "NOMAD_TASK_NAME", "NOMAD_JOB_NAME", "NOMAD_GROUP_NAME":
				if out == nil {
					out = map[string]string{}
				}
				shorten(&value, maxName)
				out[name] = value
			}
		}
	}
	return out
}

// imageFacts is the answer of GET /images/ID/json.
type imageFacts struct {
	RepoDigests []string
	Config      struct{ Labels map[string]string }
}

// message is one event.
type message struct {
	Type   string
	Action string
	Actor  struct {
		ID         string
		Attributes map[string]string
	}
	TimeNano int64 `json:"timeNano"`
}

// hello asks who is there. It reports whether that is Podman.
func (a *engineAPI) hello(ctx context.Context) (bool, error) {
	var v struct {
		APIVersion    string `json:"ApiVersion"`
		MinAPIVersion string
		Components    []struct{ Name string }
	}
	a.version = ""
	if err := a.get(ctx, "/version", &v); err != nil {
		return false, err
	}
	switch {
	case v.APIVersion == "":
	case less(v.APIVersion, wantAPI):
		a.version = "/v" + v.APIVersion
	case v.MinAPIVersion != "" && less(wantAPI, v.MinAPIVersion):
		a.version = "/v" + v.MinAPIVersion
	default:
		a.version = "/v" + wantAPI
	}
	for _, c := range v.Components {
		if strings.HasPrefix(c.Name, "Podman") {
			return true, nil
		}
	}
	return false, nil
}

// less compares versions of the API: 1.9 is less than 1.10.
func less(a, b string) bool {
	am, an := parts(a)
	bm, bn := parts(b)
	return am < bm || am == bm && an < bn
}

func parts(v string) (int, int) {
	major, minor, _ := strings.Cut(v, ".")
	m, _ := strconv.Atoi(major)
	n, _ := strconv.Atoi(minor)
	return m, n
}

// list calls each with every container, running or not. One that is too large
// ends the list with errTooLarge.
func (a *engineAPI) list(ctx context.Context, each func(*listed)) error {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	res, err := a.do(ctx, "/containers/json?all=true")
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	in := &limited{from: res.Body, left: maxValue}
	dec := json.NewDecoder(in)
	if _, err := dec.Token(); err != nil {
		return fmt.Errorf("read the list of %s: %w", a.path, err)
	}
	for dec.More() {
		var l listed
		in.left = maxValue
		if err := dec.Decode(&l); err != nil {
			return fmt.Errorf("read the list of %s: %w", a.path, err)
		}
		each(&l)
	}
	if _, err := dec.Token(); err != nil { // one that is cut is no list
		return fmt.Errorf("read the list of %s: %w", a.path, err)
	}
	return nil
}

func (a *engineAPI) inspect(ctx context.Context, id string) (*inspection, error) {
	var i inspection
	return &i, a.get(ctx, "/containers/"+url.PathEscape(id)+"/json", &i)
}

func (a *engineAPI) image(ctx context.Context, id string) (*imageFacts, error) {
	var i imageFacts
	return &i, a.get(ctx, "/images/"+url.PathEscape(id)+"/json", &i)
}

// events opens the stream of what happens to containers, from a time on. The
// engines answer at once, before the first event.
func (a *engineAPI) events(ctx context.Context, since time.Time) (io.ReadCloser, error) {
	q := url.Values{"filters": {`{"type":["container"]}`}}
	q.Set("since", fmt.Sprintf("%d.%09d", since.Unix(), since.Nanosecond()))
	res, err := a.do(ctx, "/events?"+q.Encode())
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}

// get asks and decodes the answer.
func (a *engineAPI) get(ctx context.Context, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	res, err := a.do(ctx, path)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if err := json.NewDecoder(io.LimitReader(res.Body, maxValue)).Decode(into); err != nil {
		return fmt.Errorf("decode the answer of %s to %s: %w", a.path, path, err)
	}
	return nil
}

// do asks; what is no success is an error.
func (a *engineAPI) do(ctx context.Context, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine"+a.version+path, nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s for %s: %w", a.path, path, err)
	}
	res, err := a.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s for %s: %w", a.path, path, err)
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	text, _ := io.ReadAll(io.LimitReader(res.Body, 512))
	_ = res.Body.Close()
	return nil, fmt.Errorf("ask %s for %s: %w", a.path, path, statusError(res.StatusCode, text))
}

// statusError returns what an HTTP status stands for.
func statusError(code int, text []byte) error {
	said := strings.TrimSpace(string(text))
	switch code {
	case http.StatusNotFound:
		return fmt.Errorf("%w: %s", errNoSuch, said)
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w: %s", errDenied, said)
	}
	return fmt.Errorf("status %d: %s", code, said)
}

// limited bounds what one value of a stream may take: whoever sends one without
// an end is cut off. Who reads sets left anew for each value.
type limited struct {
	from io.Reader
	left int64
}

var errTooLarge = errors.New("one value is too large")

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooLarge
	}
	n, err := l.from.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// isSyntax reports whether an error is about what was read, not about reading.
func isSyntax(err error) bool {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	var when *time.ParseError
	return errors.As(err, &syntax) || errors.As(err, &kind) || errors.As(err, &when)
}

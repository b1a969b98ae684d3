package respond

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"
)

const (
	askFor     = 5 * time.Second // how long one exchange with the engine may take
	mostAnswer = 4 << 20         // bytes of an answer
)

// errMissing says that the engine knows no such container, errSame that it is
// already as it was to be, errRefused that the engine will not.
var (
	errMissing = errors.New("the engine knows no such container")
	errSame    = errors.New("it is so already")
	errRefused = errors.New("the engine refused")
	errUnasked = errors.New("it was not asked")
	errPartly  = errors.New("a part of it was done")
)

// container is what is asked of the engine's inspect.
type container struct {
	ID    string `json:"Id"`
	Name  string
	State struct {
		Running, Paused bool
	}
	Config struct {
		Image  string
		Labels map[string]string
	}
	NetworkSettings struct {
		Networks map[string]struct{ NetworkID string }
	}
}

// engine is the Docker Engine API behind a socket. Paths have no version: the
// engine's own is meant.
type engine struct{ client *http.Client }

func newEngine(socket string) *engine {
	t := &http.Transport{MaxIdleConns: 1, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10, DisableCompression: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		}}
	never := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &engine{client: &http.Client{Transport: t, Timeout: askFor, CheckRedirect: never}}
}

func (e *engine) close() { e.client.CloseIdleConnections() }

// inspect returns a container. An answer about another one is an error: it would
// be judged by the names and labels of the wrong one.
func (e *engine) inspect(ctx context.Context, id string) (*container, error) {
	b, err := e.do(ctx, http.MethodGet, "/containers/"+id+"/json", nil)
	if err != nil {
		return nil, fmt.Errorf("inspect: %w", err)
	}
	var c container
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("inspect: what the engine answered is not understood: %w: %w", errRefused, err)
	}
	if c.ID != id {
		return nil, fmt.Errorf("inspect: the engine answered about another container: %w", errRefused)
	}
	return &c, nil
}

func (e *engine) pause(ctx context.Context, c *container) error {
	if c.State.Paused {
		return errSame
	}
	if _, err := e.do(ctx, http.MethodPost, "/containers/"+c.ID+"/pause", nil); err != nil {
		return fmt.Errorf("pause: %w", err)
	}
	return nil
}

// disconnect takes a container off all its networks.
func (e *engine) disconnect(ctx context.Context, c *container) error {
	var ids []string
	for name, n := range c.NetworkSettings.Networks {
		if name == "host" {
			return fmt.Errorf("disconnect: a container in the network of the host cannot be taken off it: %w: %w", errUnasked, errRefused)
		}
		if name == "none" {
			continue
		}
		if !isID(n.NetworkID) {
			return fmt.Errorf("disconnect: the engine named a network that cannot be: %w: %w", errUnasked, errRefused)
		}
		ids = append(ids, n.NetworkID)
	}
	if len(ids) == 0 {
		return errSame
	}
	slices.Sort(ids)
	body, err := json.Marshal(map[string]any{"Container": c.ID, "Force": true})
	if err != nil {
		return fmt.Errorf("disconnect: %w", err)
	}
	for i, id := range ids {
		switch _, err := e.do(ctx, http.MethodPost, "/networks/"+id+"/disconnect", body); {
		case err != nil && i > 0 && (errors.Is(err, errRefused) || errors.Is(err, errMissing)):
			return fmt.Errorf("disconnect: %w: %w", errPartly, err)
		case err != nil:
			return fmt.Errorf("disconnect: %w", err)
		}
	}
	return nil
}

// do makes one exchange. The text of an error of the engine is not repeated: it
// is the engine's, and may hold anything.
func (e *engine) do(ctx context.Context, method, path string, body []byte) (_ []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://engine"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := e.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	b, err := io.ReadAll(io.LimitReader(res.Body, mostAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case res.StatusCode == http.StatusNotFound:
		return nil, errMissing
	case res.StatusCode >= 500:
		return nil, fmt.Errorf("the engine answered %d", res.StatusCode)
	case res.StatusCode != http.StatusOK && res.StatusCode != http.StatusNoContent:
		return nil, fmt.Errorf("%w: it answered %d", errRefused, res.StatusCode)
	case len(b) > mostAnswer:
		return nil, fmt.Errorf("%w: its answer is longer than %d bytes", errRefused, mostAnswer)
	}
	return b, nil
}

// isID reports whether s is a whole id of the engine: 64 digits in hexadecimal.
// Nothing else becomes a part of a path.
func isID(s string) bool {
	if len(s) != 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

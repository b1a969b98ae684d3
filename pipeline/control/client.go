package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"syscall"
	"time"
)

// Client is a connection to the running process. It serves one request at a
// time. Close it.
type Client struct {
	conn net.Conn
	r    *bufio.Reader
}

// Dial connects to the process that has the journal in dir. ErrNotRunning and
// ErrNotAllowed say why it does not.
func Dial(ctx context.Context, dir string) (*Client, error) {
	c := &Client{}
	err := short(Path(dir), func(at string) (err error) {
		var d net.Dialer
		c.conn, err = d.DialContext(ctx, "unix", at)
		return err
	})
	switch {
	case err == nil:
		c.r = bufio.NewReaderSize(c.conn, 64<<10)
		return c, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTDIR):
		return nil, fmt.Errorf("%w: nothing listens at %s", ErrNotRunning, Path(dir))
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s: %w", Path(dir), ErrNotAllowed)
	}
	return nil, fmt.Errorf("ask at %s: %w", Path(dir), err)
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Status returns the state of the process as JSON.
func (c *Client) Status(ctx context.Context) (json.RawMessage, error) {
	a, err := c.ask(ctx, request{Verb: verbStatus})
	return a.Data, err
}

// Reload has the configuration read again and returns what became of it. With
// discard, what outputs that are gone have left in the journal is let go.
func (c *Client) Reload(ctx context.Context, discard bool) (Answer, error) {
	return c.ask(ctx, request{Verb: verbReload, Discard: discard})
}

// Drain has the process stop reading, deliver what is in the journal, for at
// most limit, and exit.
func (c *Client) Drain(ctx context.Context, limit time.Duration) (Answer, error) {
	return c.ask(ctx, request{Verb: verbDrain, Timeout: int64(limit)})
}

// Watch calls seen with what there is to be seen, until ctx is done, seen returns
// an error, which it returns, or the process ends it: then the answer says why.
// The connection is of no use afterwards.
func (c *Client) Watch(ctx context.Context, args any, seen func(data json.RawMessage) error) (Answer, error) {
	b, err := json.Marshal(args)
	if err != nil {
		return Answer{}, err
	}
	return c.talk(ctx, request{Verb: verbWatch, Args: b}, seen)
}

// Baselines has the process show or change what rules have learned, as args say,
// and returns what became of it.
func (c *Client) Baselines(ctx context.Context, args any) (Answer, error) {
	b, err := json.Marshal(args)
	if err != nil {
		return Answer{}, err
	}
	return c.ask(ctx, request{Verb: verbLearnt, Args: b})
}

// ask sends a request and waits for its answer until ctx is done.
func (c *Client) ask(ctx context.Context, q request) (Answer, error) { return c.talk(ctx, q, nil) }

// talk is ask for a request whose answer comes in parts.
func (c *Client) talk(ctx context.Context, q request, part func(data json.RawMessage) error) (Answer, error) {
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) }) // a closed one is as good
	defer stop()
	q.Version = Version
	b, err := json.Marshal(q)
	if err != nil {
		return Answer{}, err
	}
	// A server that refuses answers before it has read: its answer counts more
	// than the failed write.
	_, werr := c.conn.Write(append(b, '\n'))
	for {
		b, err = c.answer()
		if ctx.Err() != nil {
			return Answer{}, fmt.Errorf("%s: no answer: %w", q.Verb, ctx.Err())
		}
		if err != nil {
			return Answer{}, fmt.Errorf("%s: no answer: %w", q.Verb, errors.Join(werr, err))
		}
		r, err := understood(q.Verb, b)
		if err != nil || !r.More || part == nil {
			return r.Answer, err
		}
		if err := part(r.Data); err != nil {
			return Answer{}, err
		}
	}
}

// understood reads one answer; the error says why it is none.
func understood(verb string, b []byte) (reply, error) {
	var r reply
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("%s: the answer is not understood: %w", verb, err)
	}
	switch {
	case r.Version != Version:
		return r, fmt.Errorf("%s: the running tallyman speaks version %d of the control protocol, this one version %d; use its own binary", verb, r.Version, Version)
	case r.Denied:
		return r, fmt.Errorf("%s: %w", verb, ErrNotAllowed)
	case r.Refused != "":
		return r, fmt.Errorf("%s: refused: %s", verb, r.Refused)
	}
	return r, nil
}

// answer reads one line of at most maxAnswer bytes.
func (c *Client) answer() ([]byte, error) {
	var b []byte
	for {
		part, err := c.r.ReadSlice('\n')
		if b = append(b, part...); len(b) > maxAnswer {
			return nil, fmt.Errorf("it is longer than %d bytes", maxAnswer)
		}
		switch {
		case err == nil:
			return b, nil
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

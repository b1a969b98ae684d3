// Package webclient is what every output that speaks HTTP shares: connections
// with the settings' certificates and proxy, several receivers of which a failed
// one is left alone for a while, encodings of bodies, limits of rate, and what an
// answer's status asks for. It knows nothing of what a body or an answer says.
//
// An output inlines Settings into its own, calls their Check in its own, builds a
// Client with New, and calls Do with a Request for each batch. What Do returns as
// an error says to the engine what is to be done; what is refused for its content
// comes back as a *StatusError, which is the output's to judge (Refused).
//
// No redirect is followed: a body and its secrets go where the settings say and
// nowhere else. No secret of a Request stands in an error or in a log.
package webclient

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// A Request is one exchange. Everything in it stays the caller's and may be used
// again once Do has returned.
type Request struct {
	Method  string      // POST where it is ""
	Path    string      // appended to the path of the receiver's URL
	Query   url.Values  // added to the query of the receiver's URL; nothing secret
	Header  http.Header // nothing secret
	Secret  http.Header // header fields whose values never stand in an error or a log
	Conceal []string    // parts of Path that are secrets: they stand in no error and no log either
	Body    []byte      // as it goes over the wire
	Events  int         // how many events Body stands for, for the limit of rate

	// For, where it is set, adds to the header what concerns one receiver alone.
	For func(b *Backend, header http.Header)

	// Before, where it is set, is called when Do has chosen a receiver and nothing
	// was sent. After an error Do goes on as if that receiver had taken nothing; what
	// it means for the receiver's health Before itself says (Doubt).
	Before func(ctx context.Context, b *Backend) error
}

// Options are what an output decides and no user.
type Options struct {
	MaxAnswer int  // the most bytes that are read of an answer; 64 KiB where it is 0
	Sharers   int  // how many clients of the same settings there are, 0 for this one alone: the limits of rate are for all of them
	Cookies   bool // cookies are kept for each receiver, so that a balancer finds its way again

	// Hint returns what a person can do about an answer that is no success; "" leaves
	// that to what its status means everywhere. It may be nil.
	Hint func(Answer) string
}

const maxAnswer = 64 << 10

// Client is the receivers of one output. Its methods are called from one
// goroutine.
type Client struct {
	backends []*Backend
	failover bool
	next     int // where round robin goes on, in backends
	limits   limits
	now      func() time.Time
	hint     func(Answer) string
	log      *slog.Logger
	leave    func() // the meter of receivers that are left alone
}

// New builds a client. It reads the files that the settings name and connects to
// nothing. An error is plugin.Problems.
func New(s *Settings, env plugin.Env, o Options) (*Client, error) {
	if o.MaxAnswer == 0 {
		o.MaxAnswer = maxAnswer
	}
	c := &Client{failover: s.Balance == balanceFailover, limits: newLimits(s, max(1, o.Sharers)), now: env.Now, hint: o.Hint, log: env.Log}
	if c.now == nil {
		c.now = time.Now
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	for _, u := range s.URL {
		b, err := newBackend(u, s, env, o)
		if err != nil {
			return nil, err
		}
		c.backends = append(c.backends, b)
	}
	if len(c.backends) == 0 {
		return nil, plugin.Problems{{Key: "url", Text: "url names no receiver"}}
	}
	c.leave = env.Meter.Distinct("tallyman_http_receivers_left_alone", "Receivers that failed and are left alone for a while, by one delivery of the output at least.",
		c.leftAlone, meter.Label{Name: "output", Value: env.Name})
	return c, nil
}

// leftAlone names the receivers that are left alone now, from any goroutine.
func (c *Client) leftAlone(emit func(key string)) {
	for _, b := range c.backends {
		if until := b.until.Load(); until != 0 && c.now().UnixNano() < until {
			emit(b.base.String())
		}
	}
}

// Backends returns the receivers in the order of the settings. The slice is the
// client's.
func (c *Client) Backends() []*Backend { return c.backends }

// Do sends r to one receiver and returns its answer, whose status is 2xx; else
// the error is of a kind of package plugin (Answer.Err). Where a receiver has
// surely taken nothing (nobody listens, it is too busy) the next one is tried at
// once; else whether to send again is up to the caller, for the receiver may have
// taken it. Receivers that failed are left alone for a growing time, as long as
// there is another.
func (c *Client) Do(ctx context.Context, r *Request) (Answer, error) {
	if err := c.Wait(ctx, len(r.Body), r.Events); err != nil {
		return Answer{}, err
	}
	tried := make(map[*Backend]bool, len(c.backends))
	var last error
	for {
		b := c.pick(tried)
		if b == nil {
			return Answer{}, c.soonest(last)
		}
		tried[b] = true
		a, before, err := c.try(ctx, b, r)
		if err == nil || !before && !untaken(err) || ctx.Err() != nil {
			return a, err
		}
		last = err
	}
}

// try is one receiver's part of Do; before says that nothing was sent.
func (c *Client) try(ctx context.Context, b *Backend, r *Request) (a Answer, before bool, err error) {
	if r.Before != nil {
		if err := r.Before(ctx, b); err != nil {
			return Answer{}, true, err
		}
	}
	a, err = c.DoAt(ctx, b, r)
	return a, false, err
}

// Wait waits until the limits of rate let so much pass, or ctx is done; Do calls
// it. An output that chooses the receiver itself (DoAt) calls it before.
func (c *Client) Wait(ctx context.Context, bytes, events int) error {
	if err := c.limits.wait(ctx, bytes, events); err != nil {
		return plugin.Retry(fmt.Errorf("http: wait for the limit of rate: %w", err))
	}
	return nil
}

// DoAt is Do at one receiver, whatever is known of its health, and without the
// limits of rate: for what only that receiver can answer.
func (c *Client) DoAt(ctx context.Context, b *Backend, r *Request) (Answer, error) {
	a, err := b.do(ctx, r)
	if err == nil {
		a.told = c.hint
		err = a.Err(c.now())
	}
	c.judge(b, err, ctx.Err() != nil)
	return a, err
}

// Doubt leaves a receiver alone for a while as after a failure: for an output
// that cannot believe an answer whose status was 2xx.
func (c *Client) Doubt(b *Backend, err error) { c.judge(b, err, false) }

// pick chooses a receiver that was not tried yet: the first in order that is not
// left alone. Where all are, the one that is next to be tried again, unless
// another was tried already. It returns nil when there is no more to try.
func (c *Client) pick(tried map[*Backend]bool) *Backend {
	now := c.now().UnixNano()
	start := c.next
	if c.failover {
		start = 0
	}
	var soon *Backend
	for i := range c.backends {
		at := (start + i) % len(c.backends)
		b := c.backends[at]
		if tried[b] {
			continue
		}
		if b.until.Load() <= now {
			c.next = (at + 1) % len(c.backends)
			return b
		}
		if soon == nil || b.until.Load() < soon.until.Load() {
			soon = b
		}
	}
	if len(tried) > 0 {
		return nil
	}
	return soon
}

// soonest turns the last error after which nothing more could be tried into one
// that asks for the pause until the first receiver may be tried again, where
// receivers named one.
func (c *Client) soonest(err error) error {
	if kind, _ := plugin.KindOf(err); kind != plugin.KindAfter || len(c.backends) == 1 {
		return err
	}
	var least time.Duration
	for i, b := range c.backends {
		if left := time.Unix(0, b.until.Load()).Sub(c.now()); i == 0 || left < least {
			least = left
		}
	}
	return plugin.After(err, max(least, 0))
}

// The pause that a receiver is left alone grows from the first to the last.
const (
	firstPause = time.Second
	lastPause  = time.Minute
)

// judge keeps the health of a receiver after an exchange; stopped says that the
// exchange was given up from this side, which says nothing about the receiver.
func (c *Client) judge(b *Backend, err error, stopped bool) {
	var refused *StatusError
	switch {
	case stopped:
		return
	case err == nil, errors.As(err, &refused) && refused.Refused():
		if b.failures > 0 {
			c.log.Info("the receiver answers again", "url", b.URL(), "failures", b.failures)
		}
		b.failures = 0
		b.until.Store(0)
		return
	}
	pause := min(firstPause<<min(b.failures, 16), lastPause)
	if _, after := plugin.KindOf(err); after > pause {
		pause = after
	}
	if b.failures == 0 && len(c.backends) > 1 {
		c.log.Warn("a receiver fails and is left alone for a while; the others are sent to", "url", b.URL(), "reason", err)
	}
	b.failures++
	b.until.Store(c.now().Add(pause).UnixNano())
}

// Close closes what connections wait. It is called once, after the last Do.
func (c *Client) Close() error {
	c.leave()
	for _, b := range c.backends {
		b.close()
	}
	return nil
}

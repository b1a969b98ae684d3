package syslog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/tunnel"
)

// A place is one of the receivers and what is known of its health.
type place struct {
	target target
	dial   func(ctx context.Context) (*link, error)
	until  time.Time // it failed; before this moment others are preferred
}

// rest leaves the place alone until t.
func (p *place) rest(t time.Time) { p.until = t }

// newPlaces reads the certificates; dir is where relative paths begin.
func newPlaces(c *Settings, targets []target, dir string) ([]*place, error) {
	proxy, err := tunnel.New(c.Proxy, c.ProxyAuth)
	if err != nil {
		return nil, err
	}
	list := make([]*place, 0, len(targets))
	for _, t := range targets {
		d := &dialer{target: t, proxy: proxy}
		if t.tls {
			if d.certs, err = clienttls.New(c.TLS, dir, t.host); err != nil {
				return nil, err
			}
		}
		list = append(list, &place{target: t, dial: d.dial})
	}
	return list, nil
}

// target is where the connection leads.
func (o *output) target() target { return o.targets[o.at].target }

// connect sees to it that there is a connection that the peer has not left, to
// the first receiver that answers.
func (o *output) connect(ctx context.Context) error {
	if o.link != nil {
		err := o.link.alive()
		if err == nil {
			return o.fallBack(ctx)
		}
		o.abort()
		o.log.Info("the syslog receiver closed the connection", "address", o.target().String(), "reason", err)
	}
	var failures []error
	// Those that failed lately come last, but they come: there may be no other.
	for _, lately := range []bool{false, true} {
		now := o.now()
		for i, p := range o.targets {
			if p.until.After(now) != lately {
				continue
			}
			err := o.try(ctx, i)
			if err == nil {
				return nil
			}
			failures = append(failures, err)
			if ctx.Err() != nil {
				return plugin.Retry(errors.Join(failures...))
			}
		}
		if len(failures) == len(o.targets) {
			break
		}
	}
	return plugin.Retry(errors.Join(failures...))
}

// fallBack moves from a receiver that answers to an earlier one whose rest is over
// and that answers too.
func (o *output) fallBack(ctx context.Context) error {
	for i := range o.at {
		if o.targets[i].until.After(o.now()) {
			continue
		}
		old, at := o.link, o.at
		if err := o.try(ctx, i); err != nil {
			o.log.Info("an earlier syslog receiver is still away", "error", err)
			continue
		}
		if err := old.close(); err != nil {
			o.log.Info("the connection to the other syslog receiver did not end in peace", "address", o.targets[at].target.String(), "error", err)
		}
		return nil
	}
	return nil
}

// try connects to the target i and sends the window where a connection was lost.
func (o *output) try(ctx context.Context, i int) error {
	p := o.targets[i]
	dialing, cancel := context.WithTimeout(ctx, o.settings.Timeout)
	defer cancel()
	l, err := p.dial(dialing)
	if err == nil && o.resend && !o.careful {
		before := o.window.repeat()
		if err = o.again(ctx, l); err != nil {
			if before && ctx.Err() == nil && l.left() {
				o.careful = true
			}
			l.abort()
		}
	}
	if err != nil {
		if ctx.Err() == nil {
			p.rest(o.now().Add(o.settings.FallBack))
		}
		return fmt.Errorf("syslog: connect to %s: %w", p.target, p.target.explain(err))
	}
	o.link, o.at, p.until = l, i, time.Time{}
	o.connects.Inc()
	if o.careful {
		return nil // one of many; what is to be sent again goes in parts
	}
	o.resend = false
	o.log.Info("connected to the syslog receiver", "address", p.target.String())
	return nil
}

// again sends the window over l, part by part, so that a slow link has the whole
// timeout for each. All of it goes over one connection: what one that is lost took
// of it may be lost too.
func (o *output) again(ctx context.Context, l *link) error {
	b, sent := o.window.last()
	if len(sent) == 0 {
		return nil
	}
	release := l.begin(ctx, o.settings.Timeout)
	defer release()
	if err := o.pour(ctx, l, b); err != nil {
		return err
	}
	if err := l.drained(ctx, o.settings.Timeout); err != nil {
		return err
	}
	o.window.renew(o.now())
	o.resent.Add(uint64(len(sent)))
	o.log.Info("what was sent last was sent again", "messages", len(sent), "bytes", len(b))
	return nil
}

// abort ends a connection that failed: what it took last is to be sent again.
func (o *output) abort() {
	if !o.resend {
		o.window.expire(o.link.lost(o.now()))
	}
	if o.window.again > 0 && o.link.left() {
		o.careful = true
	}
	o.link.abort()
	o.link, o.resend = nil, o.window.max > 0
}

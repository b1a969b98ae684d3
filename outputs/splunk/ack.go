package splunk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/webclient"
)

// collector is an output whose bodies are confirmed by indexer acknowledgement.
// A body is kept as it was sent until its number is acknowledged, and is sent
// again where that does not come: to any receiver, with the same event ids.
// What the window does not hold has to wait.
type collector struct {
	*output
	channels map[*webclient.Backend]*channel
	now      func() time.Time // monotonic
	wait     func(ctx context.Context, d time.Duration) error

	queue    []*sent // taken and not confirmed, in the order of their collection
	bytes    int     // of the bodies in queue
	seq      uint64  // collected last
	before   uint64  // collected last before seq
	offered  uint64  // of the last Collect; less than seq where frames are offered again
	part     bool    // of seq only a part was taken
	disorder int     // channels given up since the last confirmation

	pending      *meter.Gauge
	resent, lost *meter.Counter
}

// sent is a body that was taken.
type sent struct {
	parcel
	before uint64    // what is confirmed when this one is the first of the queue
	at     time.Time // when it was sent last
	open   *channel  // where it is to be acknowledged; nil when it is to be sent again
	number int64     // its number there
	done   bool      // acknowledged, and behind one that is not
}

// Confirms implements plugin.Output.
func (o *collector) Confirms() bool { return true }

// Collect implements plugin.Collector. With a full window it waits for
// acknowledgements.
func (o *collector) Collect(ctx context.Context, seq uint64, events []event.Event) error {
	if o.offered = seq; seq > o.seq {
		o.before, o.seq = o.seq, seq
	}
	if len(events) == 0 {
		return nil
	}
	err := o.deliver(ctx, events, func(ctx context.Context, p *parcel) error {
		if err := o.room(ctx, len(p.body)); err != nil {
			return err
		}
		s := &sent{parcel: parcel{body: bytes.Clone(p.body), query: p.query, events: p.events}, before: o.before}
		if err := o.post(ctx, s); err != nil {
			return err
		}
		o.queue = append(o.queue, s)
		o.bytes += len(s.body)
		o.pending.Set(int64(len(o.queue)))
		return nil
	})
	o.part = offeredAgain(err)
	return err
}

// offeredAgain reports whether some of the events will be offered once more.
func offeredAgain(err error) bool {
	var e *plugin.Error
	if !errors.As(err, &e) {
		return err != nil
	}
	for _, f := range e.Failed {
		if kind, _ := plugin.KindOf(f.Err); kind != plugin.KindPermanent {
			return true
		}
	}
	return e.Kind != plugin.KindPartial
}

// post sends a body to a receiver, in its channel.
func (o *collector) post(ctx context.Context, s *sent) error {
	a, b, err := o.send(ctx, &s.parcel, func(r *webclient.Request) {
		r.Before = o.ready
		r.For = func(b *webclient.Backend, h http.Header) { h.Set(channelHeader, o.channelAt(b).id) }
	})
	if err == nil {
		return o.number(b, o.channelAt(b), a, s)
	}
	if _, code := codeOf(err); b != nil && o.channels[b] != nil {
		switch code {
		case codeBadChannel, codeNoChannel:
			o.giveUp(b, "the receiver does not know it")
		case codeAckDisabled:
			o.channels[b].known = false
		}
	}
	return err
}

// room waits until the window has room for a body. One body has always room in an
// empty window.
func (o *collector) room(ctx context.Context, size int) error {
	for len(o.queue) > 0 && (len(o.queue) >= o.settings.Requests || o.bytes+size > int(o.settings.Window)) {
		again, err := o.step(ctx, false)
		if err != nil {
			return err
		}
		if len(o.queue) < o.settings.Requests && o.bytes+size <= int(o.settings.Window) {
			return nil
		}
		if err := o.wait(ctx, again); err != nil {
			return plugin.Retry(fmt.Errorf("splunk: wait for acknowledgements: %w", err))
		}
	}
	return nil
}

// confirm notes that a body is acknowledged and takes what is confirmed off the
// queue.
func (o *collector) confirm(s *sent) {
	o.disorder = 0
	s.done, s.open = true, nil
	o.bytes -= len(s.body)
	s.body = nil
	n := 0
	for n < len(o.queue) && o.queue[n].done {
		n++
	}
	o.queue = append(o.queue[:0], o.queue[n:]...)
	o.pending.Set(int64(len(o.queue)))
}

// Settle implements plugin.Collector.
func (o *collector) Settle(ctx context.Context, all bool) (confirmed uint64, again time.Duration, err error) {
	again, err = o.step(ctx, all)
	if err == nil && o.disorder > 1 {
		err = plugin.Retry(errors.New("splunk: the numbers of acknowledgements come from more than one indexer: " +
			"behind url stands a balancer that has to lead a client back to the same one (sticky sessions, by cookie); nothing is lost meanwhile"))
	}
	return o.confirmed(), again, err
}

func (o *collector) confirmed() uint64 {
	switch {
	case len(o.queue) > 0:
		return min(o.queue[0].before, o.offered)
	case o.part:
		return min(o.before, o.offered)
	}
	return min(o.seq, o.offered)
}

// step makes at most one exchange: it asks a receiver for acknowledgements or
// sends a body again. It returns when the next step is due, 0 for never.
func (o *collector) step(ctx context.Context, all bool) (time.Duration, error) {
	now := o.now()
	interval := o.settings.AckInterval
	if all {
		interval = min(interval, hurried)
	}
	for _, b := range o.client.Backends() {
		if ch := o.channels[b]; ch != nil && len(ch.open) > 0 && now.Sub(ch.polled) >= max(interval, ch.pause) {
			err := o.poll(ctx, b, ch)
			return o.due(interval), err
		}
	}
	for _, s := range o.queue {
		if s.done || now.Sub(s.at) < o.patience(s) {
			continue
		}
		err := o.again(ctx, s)
		return o.due(interval), err
	}
	return o.due(interval), nil
}

// patience is how long after it was sent a body is sent again. What a channel took
// with it goes at once, unless channels end one after the other: then what is
// wrong is no restart, and to hurry would only store everything many times.
func (o *collector) patience(s *sent) time.Duration {
	switch {
	case s.open != nil:
		return o.settings.AckTimeout
	case o.disorder <= 1:
		return 0
	}
	return min(o.settings.AckInterval<<min(o.disorder, 16), o.settings.AckTimeout)
}

// hurried is how often is asked at the end of the sources.
const hurried = 100 * time.Millisecond

// again sends a body again that was not acknowledged.
func (o *collector) again(ctx context.Context, s *sent) error {
	if s.open != nil {
		delete(s.open.open, s.number)
		s.open = nil
	}
	err := o.post(ctx, s)
	if err == nil {
		o.resent.Inc()
		return nil
	}
	// What was taken once is not refused for good: a person mends what changed.
	if kind, after := plugin.KindOf(err); kind == plugin.KindAfter {
		return plugin.After(err, after)
	}
	return plugin.Retry(fmt.Errorf("splunk: send again what was not acknowledged: %w", err))
}

// soon is the least that a step that is due is put off.
const soon = time.Millisecond

// due returns how long nothing has to be done.
func (o *collector) due(interval time.Duration) time.Duration {
	if len(o.queue) == 0 {
		return 0
	}
	now, next := o.now(), o.settings.AckTimeout
	for _, ch := range o.channels {
		if ch != nil && len(ch.open) > 0 {
			next = min(next, max(interval, ch.pause)-now.Sub(ch.polled))
		}
	}
	for _, s := range o.queue {
		if !s.done {
			next = min(next, o.patience(s)-now.Sub(s.at))
		}
	}
	return max(next, soon)
}

// Probe implements plugin.Prober: also whether the token acknowledges.
func (o *collector) Probe(ctx context.Context) error {
	err := o.output.Probe(ctx)
	for _, b := range o.client.Backends() {
		if err == nil {
			err = o.ready(ctx, b)
		}
	}
	return err
}

// Send implements plugin.Output for who has a few events and no Collector in
// mind: it waits until they are confirmed.
func (o *collector) Send(ctx context.Context, events []event.Event) error {
	seq := o.seq + 1
	err := o.Collect(ctx, seq, events)
	if kind, _ := plugin.KindOf(err); err != nil && kind != plugin.KindPartial {
		return err
	}
	for o.confirmed() < seq {
		_, again, serr := o.Settle(ctx, true)
		if serr == nil && o.confirmed() < seq {
			serr = o.wait(ctx, again)
		}
		if serr != nil {
			return plugin.Retry(fmt.Errorf("splunk: wait for acknowledgements: %w", serr))
		}
	}
	return err
}

// wait waits for d, or until ctx is done.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/journal"
	"tallyman/pipeline/plugin"
)

// delivery is one load on its way: it tries again, halves what is refused, and puts
// aside what is refused for good, until every event is settled.
type delivery struct {
	name    string
	plugin  plugin.Output
	dead    *deadLetters
	state   *state
	pause   *backoff
	most    int             // events of one Send; 0 for no limit
	sending context.Context // of a Send; it may outlast a stop for a moment
	later   bool            // what is taken is confirmed later, and only then is all well
	load    load
}

// deliver sends a parcel of the load until each of its events is settled. It
// returns an error only when ctx is done, or when a refused event cannot be kept
// aside.
func (d *delivery) deliver(ctx context.Context, p parcel) error {
	parts := 1
	if d.most > 0 {
		parts = (p.len() + d.most - 1) / d.most
	}
	for i := range parts { // of about one size: no Send for a single event that is too many
		if err := d.settle(ctx, p.cut(i*p.len()/parts, (i+1)*p.len()/parts)); err != nil {
			return err
		}
	}
	return nil
}

// settle is deliver for what goes into one Send.
func (d *delivery) settle(ctx context.Context, p parcel) error {
	for p.len() > 0 {
		err := d.plugin.Send(d.sending, p.events)
		if err == nil {
			d.sent(p)
			d.well()
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, plugin.ErrCollectAgain) {
			return err
		}
		switch kind, after := plugin.KindOf(err); kind {
		case plugin.KindPermanent:
			return d.bisect(ctx, p, err)
		case plugin.KindPartial:
			rest, wait, perr := d.partial(ctx, p, err)
			if perr != nil {
				return perr
			}
			if p = rest; p.len() == 0 {
				d.well() // it takes events, though not all of these
				return nil
			}
			d.state.bad(err)
			d.pause.wait(ctx, wait)
		default:
			d.state.bad(err)
			d.pause.wait(ctx, after)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// well notes that the destination takes what it is sent.
func (d *delivery) well() {
	d.pause.reset()
	if !d.later {
		d.state.good()
	}
}

func (d *delivery) sent(p parcel) {
	column := unconfirmed
	if d.plugin.Confirms() {
		column = delivered
	}
	d.count(p, column)
}

// count adds what events stand for to one column of their frames; a replay has no
// frames, and no books.
func (d *delivery) count(p parcel, column func(*journal.Counts) *uint64) {
	for from, to := 0, 0; from < len(p.frames); from = to {
		for to < len(p.frames) && p.frames[to] == p.frames[from] {
			to++
		}
		d.load.count(p.frames[from], p.events[from:to], column)
	}
}

// bisect finds the events that the destination refuses for good.
func (d *delivery) bisect(ctx context.Context, p parcel, err error) error {
	if p.len() == 1 {
		return d.bury(ctx, p, 0, err)
	}
	half := p.len() / 2
	if err := d.settle(ctx, p.cut(0, half)); err != nil {
		return err
	}
	return d.settle(ctx, p.cut(half, p.len()))
}

// bury keeps a refused event aside, with the reason.
func (d *delivery) bury(ctx context.Context, p parcel, i int, why error) error {
	if err := keepAside(ctx, d.dead, d.state, d.pause, d.name, &p.events[i], why); err != nil {
		return err
	}
	d.count(p.cut(i, i+1), deadLettered)
	return nil
}

// keepAside puts an event among the dead letters, however long there is no room.
func keepAside(ctx context.Context, dead *deadLetters, st *state, pause *backoff, name string, e *event.Event, why error) error {
	// To begin the frame anew would deliver its other events once more.
	for {
		err := dead.add(name, e, why)
		if err == nil {
			return nil
		}
		st.bad(fmt.Errorf("keep a refused event aside: %w", err))
		if pause.wait(ctx, 0); ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// partial settles what a partly delivered batch settled and returns the rest, in
// order, with the longest pause that was asked for.
func (d *delivery) partial(ctx context.Context, p parcel, err error) (parcel, time.Duration, error) {
	var e *plugin.Error
	errors.As(err, &e) // KindOf found it
	var rest parcel
	var pause time.Duration
	at := 0
	for _, f := range e.Failed { // before any is put aside, for all come again
		if f.Index < at || f.Index >= p.len() {
			return parcel{}, 0, fmt.Errorf("output %s says that event %d of %d failed: %w", d.name, f.Index, p.len(), f.Err)
		}
		at = f.Index + 1
	}
	at = 0
	for _, f := range e.Failed {
		d.sent(p.cut(at, f.Index))
		at = f.Index + 1
		kind, after := plugin.KindOf(f.Err)
		if kind == plugin.KindPermanent {
			if err := d.bury(ctx, p, f.Index, f.Err); err != nil {
				return parcel{}, 0, err
			}
			continue
		}
		pause = max(pause, after)
		rest.events = append(rest.events, p.events[f.Index])
		if p.frames != nil {
			rest.frames = append(rest.frames, p.frames[f.Index])
		}
	}
	d.sent(p.cut(at, p.len()))
	return parcel{slices.Clip(rest.events), slices.Clip(rest.frames)}, pause, nil
}

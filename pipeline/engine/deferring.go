package engine

import (
	"context"
	"errors"

	"tallyman/pipeline/event"
	"tallyman/pipeline/journal"
	"tallyman/pipeline/plugin"
)

// How much may be sent before a Sync. After a kill as much comes again.
const (
	mostUnsyncedEvents = 8 << 10
	mostUnsyncedBytes  = 8 << 20 // as the journal would hold each event by itself
	mostUnsyncedFrames = 256
)

// deferring is a sender's work with a Deferrer: frames are delivered one load after
// another, and end together, at the Sync after them. It is what the delivery sends to.
type deferring struct {
	plugin.Output
	s      *sender
	to     plugin.Deferrer
	open   []framed // delivered and not synced, in order
	events int      // of open
	bytes  int
}

// errLevel says that there is nothing more to read for now.
var errLevel = errors.New("the output is level with the journal")

// deferrer returns the output as a Deferrer; nil where it is none, or where events wait
// for max_rate between two Sends.
func (s *sender) deferrer() plugin.Deferrer {
	to, ok := s.plugin.(plugin.Deferrer)
	if !ok || len(s.sends) != 1 || s.most > 0 || !to.Defer() {
		return nil
	}
	return to
}

// deferred is deliver for a Deferrer.
func (s *sender) deferred(ctx context.Context, to plugin.Deferrer) (err error) {
	d := &deferring{Output: to, s: s, to: to}
	l := &s.sends[0].load
	s.sends[0].plugin = d
	defer func() { err = errors.Join(err, d.settle()) }() // or what was written comes again
	for {
		switch err := s.fill(ctx, l, d.next); {
		case errors.Is(err, errLevel):
			err = d.settle()
			if err == nil {
				continue
			}
			return err
		case err != nil:
			return err
		}
		if err := s.sends[0].deliver(ctx, l.parcel); err != nil {
			return err
		}
		d.open = append(d.open, l.frames...)
		d.events, d.bytes = d.events+l.parcel.len(), d.bytes+l.bytes
		if d.events >= mostUnsyncedEvents || d.bytes >= mostUnsyncedBytes || len(d.open) >= mostUnsyncedFrames {
			if err := d.settle(); err != nil {
				return err
			}
		}
	}
}

// next is the next frame. It is waited for only where nothing waits for a Sync.
func (d *deferring) next(ctx context.Context) (journal.Entry, error) {
	if len(d.open) == 0 {
		return d.s.cursor.Next(ctx)
	}
	e, ok, err := d.s.cursor.TryNext()
	if err == nil && !ok {
		err = errLevel
	}
	return e, err
}

// Send implements plugin.Output. After an error there may be a long pause, so that all that was
// taken before is synced first.
func (d *deferring) Send(ctx context.Context, events []event.Event) error {
	err := d.to.Send(ctx, events)
	if err == nil {
		return nil
	}
	if serr := d.settle(); serr != nil {
		return errors.Join(plugin.ErrCollectAgain, err, serr)
	}
	return err
}

// settle ends the frames that are open. After an error they come again.
func (d *deferring) settle() error {
	open := d.open
	d.open, d.events, d.bytes = d.open[:0], 0, 0
	if err := d.to.Sync(); err != nil {
		return err
	}
	for i := range open {
		if err := d.s.done(&open[i]); err != nil {
			return err
		}
	}
	return nil
}

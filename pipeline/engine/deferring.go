package engine

import (
	"context"
	"errors"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/journal"
	"tallyman/pipeline/plugin"
)

// How much may be sent before a Sync. After a kill as much comes again.
const (
	mostUnsyncedEvents = 8 << 10
	mostUnsyncedBytes  = 8 << 20 // as the journal would hold each event by itself
	mostUnsyncedFrames = 256
	mostUnsyncedTime   = time.Second
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
	since  time.Time // of the first of open
	wary   bool      // something failed: each load is synced by itself until one was
}

// errLevel says that there is nothing more to read for now.
var errLevel = errors.New("the output is level with the journal")

// deferrer returns an output as a Deferrer; nil where it is none, or where events wait
// for max_rate or for more of their batch between two Sends.
func (s *sender) deferrer() plugin.Deferrer {
	to, ok := s.plugin.(plugin.Deferrer)
	if !ok || len(s.sends) != 1 || s.most > 0 || s.want.Wait > 0 || !to.Defer() {
		return nil
	}
	return to
}

// deferred is deliver for a Deferrer.
func (s *sender) deferred(ctx context.Context) (err error) {
	to := s.sends[0]
	d := &deferring{Output: s.plugin, s: s, to: s.defers, wary: s.wary}
	to.plugin, to.later = d, true
	defer func() {
		err = errors.Join(err, d.settle()) // or what was written comes again
		to.plugin, to.later, s.wary = s.plugin, false, d.wary
	}()
	l := &to.load
	for {
		switch err := s.fill(ctx, l, d.next); {
		case errors.Is(err, errLevel):
			if err := d.well(); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		if len(d.open) == 0 {
			d.since = s.around.Now()
		}
		if err := to.deliver(ctx, l.parcel); err != nil {
			return err
		}
		d.open = append(d.open, l.frames...)
		d.events, d.bytes = d.events+l.parcel.len(), d.bytes+l.bytes
		if d.full() {
			if err := d.well(); err != nil {
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

// full reports whether what is open is to be synced before more is sent. What waits
// for it counts as lag, of which an output may be allowed little.
func (d *deferring) full() bool {
	bytes := int64(mostUnsyncedBytes)
	if lag := d.s.policy.MaxLag; lag > 0 {
		bytes = min(bytes, lag/4)
	}
	return d.wary || d.events >= mostUnsyncedEvents || int64(d.bytes) >= bytes || len(d.open) >= mostUnsyncedFrames ||
		d.s.around.Now().Sub(d.since) >= mostUnsyncedTime
}

// Send implements plugin.Output. After an error there may be a long pause, so that all that was
// taken before is synced first.
func (d *deferring) Send(ctx context.Context, events []event.Event) error {
	err := d.to.Send(ctx, events)
	if errors.Is(err, plugin.ErrSyncFirst) {
		if serr := d.settle(); serr != nil {
			return errors.Join(plugin.ErrCollectAgain, serr)
		}
		err = d.to.Send(ctx, events)
	}
	if err == nil {
		return nil
	}
	serr := d.settle()
	d.wary = true // so that what is put aside of this load does not come again with others
	if serr != nil {
		return errors.Join(plugin.ErrCollectAgain, err, serr)
	}
	return err
}

// well is settle between two loads: all that was sent is there.
func (d *deferring) well() error {
	if err := d.settle(); err != nil {
		return err
	}
	d.wary = false
	d.s.pause.reset()
	d.s.state.good()
	return nil
}

// settle ends the frames that are open. After an error they come again, with less at
// a time: a disk may have room for that.
func (d *deferring) settle() error {
	open := d.open
	d.open, d.events, d.bytes = d.open[:0], 0, 0
	if err := d.to.Sync(); err != nil {
		d.wary = true
		return err
	}
	for i := range open {
		if err := d.s.done(&open[i]); err != nil {
			return err
		}
	}
	return nil
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/journal"
	"tallyman/pipeline/plugin"
)

// collecting is a sender's work with a Collector: frames are offered as they come
// and end when the destination has confirmed them, later, in their order.
type collecting struct {
	*sender
	to     plugin.Collector
	open   []framed      // offered and not confirmed, in order
	due    time.Duration // how long the Collector may be left alone; 0: until it is offered something
	all    bool          // the last Settle was asked to move on everything
	failed bool          // the last Settle did
}

// collect is a Collector as what a delivery sends to.
type collect struct {
	plugin.Collector
	seq uint64
}

// Send implements plugin.Output.
func (c *collect) Send(ctx context.Context, events []event.Event) error {
	return c.Collect(ctx, c.seq, events)
}

// collect is deliver for a Collector.
func (s *sender) collect(ctx context.Context, to plugin.Collector) error {
	c := &collecting{sender: s, to: to}
	for {
		if err := c.settle(ctx); err != nil {
			return err
		}
		if c.crowded() && c.due > 0 {
			if err := c.leave(ctx); err != nil {
				return err
			}
			continue
		}
		l := &s.sends[0].load
		switch err := s.fill(ctx, l, c.next); {
		case errors.Is(err, errAlone):
			continue
		case err != nil:
			return err
		}
		if err := c.offer(ctx, l); err != nil {
			return err
		}
	}
}

// errAlone says that the Collector is not to be left alone for longer.
var errAlone = errors.New("the time until the next settling has passed")

// next waits for a frame, not longer than the Collector may be left alone.
func (c *collecting) next(ctx context.Context) (journal.Entry, error) {
	if e, ok, err := c.cursor.TryNext(); ok || err != nil {
		return e, err
	}
	wait, cancel := context.WithCancel(ctx)
	defer cancel()
	if c.due > 0 {
		t := time.AfterFunc(c.due, cancel)
		defer t.Stop()
	}
	if !c.all && !c.failed {
		defer c.haste.interrupts(cancel)()
	}
	e, err := c.cursor.Next(wait)
	if err != nil && wait.Err() != nil && ctx.Err() == nil {
		return e, errAlone
	}
	return e, err
}

// crowded reports whether so many frames wait to be confirmed that what is open has
// to move on before there are more.
func (c *collecting) crowded() bool { return len(c.open) >= c.ahead }

// leave leaves the Collector alone for as long as it may be.
func (c *collecting) leave(ctx context.Context) error {
	return stand(ctx, c.due)
}

// offer hands a load to the Collector.
func (c *collecting) offer(ctx context.Context, l *load) error {
	c.rested.Store(false)
	d := c.sends[0]
	seq := l.frames[len(l.frames)-1].seq
	c.offered = max(c.offered, seq) // after a rewind the same comes again, and was confirmed perhaps
	d.plugin, d.later = &collect{c.to, seq}, true
	err := error(nil)
	if l.parcel.len() == 0 {
		err = c.empty(ctx, seq)
	} else {
		err = d.deliver(ctx, l.parcel)
	}
	if err == nil {
		c.open = append(c.open, l.frames...)
	}
	return err
}

// empty tells the Collector of a frame with nothing for it.
func (c *collecting) empty(ctx context.Context, seq uint64) error {
	for {
		err := c.to.Collect(c.sends[0].sending, seq, nil)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, plugin.ErrCollectAgain) {
			return err
		}
		_, after := plugin.KindOf(err)
		c.state.bad(err)
		if c.pause.wait(ctx, after); ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// settle lets the Collector move on what is due and ends the frames that are
// confirmed. A destination that fails is asked again later; meanwhile more is
// offered, as far as the Collector takes it.
func (c *collecting) settle(ctx context.Context) error {
	c.all = c.haste.wished() || c.crowded()
	confirmed, again, err := c.to.Settle(c.sends[0].sending, c.all)
	if cerr := c.confirm(confirmed); cerr != nil {
		return cerr
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, plugin.ErrCollectAgain) {
		return err
	}
	c.due, c.failed = again, err != nil
	if err == nil {
		c.pause.reset()
		c.state.good()
		if c.all && again == 0 && len(c.open) == 0 && !c.rested.Swap(true) {
			select {
			case c.rest <- struct{}{}:
			default: // it was told, or nobody asks
			}
		}
		return nil
	}
	c.state.bad(err)
	_, after := plugin.KindOf(err)
	c.due = c.pause.length(after)
	return nil
}

// confirm ends the frames up to a sequence.
func (c *collecting) confirm(seq uint64) error {
	if seq > c.offered {
		return fmt.Errorf("output %s confirms frame %d and was offered no more than %d; what is not confirmed is offered again", c.name, seq, c.offered)
	}
	n := 0
	for ; n < len(c.open) && c.open[n].seq <= seq; n++ {
		if err := c.done(&c.open[n]); err != nil {
			return err
		}
	}
	c.open = append(c.open[:0], c.open[n:]...)
	return nil
}

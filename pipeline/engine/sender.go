package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tallyman/pipeline/codec"
	"tallyman/pipeline/event"
	"tallyman/pipeline/expr"
	"tallyman/pipeline/journal"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// sender is one output and its cursor: one goroutine, one frame in flight.
type sender struct {
	output
	cursor  *journal.Cursor
	dead    *deadLetters
	around  Surroundings
	state   *state
	sending context.Context // of a Send; it may outlast a stop for a moment
	decoder *codec.Decoder
	machine *expr.Machine
	pause   *backoff
	batch   event.Batch
	tally   journal.Tally

	whenErrors *meter.Counter
}

func newSender(p *Pipeline, o output, c *journal.Cursor, dead *deadLetters) *sender {
	return &sender{
		output: o, cursor: c, dead: dead, around: p.around,
		state: newState(p.around, "output", o.name), decoder: codec.NewDecoder(), machine: expr.NewMachine(), pause: newBackoff(),
		whenErrors: p.around.Meter.Counter("tallyman_output_when_errors_total",
			"Events whose `when` could not be evaluated; they are delivered.", meter.Label{Name: "output", Value: o.name}),
	}
}

// run delivers until ctx is done or the journal closes. A Send that is under way
// then may end, as long as sending is not done either; what is not finished is
// handed out again at the next start.
func (s *sender) run(ctx, sending context.Context) {
	s.sending = sending
	defer s.cursor.Rewind()
	for {
		e, err := s.cursor.Next(ctx)
		switch {
		case err == nil:
			err = s.frame(ctx, e)
		case errors.Is(err, journal.ErrClosed):
			return
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.state.bad(err)
			s.pause.wait(ctx, 0)
			s.cursor.Rewind()
		}
	}
}

// frame brings one frame to its end: every event is delivered, filtered, dead-
// lettered or counted as lost. An error leaves it unfinished.
func (s *sender) frame(ctx context.Context, e journal.Entry) error {
	s.batch.Reset()
	s.tally = journal.Tally{}
	err := s.decoder.Decode(e.Payload, &s.batch)
	if errors.Is(err, codec.ErrVersion) {
		return fmt.Errorf("output %s: %w; its events wait for the version that wrote them", s.name, err)
	}
	if err != nil {
		// The sums were right, so this is a mistake in a program, ours or a newer
		// one's: it is said, and counted, and the rest goes on.
		s.around.Log.Error("a frame of the journal does not decode; its records are counted as lost",
			"output", s.name, "sequence", e.Seq, "records", e.Records, "error", err)
		s.tally.Records.Dropped[journal.Corrupt] = uint64(e.Records)
		s.tally.Generated.Dropped[journal.Corrupt] = uint64(e.Generated)
	} else {
		s.tally.Records.Filtered = uint64(s.batch.Filtered)
		if err := s.deliver(ctx, s.filter(s.batch.Events)); err != nil {
			return err
		}
	}
	if err := s.cursor.Done(e.Seq, s.tally); err != nil {
		return fmt.Errorf("output %s: the books: %w", s.name, err)
	}
	return nil
}

// filter keeps the events that meet `when`, in their order.
func (s *sender) filter(events []event.Event) []event.Event {
	if s.when == nil {
		return events
	}
	kept := events[:0]
	for i := range events {
		ok, err := s.when.Test(s.machine, &events[i])
		if err != nil {
			s.whenErrors.Inc()
			ok = true // an event is not lost over an expression
		}
		if ok {
			kept = append(kept, events[i])
			continue
		}
		s.count(&events[i], func(c *journal.Counts) *uint64 { return &c.Filtered })
	}
	return kept
}

// count adds what an event stands for to one column.
func (s *sender) count(e *event.Event, column func(*journal.Counts) *uint64) {
	if e.Records > 0 {
		*column(&s.tally.Records) += uint64(e.Records)
	} else {
		*column(&s.tally.Generated)++
	}
}

func (s *sender) sent(events []event.Event) {
	column := func(c *journal.Counts) *uint64 { return &c.Unconfirmed }
	if s.plugin.Confirms() {
		column = func(c *journal.Counts) *uint64 { return &c.Delivered }
	}
	for i := range events {
		s.count(&events[i], column)
	}
}

// deliver sends events until each is settled. It returns an error only when ctx
// is done, or when a refused event cannot be kept aside.
func (s *sender) deliver(ctx context.Context, events []event.Event) error {
	for len(events) > 0 {
		err := s.plugin.Send(s.sending, events)
		if err == nil {
			s.sent(events)
			s.good()
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch kind, after := plugin.KindOf(err); kind {
		case plugin.KindPermanent:
			return s.bisect(ctx, events, err)
		case plugin.KindPartial:
			rest, wait, perr := s.partial(ctx, events, err)
			if perr != nil {
				return perr
			}
			if events = rest; len(events) > 0 {
				s.state.bad(err)
				s.pause.wait(ctx, wait)
			}
		default:
			s.state.bad(err)
			s.pause.wait(ctx, after)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

func (s *sender) good() {
	s.pause.reset()
	s.state.good()
}

// bisect finds the events that the destination refuses for good.
func (s *sender) bisect(ctx context.Context, events []event.Event, err error) error {
	if len(events) == 1 {
		return s.bury(ctx, &events[0], err)
	}
	half := len(events) / 2
	if err := s.deliver(ctx, events[:half]); err != nil {
		return err
	}
	return s.deliver(ctx, events[half:])
}

// bury keeps a refused event aside, with the reason.
func (s *sender) bury(ctx context.Context, e *event.Event, why error) error {
	// To begin the frame anew would deliver its other events once more.
	for {
		err := s.dead.add(s.name, e, why)
		if err == nil {
			break
		}
		s.state.bad(fmt.Errorf("keep a refused event aside: %w", err))
		if s.pause.wait(ctx, 0); ctx.Err() != nil {
			return ctx.Err()
		}
	}
	s.count(e, func(c *journal.Counts) *uint64 { return &c.DeadLettered })
	return nil
}

// partial settles what a partly delivered batch settled and returns the rest, in
// order, with the longest pause that was asked for.
func (s *sender) partial(ctx context.Context, events []event.Event, err error) ([]event.Event, time.Duration, error) {
	var e *plugin.Error
	errors.As(err, &e) // KindOf found it
	var rest []event.Event
	var pause time.Duration
	at := 0
	for _, f := range e.Failed {
		if f.Index < at || f.Index >= len(events) {
			return nil, 0, fmt.Errorf("output %s says that event %d of %d failed: %w", s.name, f.Index, len(events), f.Err)
		}
		s.sent(events[at:f.Index])
		at = f.Index + 1
		kind, after := plugin.KindOf(f.Err)
		if kind == plugin.KindPermanent {
			if err := s.bury(ctx, &events[f.Index], f.Err); err != nil {
				return nil, 0, err
			}
			continue
		}
		pause = max(pause, after)
		rest = append(rest, events[f.Index])
	}
	s.sent(events[at:])
	return slices.Clip(rest), pause, nil
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"tallyman/pipeline/codec"
	"tallyman/pipeline/event"
	"tallyman/pipeline/journal"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

const (
	// idle is how long a lane waits for its source before it lets time pass for
	// its transforms.
	idle = 100 * time.Millisecond
	// restMarks is how often a position is committed that moved without an event.
	restMarks = time.Second
)

// lane is one input, its transforms and its way into the journal: one goroutine.
type lane struct {
	in      input
	chain   *Chain
	journal *journal.Journal
	memory  *memory
	mark    func(key string) []byte // what was handed to the journal last under a key
	around  Surroundings
	state   *state

	enc       *codec.Encoder
	heldEnc   *codec.Encoder
	heldBuf   []byte // what the next frame brings
	held      []event.Event
	given     []byte            // the position that the journal took last, nil: none
	heldLast  []byte            // the held records that the journal took last
	heldSaid  bool              // it took some, or that there are none
	restoring bool              // the records that were held are on their way
	relieving bool              // the chain is made to hold nothing
	wasHeld   bool              // the last committed mark of held records is not empty
	lost      map[string][]byte // what the journal took of losses before us, by mark
	position  []byte
	unsaved   bool // position moved since it was last handed to the journal
	saved     time.Time

	urgent          bool // the input cannot wait
	fleeting        bool // its source gives nothing twice
	grace           time.Duration
	unsaid          func() uint64   // records that the lane before had to give up at its end, once
	leaving         context.Context // of a fleeting source's last batches; nil before the end
	left            context.CancelFunc
	gaveUp          uint64        // records that could not be handed on at the end
	refused         atomic.Uint64 // records that the journal took and could not make durable before it closed
	records, events *meter.Counter
}

func newLane(p *Pipeline, in input, j *journal.Journal, m *memory, mark func(string) []byte) *lane {
	label := meter.Label{Name: "input", Value: in.name}
	return &lane{
		in: in, chain: p.Chain(in.name), journal: j, memory: m, mark: mark, around: p.around,
		state:  newState(p.around, "input", in.name),
		urgent: cannotWait(in.plugin), fleeting: fleeting(in.plugin), grace: p.Config.Grace, unsaid: func() uint64 { return 0 }, enc: codec.NewEncoder(), heldEnc: codec.NewEncoder(),
		records: p.around.Meter.Counter("tallyman_input_records_total", "Source records read.", label),
		events:  p.around.Meter.Counter("tallyman_input_events_total", "Events handed to the journal.", label),
	}
}

func (l *lane) positionKey() string { return "position/" + l.in.name }
func (l *lane) heldKey() string     { return "held/" + l.in.name }

// last adds to marks what the lane handed to the journal last. The journal makes
// it durable before anything that is appended later, so whoever comes after the
// lane may go on from there, be it durable yet or not.
func (l *lane) last(marks map[string][]byte) {
	if l.given != nil {
		marks[l.positionKey()] = l.given
	}
	if l.heldSaid {
		marks[l.heldKey()] = l.heldLast
	}
	maps.Copy(marks, l.lost)
}

// open takes up the source where the journal says. An error is final.
func (l *lane) open(ctx context.Context) error {
	if err := l.in.plugin.Open(ctx, l.mark(l.positionKey())); err != nil {
		return fmt.Errorf("input %s: %w", l.in.name, err)
	}
	return nil
}

// run reads until the source ends (nil), ctx is done (nil) or the lane cannot
// go on.
func (l *lane) run(ctx context.Context) error {
	if err := l.restore(ctx); err != nil {
		return err
	}
	defer func() {
		if l.left != nil {
			l.left()
		}
	}()
	in := &event.Batch{}
	if n := l.unsaid(); n > 0 {
		in.Losses = append(in.Losses, event.Loss{Reason: event.Overrun, Count: n, Text: "the journal was full as the configuration changed"})
		l.raise(in)
		if err := l.pass(ctx, in); err != nil {
			return stopped(ctx, err)
		}
	}
	for pause := newBackoff(); ; {
		in.Reset()
		err := l.in.plugin.Read(ctx, in, idle)
		l.records.Add(uint64(len(in.Events)))
		l.raise(in)
		// What came with an error counts like any other.
		if failed := l.pass(ctx, in); failed != nil {
			if ctx.Err() != nil && l.fleeting {
				l.giveUp(ctx, in, failed)
			}
			return stopped(ctx, failed)
		}
		switch {
		case err == nil:
			pause.reset()
			l.state.good()
		case err == io.EOF: //nolint:errorlint // only the bare value is the end: a broken connection may wrap one
			return stopped(ctx, l.flush(ctx))
		case ctx.Err() != nil:
			return l.settle()
		default:
			kind, after := plugin.KindOf(err)
			l.state.bad(err)
			if kind == plugin.KindPermanent {
				return fmt.Errorf("input %s: %w", l.in.name, err)
			}
			pause.wait(ctx, after)
		}
	}
}

// append hands a frame to the journal. What a fleeting source gave is handed on
// after ctx is done too, as long as the grace time of a stop lasts: nothing else
// has it.
func (l *lane) append(ctx context.Context, f journal.Frame) error {
	if l.fleeting && f.Records > 0 {
		n, done := uint64(f.Records), f.Done
		f.Done = func(err error) {
			if err != nil {
				l.refused.Add(n)
			}
			if done != nil {
				done(err)
			}
		}
	}
	_, err := l.journal.Append(ctx, f)
	if err == nil || ctx.Err() == nil || !l.fleeting || !errors.Is(err, ctx.Err()) {
		return err
	}
	if l.leaving == nil {
		l.leaving, l.left = context.WithTimeout(context.Background(), l.grace)
	}
	_, err = l.journal.Append(l.leaving, f)
	return err
}

// giveUp counts what a fleeting source gave and the journal did not take by the
// end of the grace time.
func (l *lane) giveUp(ctx context.Context, in *event.Batch, why error) {
	count := func() {
		for i := range in.Events {
			l.gaveUp += uint64(in.Events[i].Records)
		}
	}
	count()
	for {
		in.Reset()
		err := l.in.plugin.Read(ctx, in, 0)
		count()
		if in.Accepted != nil {
			in.Accepted(why)
		}
		if err != nil || len(in.Events) == 0 {
			break
		}
	}
	l.around.Log.Error("records were lost at the end of an input: the journal did not take them in the grace time, and the source gives them once",
		"component", l.in.name, "records", l.gaveUp, "error", why)
}

// settle commits at a stop what was read and is not committed yet: where a
// source cannot be read again, nothing else has it.
func (l *lane) settle() error {
	if !l.unsaved {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	l.memory.passing.RLock()
	defer l.memory.passing.RUnlock()
	l.saved = time.Time{}
	if err := l.commit(ctx, &event.Batch{}, nil); err != nil {
		l.around.Log.Warn("what was read last is not in the journal; a source that can be read again gives it again", "component", l.in.name, "error", err)
	}
	return nil
}

// stopped hides the errors that a stop makes.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// restore gives the chain the records that it held when it was stopped.
func (l *lane) restore(ctx context.Context) error {
	raw := l.mark(l.heldKey())
	if len(raw) == 0 {
		return nil
	}
	in := &event.Batch{}
	if err := codec.NewDecoder().Decode(raw, in); err != nil {
		return fmt.Errorf("input %s: the records held at the last stop: %w", l.in.name, err)
	}
	l.wasHeld, l.restoring = true, true
	defer func() { l.restoring = false }()
	return l.pass(ctx, in)
}

// orphan reports whether an event is the note of a stage that is not there any more.
func orphan(e event.Event) bool { return e.Records == 0 && e.Dataset == undecoded }

// flush takes what the chain holds into the journal, at the end of a source.
func (l *lane) flush(ctx context.Context) error {
	l.memory.passing.RLock()
	defer l.memory.passing.RUnlock()
	err := l.chain.Flush(ctx, func(b *event.Batch) error { return l.commit(ctx, b, nil) })
	if err != nil {
		l.memory.ahead.Store(true)
	}
	return err
}

// pass takes a batch through the chain into the journal.
func (l *lane) pass(ctx context.Context, in *event.Batch) error {
	l.memory.passing.RLock()
	defer l.memory.passing.RUnlock()
	err := l.through(ctx, in)
	if err != nil {
		l.memory.ahead.Store(true)
	}
	return err
}

func (l *lane) through(ctx context.Context, in *event.Batch) error {
	if in.Position != nil {
		l.position = append(l.position[:0], in.Position...)
	}
	l.unsaved = l.unsaved || in.Position != nil || len(in.Events) > 0
	out, err := l.chain.Run(ctx, in)
	if err != nil {
		if in.Accepted != nil {
			in.Accepted(err)
		}
		return err
	}
	if l.restoring {
		out.Events = slices.DeleteFunc(out.Events, orphan)
	}
	return l.commit(ctx, out, in.Accepted)
}

// commit appends the events with the position that they bring about and the
// records that the chain still holds: one frame, all or nothing.
func (l *lane) commit(ctx context.Context, out *event.Batch, accepted func(error)) error {
	now := l.around.Now()
	// A source without a position gives nothing twice: what is held of it has to
	// be in the journal at once.
	rest := now.Sub(l.saved) < restMarks && l.position != nil
	if len(out.Events) == 0 && out.Filtered == 0 && len(out.Losses) == 0 && accepted == nil && (!l.unsaved || rest) {
		return nil
	}
	f := journal.Frame{Done: accepted, Urgent: l.urgent}
	f.Marks = l.account(out.Losses, f.Marks)
	if l.relieving {
		return l.relieve(ctx, out, f)
	}
	saysHeld := l.hold()
	if len(l.held) > 0 && !l.journal.Fits(2*len(l.heldBuf)) { // a new segment begins with it, before the frame that brings it
		if err := l.release(ctx, out, f.Marks); err != nil {
			if accepted != nil {
				accepted(err)
			}
			return err
		}
		out, f.Marks, now = &event.Batch{}, nil, l.around.Now()
		saysHeld = l.hold()
	}
	if l.position != nil {
		f.Marks = append(f.Marks, journal.Mark{Key: l.positionKey(), Value: l.position})
	}
	if saysHeld {
		f.Marks = append(f.Marks, journal.Mark{Key: l.heldKey(), Value: l.heldBuf})
	}
	clear(l.held)
	if err := l.put(ctx, out.Events, out.Filtered, f); err != nil {
		if accepted != nil {
			accepted(err)
		}
		return fmt.Errorf("input %s: append to the journal: %w", l.in.name, err)
	}
	if l.unsaved, l.saved = false, now; l.position != nil {
		l.given = append(l.given[:0], l.position...)
	}
	if saysHeld {
		l.heldBuf, l.heldLast, l.heldSaid = l.heldLast, l.heldBuf, true
	}
	l.events.Add(uint64(len(out.Events)))
	return nil
}

// put appends events as one frame with the marks of f. Where they are more than
// the journal takes at once they go in parts, the marks with the last; an event
// that is too large by itself is kept without its content, and says so.
func (l *lane) put(ctx context.Context, events []event.Event, filtered uint32, f journal.Frame) error {
	f.Records, f.Generated, f.Payload = filtered, 0, nil
	for i := range events {
		if n := events[i].Records; n > 0 {
			f.Records += n
		} else {
			f.Generated++
		}
	}
	if len(events) > 0 || filtered > 0 {
		f.Payload = l.enc.Encode(events, filtered)
	}
	err := l.append(ctx, f)
	switch {
	case !errors.Is(err, journal.ErrTooLarge) || len(events) == 0:
		return err
	case len(events) == 1:
		if !empty(&events[0], len(f.Payload)) {
			return err
		}
		return l.put(ctx, events, filtered, f)
	}
	half := len(events) / 2
	if err := l.put(ctx, events[:half], 0, journal.Frame{Urgent: f.Urgent}); err != nil {
		return err
	}
	return l.put(ctx, events[half:], filtered, f)
}

// empty takes the content out of an event that is too large, size bytes, to be
// kept; false says that nothing is left to take.
func empty(e *event.Event, size int) bool {
	if e.Raw == "" && len(e.Fields) <= 2 {
		return false
	}
	e.Raw, e.Fields = "", nil
	e.Fields.AddString(schema.EventKind, "pipeline_error")
	e.Fields.AddString(schema.ErrorMessage, fmt.Sprintf("the event took %d bytes, more than the journal may hold; its content was removed", size))
	return true
}

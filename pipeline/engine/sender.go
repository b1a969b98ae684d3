package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"tallyman/pipeline/codec"
	"tallyman/pipeline/event"
	"tallyman/pipeline/expr"
	"tallyman/pipeline/journal"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// sender is one output and its cursor. One goroutine reads the journal and judges
// `when`; it delivers as well, unless the output wants several batches under way.
type sender struct {
	output
	cursor  *journal.Cursor
	around  Surroundings
	state   *state
	haste   haste
	decoder *codec.Decoder
	machine *expr.Machine
	pause   *backoff
	rate    rate
	want    plugin.Batch
	sends   []*delivery     // one for each batch that may be under way
	defers  plugin.Deferrer // the output, where its Sends are synced together
	wary    bool            // the last of them could not be
	unread  error           // why the frame behind the last load could not be read
	ahead   int             // how many frames may be read beyond one that is not finished
	offered uint64          // the last sequence that a Collector was ever offered
	rested  atomic.Bool     // a Collector was asked to move on everything, and has nothing left
	rest    chan<- struct{} // told when that begins to be so; nil for nobody

	whenErrors *meter.Counter
}

func newSender(p *Pipeline, o output, c *journal.Cursor, dead *deadLetters) *sender {
	s := &sender{
		output: o, cursor: c, around: p.around, state: newState(p.around, "output", o.name),
		decoder: codec.NewDecoder(), machine: expr.NewMachine(), pause: newBackoff(), ahead: mostAhead,
		whenErrors: p.around.Meter.Counter("tallyman_output_when_errors_total",
			"Events whose `when` could not be evaluated; they are delivered.", meter.Label{Name: "output", Value: o.name}),
	}
	if b, ok := o.plugin.(plugin.Batcher); ok {
		s.want = b.Batch()
	}
	if o.most > 0 && s.want.Events > o.most {
		s.want.Events = o.most // a second's worth at once, at most
	}
	s.rate = newRate(o.most, p.around.Now, p.around.Meter.Counter("tallyman_output_rate_waits_total",
		"How often events waited because of the output's max_rate.", meter.Label{Name: "output", Value: o.name}))
	for _, to := range o.all() {
		s.sends = append(s.sends, &delivery{name: o.name, plugin: to, dead: dead, state: s.state, pause: newBackoff(), most: s.want.Events,
			load: load{texts: texts{spoil: p.around.Spoil}}})
	}
	s.defers = s.deferrer()
	return s
}

// run delivers until ctx is done or the journal closes. A Send that is under way
// then may end, as long as sending is not done either; what is not finished is
// handed out again at the next start.
func (s *sender) run(ctx, sending context.Context) {
	for _, d := range s.sends {
		d.sending = sending
	}
	defer s.cursor.Rewind()
	for ctx.Err() == nil {
		var err error
		if to, ok := s.plugin.(plugin.Collector); ok {
			err = s.collect(ctx, to)
		} else if s.defers != nil {
			err = s.deferred(ctx)
		} else {
			err = s.deliver(ctx)
		}
		if ctx.Err() != nil || errors.Is(err, journal.ErrClosed) {
			return
		}
		s.state.bad(err)
		s.pause.wait(ctx, 0)
		s.cursor.Rewind()
	}
}

// deliver brings load after load to its end; it returns the error that leaves one
// unfinished, with nothing under way any more.
func (s *sender) deliver(ctx context.Context) error {
	if len(s.sends) == 1 {
		for {
			l := &s.sends[0].load
			if err := s.gather(ctx, l); err != nil {
				return err
			}
			if err := s.finish(ctx, s.sends[0]); err != nil {
				return err
			}
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	free := make(chan *delivery, len(s.sends))
	full := make(chan *delivery)
	var at sync.WaitGroup
	for _, d := range s.sends {
		free <- d
		at.Go(func() {
			for d := range full {
				if err := s.finish(ctx, d); err != nil {
					cancel(err)
				}
				free <- d
			}
		})
	}
	err := s.hand(ctx, free, full)
	close(full)
	at.Wait()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return err
}

// hand gives each delivery that is free the next load, as long as the oldest one
// under way is not left too far behind.
func (s *sender) hand(ctx context.Context, free <-chan *delivery, full chan<- *delivery) error {
	var idle, busy []*delivery // busy in the order of their loads
	var read uint64            // the frame that was read last
	for {
		for len(idle) == 0 || len(busy) > 0 && read-busy[0].load.frames[0].seq >= uint64(s.ahead) {
			select {
			case d := <-free:
				busy = slices.DeleteFunc(busy, func(o *delivery) bool { return o == d })
				idle = append(idle, d)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		d := idle[0]
		if err := s.gather(ctx, &d.load); err != nil {
			return err
		}
		idle, busy, read = idle[1:], append(busy, d), d.load.frames[len(d.load.frames)-1].seq
		full <- d
	}
}

// finish delivers a load and tells the books of each of its frames.
func (s *sender) finish(ctx context.Context, d *delivery) error {
	if err := d.deliver(ctx, d.load.parcel); err != nil {
		return err
	}
	for i := range d.load.frames {
		if err := s.done(&d.load.frames[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *sender) done(f *framed) error {
	if err := s.cursor.Done(f.seq, f.tally); err != nil {
		return fmt.Errorf("output %s: the books: %w", s.name, err)
	}
	return nil
}

// gather fills a load with one frame, or with as many as the output wants.
func (s *sender) gather(ctx context.Context, l *load) error { return s.fill(ctx, l, s.cursor.Next) }

// fill is gather with the frame that first returns as its first.
func (s *sender) fill(ctx context.Context, l *load, first func(context.Context) (journal.Entry, error)) error {
	l.reset()
	if err := s.rate.wait(ctx); err != nil {
		return err
	}
	err := s.take(ctx, l, first)
	if err == nil {
		s.rate.took(l.parcel.len())
	}
	return err
}

// take fills a load as soon as it can. A frame with nothing for this output waits for
// no other.
func (s *sender) take(ctx context.Context, l *load, first func(context.Context) (journal.Entry, error)) error {
	if err := s.unread; err != nil {
		s.unread = nil
		return err
	}
	e, err := first(ctx)
	if err == nil {
		err = s.add(l, e)
	}
	if err != nil || s.enough(l) {
		return err
	}
	wait := ctx
	for {
		e, ok, err := s.cursor.TryNext()
		if !ok && err == nil && s.want.Wait > 0 {
			if wait == ctx {
				var cancel context.CancelFunc
				wait, cancel = context.WithTimeout(ctx, s.want.Wait)
				defer cancel()
				defer s.haste.interrupts(cancel)()
			}
			if e, err = s.cursor.Next(wait); err != nil {
				break // for a load that is under way a closed journal is no matter
			}
			ok = true
		}
		if err != nil || !ok {
			break // the next call says it again
		}
		if s.unread = s.add(l, e); s.unread != nil {
			l.frames = l.frames[:len(l.frames)-1] // what was read before it is delivered first
			break
		}
		if s.enough(l) {
			break
		}
	}
	return ctx.Err()
}

// enough reports whether a load waits for nothing more.
func (s *sender) enough(l *load) bool {
	w := &s.want
	return w.Events == 0 && w.Bytes == 0 || l.parcel.len() == 0 ||
		w.Events > 0 && l.parcel.len() >= w.Events || w.Bytes > 0 && l.bytes >= w.Bytes
}

// add decodes a frame into a load.
func (s *sender) add(l *load, e journal.Entry) error {
	at := int32(len(l.frames))
	l.frames = append(l.frames, framed{seq: e.Seq})
	tally := &l.frames[at].tally
	before, left := len(l.batch.Events), l.batch.Filtered
	err := s.decoder.View(l.texts.hold(e.Payload), &l.batch)
	switch {
	case errors.Is(err, codec.ErrVersion):
		return fmt.Errorf("output %s: %w; its events wait for the version that wrote them", s.name, err)
	case err != nil:
		// The sums were right, so this is a mistake in a program, ours or a newer
		// one's: it is said, and counted, and the rest goes on.
		s.around.Log.Error("a frame of the journal does not decode; its records are counted as lost",
			"output", s.name, "sequence", e.Seq, "records", e.Records, "error", err)
		tally.Records.Dropped[journal.Corrupt] = uint64(e.Records)
		tally.Generated.Dropped[journal.Corrupt] = uint64(e.Generated)
		clear(l.batch.Events[before:])
		l.batch.Events = l.batch.Events[:before]
		return nil
	}
	l.bytes += s.decoder.Size()
	tally.Records.Filtered += uint64(l.batch.Filtered - left)
	s.judge(l, l.batch.Events[before:], at)
	return nil
}

// judge puts the events of a frame that meet `when` into the parcel, in order. Where all do
// they stay where they lie.
func (s *sender) judge(l *load, events []event.Event, frame int32) {
	if s.when == nil {
		l.parcel.events = l.batch.Events
		for range events {
			l.parcel.frames = append(l.parcel.frames, frame)
		}
		return
	}
	for i := range events {
		ok, err := s.when.Test(s.machine, &events[i])
		if err != nil {
			s.whenErrors.Inc() // an event is not lost over an expression
		} else if !ok {
			l.count(frame, events[i:i+1], filtered)
			continue
		}
		l.chosen = append(l.chosen, events[i])
		l.parcel.frames = append(l.parcel.frames, frame)
	}
	l.parcel.events = l.chosen
}

// haste is the wish of a drain that nothing waits for more to come.
type haste struct {
	mu   sync.Mutex
	on   bool
	wake context.CancelFunc // ends what waits now; nil when nothing does
}

// set makes the wish, or takes it back.
func (h *haste) set(on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.on = on; on && h.wake != nil {
		h.wake()
	}
}

func (h *haste) wished() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.on
}

// interrupts has cancel called when the wish is made, and now when it was made
// already, until the function that it returns is called.
func (h *haste) interrupts(cancel context.CancelFunc) (until func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.wake = cancel; h.on {
		cancel()
	}
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.wake = nil
	}
}

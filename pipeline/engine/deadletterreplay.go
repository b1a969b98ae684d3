package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"tallyman/pipeline/event"
)

// Errors of a replay.
var (
	// ErrNoOutput says that the configuration has no output of that name.
	ErrNoOutput = errors.New("the configuration has no output of that name")
	// ErrNotTaken says that a destination did not take events in time; they stay.
	ErrNotTaken = errors.New("the destination does not take events now; what it did not take stays")
)

// replayBatch is how many letters are sent at once.
const replayBatch = 100

// Replay is one output's letters on their way to it once more.
type Replay struct {
	Letters  *DeadLetters
	File     *DeadLetterFile          // read under the lock, which is held until Run returns
	Pick     func(*DeadLetter) bool   // which of them
	Patience time.Duration            // how long a batch may take, pauses included
	Refused  func(*DeadLetter, error) // called for each that stays, with the reason

	Delivered, Stayed uint64 // letters, since Run
	Confirmed         bool   // the destination says what it has

	sent  *delivery
	now   func() time.Time
	batch map[string][]*DeadLetter // under way, by id
	why   map[string]error         // of those, refused once more
	moved int                      // bytes of letters that are settled and still in the file
}

// Run sends the letters through the output of p that has their name, with its
// retries. What is delivered goes out of the file, what is refused again stays
// with the new reason. A crash loses none; what was delivered shortly before it
// may be delivered once more, with the same id. Nothing else uses p or the journal
// meanwhile.
func (r *Replay) Run(ctx context.Context, p *Pipeline) error {
	i := slices.IndexFunc(p.outputs, func(o output) bool { return o.name == r.File.Output })
	if i < 0 {
		return fmt.Errorf("output %s: %w", r.File.Output, ErrNoOutput)
	}
	r.now, r.Confirmed = p.around.Now, p.outputs[i].plugin.Confirms()
	r.sent = &delivery{name: r.File.Output, plugin: p.outputs[i].plugin, state: newState(p.around, "output", r.File.Output), pause: newBackoff(),
		dead: &deadLetters{again: func(e *event.Event, why error) { r.why[e.ID.String()] = why }}}
	size := 0
	for i := range r.File.Letters {
		size += r.File.Letters[i].Size
	}
	var err error
	for at := 0; at < len(r.File.Letters) && err == nil; {
		var events []event.Event
		if at, events, err = r.next(at); err == nil && len(events) > 0 {
			err = r.send(ctx, events)
		}
		// The whole file is written anew each time, so not after every batch.
		if err == nil && r.moved*4 >= size {
			err = r.save()
		}
	}
	return errors.Join(err, r.save())
}

// next collects a batch from letter at on, each id once, and returns where the
// following one begins.
func (r *Replay) next(at int) (int, []event.Event, error) {
	r.batch, r.why = map[string][]*DeadLetter{}, map[string]error{}
	var events []event.Event
	for ; at < len(r.File.Letters) && len(events) < replayBatch; at++ {
		l := &r.File.Letters[at]
		if !r.Pick(l) {
			continue
		}
		e, err := l.Decode()
		if err != nil {
			if err := r.stays(l, err); err != nil {
				return at, nil, err
			}
			continue
		}
		id := e.ID.String()
		if _, ok := r.batch[id]; ok && id == "" {
			break // it cannot be told from the other
		}
		if r.batch[id] = append(r.batch[id], l); len(r.batch[id]) == 1 {
			events = append(events, *e)
		}
	}
	return at, events, nil
}

// send delivers a batch and settles what became of it.
func (r *Replay) send(ctx context.Context, events []event.Event) error {
	ctx, cancel := context.WithTimeout(ctx, r.Patience)
	defer cancel()
	r.sent.sending = ctx
	failed := r.sent.deliver(ctx, parcel{events: events})
	for id, letters := range r.batch {
		for _, l := range letters {
			var err error
			if why := r.why[id]; why != nil {
				err = r.stays(l, why)
			} else if failed == nil {
				r.goes(l)
			}
			if err != nil {
				return err
			}
		}
	}
	if errors.Is(failed, context.DeadlineExceeded) {
		return errors.Join(fmt.Errorf("output %s: %w", r.File.Output, ErrNotTaken), r.sent.state.problem())
	}
	return failed
}

func (r *Replay) goes(l *DeadLetter) {
	r.Delivered++
	r.moved += l.Size
	r.File.pieces[l.at] = nil
}

// stays gives a letter the new reason.
func (r *Replay) stays(l *DeadLetter, why error) error {
	r.Stayed++
	r.moved += l.Size
	r.Refused(l, why)
	line, err := json.Marshal(deadLetter{Time: r.now().UTC(), Output: l.Output, ID: l.ID, Reason: reasonOf(why), Raw: l.Raw, Event: l.Event})
	r.File.pieces[l.at] = line
	return err
}

// save writes the file when something is settled.
func (r *Replay) save() error {
	if r.moved == 0 {
		return nil
	}
	r.moved = 0
	return r.Letters.save(r.File)
}

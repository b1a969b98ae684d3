package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// Dry reads every input from its beginning, takes what comes through the
// transforms and calls emit with it, one batch at a time. Nothing is journalled,
// delivered or remembered, and no position is kept. It returns when every source
// has ended (Once), ctx is done, or emit fails; p is closed then.
func (p *Pipeline) Dry(ctx context.Context, emit func(*event.Batch) error) error {
	defer p.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var mu sync.Mutex // emit is called from every lane
	var lanes sync.WaitGroup
	var all []error
	for _, in := range p.inputs {
		d := dry{in: in, chain: p.Chain(in.name), state: newState(p.around, "input", in.name), around: p.around}
		d.emit = func(b *event.Batch) error {
			mu.Lock()
			defer mu.Unlock()
			return emit(b)
		}
		lanes.Go(func() {
			err := d.run(ctx)
			if err == nil || ctx.Err() != nil {
				return
			}
			mu.Lock()
			all = append(all, err)
			mu.Unlock()
			stop()
		})
	}
	lanes.Wait()
	return errors.Join(all...)
}

// dry is a lane without a journal.
type dry struct {
	in     input
	chain  *Chain
	state  *state
	around Surroundings
	emit   func(*event.Batch) error
}

func (d *dry) run(ctx context.Context) error {
	if err := d.in.plugin.Open(ctx, nil); err != nil {
		return fmt.Errorf("input %s: %w", d.in.name, err)
	}
	l := lane{in: d.in, around: d.around} // for the events of losses
	b := &event.Batch{}
	for pause := newBackoff(); ; {
		b.Reset()
		err := d.in.plugin.Read(ctx, b, idle)
		l.raise(b)
		out, failed := d.chain.Run(ctx, b)
		if failed == nil && len(out.Events) > 0 {
			failed = d.emit(out)
		}
		if b.Accepted != nil {
			b.Accepted(failed)
		}
		switch {
		case failed != nil:
			return failed
		case err == nil:
			pause.reset()
			d.state.good()
		case err == io.EOF: //nolint:errorlint // as in lane.run
			return d.chain.Flush(ctx, d.emit)
		case ctx.Err() != nil:
			return nil
		default:
			kind, after := plugin.KindOf(err)
			d.state.bad(err)
			if kind == plugin.KindPermanent {
				return fmt.Errorf("input %s: %w", d.in.name, err)
			}
			pause.wait(ctx, after)
		}
	}
}

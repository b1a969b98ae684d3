package engine

import (
	"context"
	"errors"
	"fmt"
	"io"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// Explained is one event that came out of the pipeline, and what was found on
// the way.
type Explained struct {
	Event    event.Event
	Findings []plugin.Finding
}

// Shared returns what all events of an input have in common.
func (p *Pipeline) Shared(input string) event.Fields {
	for _, one := range p.inputs {
		if one.name == input {
			return one.env.Shared
		}
	}
	return nil
}

// Explain takes records through the transforms as if the named input had read
// them, and calls emit with each event that comes of it. Nothing is journalled
// or delivered. A pipeline that explained must not be run afterwards, since its
// transforms have learned from the records.
func (p *Pipeline) Explain(ctx context.Context, input, decoder string, records []string, emit func(*Explained) error) error {
	in := &event.Batch{}
	shared := p.Shared(input)
	var offset int64
	for _, r := range records {
		in.Add(event.Event{Decode: decoder, Raw: r, Records: 1, Offset: offset, Seen: p.around.Now().UTC(), Shared: shared})
		offset += int64(len(r)) + 1
	}
	chain := p.Chain(input)
	each := func(b *event.Batch) error {
		for i := range b.Events {
			x := &Explained{Event: b.Events[i]}
			for _, t := range p.stages {
				if e, ok := t.plugin.(plugin.Explainer); ok {
					x.Findings = append(x.Findings, e.Explain(&x.Event)...)
				}
			}
			if err := emit(x); err != nil {
				return err
			}
		}
		return nil
	}
	out, err := chain.Run(ctx, in)
	if err != nil {
		return err
	}
	if err := each(out); err != nil {
		return err
	}
	return chain.Flush(ctx, each)
}

// ErrProbe says that an output cannot be reached.
var ErrProbe = errors.New("an output cannot be reached")

// Probe connects every output that can be tried and writes what came of it.
func (p *Pipeline) Probe(ctx context.Context, w io.Writer) error {
	var failed error
	for _, o := range p.outputs {
		prober, ok := o.plugin.(plugin.Prober)
		if !ok {
			if _, err := fmt.Fprintf(w, "output %s: nothing to try\n", o.name); err != nil {
				return err
			}
			continue
		}
		verdict := "reachable"
		if err := prober.Probe(ctx); err != nil {
			verdict, failed = err.Error(), ErrProbe
		}
		if _, err := fmt.Fprintf(w, "output %s: %s\n", o.name, verdict); err != nil {
			return err
		}
	}
	return failed
}

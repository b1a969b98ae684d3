package engine

import (
	"context"
	"fmt"
	"sort"
	"time"

	"tallyman/pipeline/decode"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// undecoded is the dataset of records that no decoder took.
const undecoded = "tallyman.undecoded"

// Chain is the transforms of one lane in their order. It belongs to one
// goroutine; what it returns lives until the next call.
type Chain struct {
	names  []string
	stages []plugin.Stage
	decode *decode.Stage // the first of them; nil where there is no such input
	hide   []plugin.Concealer
	bufs   []*event.Batch // bufs[i] is what stage i gave
	input  string
	hostID string
	now    func() time.Time
	id     []byte
	others foreign
	taps   *taps // nil: nobody can look
}

// Chain returns the transforms as one input's lane sees them.
func (p *Pipeline) Chain(input string) *Chain {
	c := &Chain{input: input, now: p.around.Now}
	for _, in := range p.inputs {
		if in.name == input {
			c.hostID = in.env.HostID
			c.names = append(c.names, "decode")
			c.decode = decode.New(p.Config.Decoders, in.env)
			c.stages = append(c.stages, c.decode)
			c.bufs = append(c.bufs, &event.Batch{})
		}
	}
	for _, t := range p.stages {
		c.names = append(c.names, t.name)
		c.stages = append(c.stages, t.plugin.Lane(input))
		if h, ok := t.plugin.(plugin.Concealer); ok {
			c.hide = append(c.hide, h)
		}
		c.bufs = append(c.bufs, &event.Batch{})
	}
	return c
}

// Run takes a batch through every stage and returns the last one's, which is in
// itself where there is no stage or none has anything to do with it. Every event has its id afterwards.
func (c *Chain) Run(ctx context.Context, in *event.Batch) (*event.Batch, error) {
	return c.from(ctx, 0, in)
}

func (c *Chain) from(ctx context.Context, first int, in *event.Batch) (*event.Batch, error) {
	if first == 0 {
		c.tap(TapRead, in)
	}
	for i := first; i < len(c.stages); i++ {
		c.bufs[i].Reset()
		if i > 0 || c.decode == nil || !c.decode.Passes(in) {
			c.bufs[i].Serials = in.Serials
			if err := c.stages[i].Apply(ctx, in, c.bufs[i]); err != nil {
				return nil, fmt.Errorf("transform %s: %w", c.names[i], err)
			}
			out := c.bufs[i]
			out.Losses = append(out.Losses, in.Losses...)
			out.Filtered += in.Filtered
			in = out
		}
		if i == 0 { // decoded: the transforms see no other host's event with what is of this one
			for k := range in.Events {
				if e := &in.Events[k]; len(e.Fields) > 0 {
					c.others.check(e)
				}
			}
		}
		c.tap(c.names[i], in)
	}
	told := len(c.stages) != 1 || first > 0 // a transform may tell of which host it is: node= of an audit record
	for i := range in.Events {
		if told {
			c.others.check(&in.Events[i])
		}
		c.finish(&in.Events[i], i)
	}
	c.tap("", in)
	return in, nil
}

// Flush ends what the stages hold, one after the other, and calls emit with
// each batch that comes of it. It is for the end of a source.
func (c *Chain) Flush(ctx context.Context, emit func(*event.Batch) error) error {
	for i, s := range c.stages {
		h, ok := s.(plugin.Holder)
		if !ok {
			continue
		}
		// A buffer of its own: stage i writes bufs[i], stage i+1 reads it.
		out := &event.Batch{}
		h.Flush(out)
		done, err := c.from(ctx, i+1, out)
		if err != nil {
			return err
		}
		if err := emit(done); err != nil {
			return err
		}
	}
	return nil
}

// Held appends to dst, which is empty, the source records that the stages keep
// between batches, without what may not be stored.
func (c *Chain) Held(dst []event.Event) []event.Event {
	for _, s := range c.stages {
		if h, ok := s.(plugin.Holder); ok {
			dst = h.Held(dst)
		}
	}
	for _, h := range c.hide {
		h.Conceal(dst)
	}
	return dst
}

// finish gives an event what no stage gave it: a record that no decoder took is
// kept whole, and what has no id gets one from its place in the source.
func (c *Chain) finish(e *event.Event, index int) {
	if e.Seen.IsZero() {
		e.Seen = c.now()
	}
	if e.Decode != "" {
		e.Fields.AddString(schema.EventKind, "pipeline_error")
		e.Fields.AddString(schema.ErrorMessage, "nothing decodes "+e.Decode+" records")
		e.Dataset, e.Decode = undecoded, ""
		e.Time = e.Seen
	}
	if e.ID.IsZero() {
		c.id = e.Identify(c.id, c.hostID, c.input, index)
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

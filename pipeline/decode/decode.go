// Package decode takes source records to the decoders that they wait for. It is
// the first stage of every lane: it finds the decoder by the name that the record
// carries, follows a record from one format into the next, and keeps whole what
// a decoder does not understand. It knows no format.
package decode

import (
	"context"
	"fmt"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// Tag marks an event whose record its decoder did not understand.
const Tag = "tallyman_undecoded"

// depth is how often a record may go on to another decoder: syslog, JSON, CEF.
const depth = 4

// Stage is the decoders of one lane. It implements plugin.Holder.
type Stage struct {
	env   plugin.Env
	all   map[string]plugin.Plugin
	built map[string]*one
	order []*one // as they were built, for what they hold
	inner []event.Event
	at    *one   // the decoder that has a record
	none  string // the format asked for last that has no decoder: a transform's
}

// one is a decoder and what it came to.
type one struct {
	plugin.Decoder
	records, errors, panics *meter.Counter
	fell                    bool // it panicked, and that was said
}

// New returns the stage of one lane; env is that of its input. Of what is not a
// decoder among the plugins nothing is used.
func New(plugins []plugin.Plugin, env plugin.Env) *Stage {
	s := &Stage{env: env, all: map[string]plugin.Plugin{}, built: map[string]*one{}}
	for _, p := range plugins {
		if p.Kind == plugin.KindDecoder {
			s.all[p.Type] = p
		}
	}
	return s
}

// decoder returns the decoder of a format, nil where there is none.
func (s *Stage) decoder(name string) *one {
	if name == s.none {
		return nil // of each audit record: two look-ups less
	}
	if d, ok := s.built[name]; ok {
		return d
	}
	p, ok := s.all[name]
	if !ok {
		s.none = name
		return nil
	}
	labels := []meter.Label{{Name: "input", Value: s.env.Name}, {Name: "decoder", Value: name}}
	d := &one{Decoder: p.Decoder(s.env),
		records: s.env.Meter.Counter("tallyman_decode_records_total", "Records that were given to a decoder.", labels...),
		errors:  s.env.Meter.Counter("tallyman_decode_errors_total", "Records that their decoder did not understand; they are kept whole.", labels...),
		panics:  s.env.Meter.Counter("tallyman_decode_panics_total", "Records that a defect of their decoder ended on; they are kept whole.", labels...)}
	s.built[name] = d
	s.order = append(s.order, d)
	return d
}

// Apply implements plugin.Stage.
func (s *Stage) Apply(_ context.Context, in, out *event.Batch) error {
	for i := 0; i < len(in.Events); {
		i = s.some(in.Events, i, out)
	}
	for _, d := range s.order {
		if h, ok := d.Decoder.(plugin.HoldingDecoder); ok {
			s.idle(d, h, out)
		}
	}
	return nil
}

// Passes reports whether Apply would pass on a batch as it is: nothing in it waits for a
// decoder, and no decoder was built that may hold something. The batch can be used as it is
// then, where a copy of each audit record took more than all that is done here.
func (s *Stage) Passes(in *event.Batch) bool {
	if len(s.order) > 0 {
		return false
	}
	for i := range in.Events {
		name := in.Events[i].Decode
		if name == "" || name == s.none {
			continue
		}
		if _, ok := s.all[name]; ok {
			return false
		}
		s.none = name
	}
	return true
}

// pass takes one event to its decoder.
func (s *Stage) pass(e *event.Event, out *event.Batch, left int) {
	var d *one
	if e.Decode != "" && left > 0 {
		d = s.decoder(e.Decode)
	}
	if d == nil {
		out.Events = append(out.Events, *e) // a transform may know it
		return
	}
	d.records.Add(uint64(e.Records))
	s.at = d
	from := len(out.Events)
	if err := d.Decode(*e, out); err != nil {
		d.errors.Inc()
		clear(out.Events[from:])
		out.Events = append(out.Events[:from], s.whole(e, err, out))
		return
	}
	s.follow(out, from, left-1)
}

// follow takes on what is left of records in another format.
func (s *Stage) follow(out *event.Batch, from, left int) {
	waits := false
	for i := from; i < len(out.Events); i++ {
		waits = waits || out.Events[i].Decode != "" && s.decoder(out.Events[i].Decode) != nil
	}
	if !waits || left <= 0 {
		return
	}
	mine := len(s.inner)
	s.inner = append(s.inner, out.Events[from:]...)
	out.Events = out.Events[:from]
	for i := mine; i < len(s.inner); i++ {
		e := s.inner[i] // s.inner may move meanwhile
		s.pass(&e, out, left)
	}
	clear(s.inner[mine:])
	s.inner = s.inner[:mine]
}

// whole is the event of a record that was not understood.
func (s *Stage) whole(e *event.Event, why error, out *event.Batch) event.Event {
	w := *e
	w.Fields = out.Take(e.Fields, 4)
	w.Fields.AddString(schema.EventKind, "pipeline_error")
	w.Fields.AddString(schema.ErrorMessage, fmt.Sprintf("not understood as %s: %v", e.Decode, why))
	w.Fields.AddString(schema.Tags, Tag)
	if w.Dataset == "" {
		w.Dataset = "tallyman.undecoded"
	}
	if w.Decode = ""; w.Time.IsZero() {
		w.Time = w.Seen
	}
	return w
}

// Held implements plugin.Holder.
func (s *Stage) Held(dst []event.Event) []event.Event {
	for _, d := range s.order {
		if h, ok := d.Decoder.(plugin.HoldingDecoder); ok {
			dst = h.Held(dst)
		}
	}
	return dst
}

// Flush implements plugin.Holder.
func (s *Stage) Flush(out *event.Batch) {
	for _, d := range s.order {
		if h, ok := d.Decoder.(plugin.HoldingDecoder); ok {
			from := len(out.Events)
			h.Flush(out)
			s.follow(out, from, depth)
		}
	}
}

var _ plugin.Holder = (*Stage)(nil)

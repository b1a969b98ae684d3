package main

import (
	"context"
	"time"

	"tallyman/outputs/format"
	"tallyman/pipeline/codec"
	"tallyman/pipeline/config"
	"tallyman/pipeline/engine"
	"tallyman/pipeline/event"
	"tallyman/pipeline/expr"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// tapShow makes lines of the events that somebody watches.
type tapShow struct {
	raw     bool // source records are shown as they are
	quiet   bool // no alerts
	filters []*expr.Program
	machine *expr.Machine
	enc     plugin.Encoder
	buf     []byte
	rate    int
	second  time.Time // the second that lines are counted in
	lines   int
	missed  uint64
}

func compileFilter(text string) (*expr.Program, error) {
	return expr.NewCompiler(expr.Options{}).Bool(plugin.Text{Value: text, Pos: plugin.Pos{File: "expression", Line: 1, Col: 1}})
}

// newTapShow makes what is asked for; cfg is nil where no output can be.
func newTapShow(q *tapRequest, cfg *config.Config, stage string) (*tapShow, error) {
	s := &tapShow{raw: stage == engine.TapRead, quiet: q.Stage == "normalised", machine: expr.NewMachine(), rate: q.Rate}
	if q.Filter != "" {
		p, err := compileFilter(q.Filter)
		if err != nil {
			return nil, err
		}
		s.filters = append(s.filters, p)
	}
	as := &format.Settings{Format: format.Text}
	if cfg != nil {
		for _, o := range cfg.Outputs {
			if o.Name != q.Output {
				continue
			}
			if o.When.Value != "" {
				p, err := expr.NewCompiler(expr.Options{}).Bool(o.When)
				if err != nil {
					return nil, err
				}
				s.filters = append(s.filters, p)
			}
			if r, ok := o.Settings.(rendering); ok && q.Stage == "rendered" {
				as = r.Rendering()
			}
		}
	}
	if q.Format != "" {
		as = &format.Settings{Format: q.Format}
	}
	var err error
	s.enc, err = format.New(as, plugin.Env{})
	return s, err
}

// wants reports whether an event is to be shown. One that an expression cannot
// judge is.
func (s *tapShow) wants(e *event.Event) bool {
	if s.quiet && e.Records == 0 && e.Get(schema.EventKind).Str() == "alert" {
		return false
	}
	for _, p := range s.filters {
		if ok, err := p.Test(s.machine, e); err == nil && !ok {
			return false
		}
	}
	return true
}

// line renders one event.
func (s *tapShow) line(e *event.Event) tapLine {
	if s.raw {
		return tapLine{Text: textOf(e)}
	}
	var err error
	if s.buf, err = s.enc.Append(s.buf[:0], e); err != nil {
		return tapLine{ID: e.ID.String(), Text: "(not rendered: " + err.Error() + ")"}
	}
	return tapLine{ID: e.ID.String(), Text: string(s.buf)}
}

// run sends lines until ctx is done or nobody takes them.
func (s *tapShow) run(ctx context.Context, t *engine.Tap, send func(any) error) error {
	dec, batch := codec.NewDecoder(), &event.Batch{}
	said := uint64(0)
	for {
		select {
		case <-ctx.Done():
			return nil
		case payload := <-t.C:
			batch.Reset()
			if err := dec.Decode(payload, batch); err != nil {
				return err
			}
		}
		for i := range batch.Events {
			e := &batch.Events[i]
			if !s.wants(e) {
				continue
			}
			if !s.within(time.Now()) {
				s.missed++
				continue
			}
			one := s.line(e)
			one.Missed = s.missed + t.Missed() - said
			s.missed, said = 0, t.Missed()
			if err := send(one); err != nil {
				return nil // whoever watched is gone
			}
		}
	}
}

// within counts a line against the rate; false says that there are too many.
func (s *tapShow) within(now time.Time) bool {
	if s.rate <= 0 {
		return true
	}
	if second := now.Truncate(time.Second); !second.Equal(s.second) {
		s.second, s.lines = second, 0
	}
	s.lines++
	return s.lines <= s.rate
}

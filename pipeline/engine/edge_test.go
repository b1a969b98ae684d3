package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/config"
	"tallyman/pipeline/event"
	"tallyman/pipeline/journal"
	"tallyman/pipeline/plugin"
)

// TestABadOutputIsAProblem: what a constructor returns beside its error is no
// plugin, and closing it would end the process.
func TestABadOutputIsAProblem(t *testing.T) {
	r := newRig(t)
	good := r.pipeline(t, true, &lines{}, nil, "", map[string]*sink{"a": {}})
	cfg := *good.Config
	bad := config.OutputComponent{Component: config.Component{Name: "bad",
		Plugin: plugin.Plugin{Output: func(any, plugin.Env) (plugin.Output, error) { return (*sink)(nil), errors.New("no such folder") }}}}
	cfg.Outputs = append(slices.Clone(cfg.Outputs), bad)
	p, found := Build(&cfg, good.around)
	if p != nil || !strings.Contains(found.Error(), "output bad: no such folder") {
		t.Errorf("problems: %v", found)
	}
	good.Close()
}

// TestTooLarge: more than the journal takes at once goes in parts; an event that
// is too large by itself keeps its place without its content.
func TestTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, a := newRig(t), &sink{}
		big := strings.Repeat("x", 100<<10)
		var all []string
		for i := range 7 { // one batch
			all = append(all, fmt.Sprint(i)+big)
		}
		all = append(all, strings.Repeat("y", 700<<10))
		books, err := r.once(t, r.pipeline(t, true, &lines{all: all}, nil, "", map[string]*sink{"a": a}))
		if err != nil {
			t.Fatal(err)
		}
		got := a.all()
		if len(got) != 8 || !slices.Equal(got[:7], all[:7]) || got[7] != "" {
			t.Errorf("%d events arrived", len(got))
		}
		if b := books["a"]; b.Counts.Delivered != 8 {
			t.Errorf("book %+v", b)
		}
	})
}

// stream is an input that gives each line once and has no position.
type stream struct{ all []string }

func (s *stream) Open(context.Context, []byte) error { return nil }
func (s *stream) Close() error                       { return nil }

func (s *stream) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	if len(s.all) > 0 {
		b.Add(event.Event{Dataset: "test", Raw: s.all[0], Records: 1})
		s.all = s.all[1:]
		return nil
	}
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestHeldOfAStream: what a transform holds of a source that cannot be read
// again survives a stop.
func TestHeldOfAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, a := newRig(t), &sink{}
		p := r.pipeline(t, false, &lines{}, &pairs{}, "", map[string]*sink{"a": a})
		p.inputs[0].plugin = &stream{all: []string{"1", "2", "3"}}
		e, err := New(p, "test")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := e.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := r.once(t, r.pipeline(t, true, &lines{}, &pairs{}, "", map[string]*sink{"a": a})); err != nil {
			t.Fatal(err)
		}
		if got := a.all(); !slices.Equal(got, []string{"1+2", "3"}) {
			t.Errorf("got %v", got)
		}
	})
}

// broken is an input whose connection ends with an error that wraps io.EOF.
type broken struct {
	stream
	failed bool
}

func (s *broken) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	if !s.failed {
		s.failed = true
		return plugin.Retry(fmt.Errorf("the connection ended: %w", io.EOF))
	}
	return s.stream.Read(ctx, b, wait)
}

func TestAWrappedEndIsNoEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, a := newRig(t), &sink{}
		p := r.pipeline(t, false, &lines{}, nil, "", map[string]*sink{"a": a})
		p.inputs[0].plugin = &broken{stream: stream{all: []string{"after"}}}
		e, err := New(p, "test")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := e.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if got := a.all(); !slices.Equal(got, []string{"after"}) {
			t.Errorf("got %v", got)
		}
	})
}

// hoard is a transform that keeps records that begin with h until one that begins with e.
type hoard struct{ held []event.Event }

func (h *hoard) Lane(string) plugin.Stage { return &hoard{} }
func (h *hoard) Close() error             { return nil }

func (h *hoard) Apply(_ context.Context, in, out *event.Batch) error {
	for i := range in.Events {
		switch e := &in.Events[i]; e.Raw[0] {
		case 'h':
			h.held = append(h.held, e.Own())
		case 'e':
			h.Flush(out)
			out.Add(*e)
		default:
			out.Add(*e)
		}
	}
	return nil
}

func (h *hoard) Held(dst []event.Event) []event.Event { return append(dst, h.held...) }

func (h *hoard) Flush(out *event.Batch) {
	for _, e := range h.held {
		out.Add(e)
	}
	h.held = nil
}

// TestMoreIsHeldThanTheJournalTakes: what waits for more while other events come, and is
// more than the journal may hold beside them, is handed on as it is. The input goes on.
func TestMoreIsHeldThanTheJournalTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, a := newRig(t), &sink{}
		var all, want []string
		for i := range 12 {
			all = append(all, fmt.Sprint("h", i, strings.Repeat("x", 60<<10)), fmt.Sprint("small ", i), fmt.Sprint("tiny ", i))
		}
		all = append(all, "end")
		want = append(want, all...)
		var books map[string]journal.Book
		for range 2 { // the second time there is nothing that comes again
			var err error
			if books, err = r.once(t, r.pipeline(t, true, &lines{all: all}, &hoard{}, "", map[string]*sink{"a": a})); err != nil {
				t.Fatal(err)
			}
		}
		got := a.all()
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%d events of %d arrived, or others", len(got), len(want))
		}
		if b := books["a"]; b.Counts.Delivered != uint64(len(want)) {
			t.Errorf("book %+v", b)
		}
	})
}

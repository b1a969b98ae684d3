package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tallyman/pipeline/config"
	"tallyman/pipeline/event"
	"tallyman/pipeline/journal"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lines is an input over numbered records; its position is how many it gave.
type lines struct {
	all   []string
	at    int
	once  bool
	fails error // of Open
}

func (l *lines) Open(_ context.Context, from []byte) error {
	if len(from) > 0 {
		n, err := strconv.Atoi(string(from))
		if err != nil {
			return err
		}
		l.at = n
	}
	return l.fails
}

func (l *lines) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	if l.at == len(l.all) {
		if l.once {
			return io.EOF
		}
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for n := 0; n < 7 && l.at < len(l.all); n++ {
		b.Add(event.Event{Dataset: "test", Raw: l.all[l.at], Records: 1, Offset: int64(l.at), Time: time.Unix(int64(l.at), 0)})
		l.at++
	}
	b.Position = strconv.AppendInt(nil, int64(l.at), 10)
	return nil
}

func (l *lines) Close() error { return nil }

// pairs is a holder: it makes one event of two records.
type pairs struct{ held []event.Event }

func (p *pairs) Lane(string) plugin.Stage { return &pairs{} }
func (p *pairs) Close() error             { return nil }

func (p *pairs) Apply(_ context.Context, in, out *event.Batch) error {
	for _, e := range in.Events {
		if p.held = append(p.held, e); len(p.held) == 2 {
			a, b := p.held[0], p.held[1]
			a.Records, a.Raw = 2, a.Raw+"+"+b.Raw
			a.Fields.AddString(schema.EventAction, "paired")
			out.Add(a)
			p.held = p.held[:0]
		}
	}
	return nil
}

func (p *pairs) Held(dst []event.Event) []event.Event { return append(dst, p.held...) }

func (p *pairs) Flush(out *event.Batch) {
	for _, e := range p.held {
		out.Add(e)
	}
	p.held = nil
}

// sink is an output that keeps what it was given and fails as told.
type sink struct {
	mu     sync.Mutex
	got    []string
	fail   func(events []event.Event) error // nil: all is well
	closed bool
}

func (s *sink) Send(ctx context.Context, events []event.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(events); err != nil {
			var e *plugin.Error
			if errors.As(err, &e) && e.Kind == plugin.KindPartial {
				for i := range events {
					if !slices.ContainsFunc(e.Failed, func(f plugin.Failure) bool { return f.Index == i }) {
						s.got = append(s.got, strings.Clone(events[i].Raw))
					}
				}
			}
			return err
		}
	}
	for i := range events {
		s.got = append(s.got, strings.Clone(events[i].Raw))
	}
	return ctx.Err()
}

func (s *sink) Confirms() bool { return true }
func (s *sink) Close() error   { s.closed = true; return nil }

func (s *sink) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

type rig struct {
	dir   string
	log   strings.Builder
	meter meter.Registry
}

func newRig(t *testing.T) *rig { return &rig{dir: t.TempDir()} }

func (r *rig) pipeline(t *testing.T, once bool, in *lines, tr plugin.Transform, when string, outs map[string]*sink) *Pipeline {
	t.Helper()
	cfg := &config.Config{Grace: 2 * time.Second, Journal: config.Journal{Dir: filepath.Join(r.dir, "j"), MaxSize: 1 << 20, SegmentSize: 64 << 10}}
	cfg.Inputs = []config.Component{{Name: "in", Plugin: plugin.Plugin{Input: func(any, plugin.Env) (plugin.Input, error) { return in, nil }}}}
	if tr != nil {
		cfg.Transforms = []config.Component{{Name: "t", Plugin: plugin.Plugin{Transform: func(any, plugin.Env) (plugin.Transform, error) { return tr, nil }}}}
	}
	for _, name := range []string{"a", "b"} {
		s := outs[name]
		if s == nil {
			continue
		}
		c := config.OutputComponent{Component: config.Component{Name: name,
			Plugin: plugin.Plugin{Output: func(any, plugin.Env) (plugin.Output, error) { return s, nil }}}}
		if name == "b" {
			c.When = plugin.Text{Value: when}
		}
		cfg.Outputs = append(cfg.Outputs, c)
	}
	in.once = once
	p, found := Build(cfg, Surroundings{Once: once, Meter: &r.meter, Log: slog.New(slog.NewTextHandler(&r.log, nil)), Now: time.Now, Spoil: true})
	if p == nil {
		t.Fatal(found)
	}
	return p
}

// once runs to the end and returns what Run said and the books.
func (r *rig) once(t *testing.T, p *Pipeline) (map[string]journal.Book, error) {
	t.Helper()
	e, err := New(p, "test")
	if err != nil {
		t.Fatal(err)
	}
	runErr := e.Run(t.Context())
	books := map[string]journal.Book{}
	for _, b := range e.Books() {
		if !b.Balanced() {
			t.Errorf("the book of %s does not balance: %+v", b.Output, b)
		}
		books[b.Output] = b
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	return books, runErr
}

func numbered(n int) []string {
	var s []string
	for i := range n {
		s = append(s, fmt.Sprint(i))
	}
	return s
}

func TestEverythingArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, a, b := newRig(t), &sink{}, &sink{}
		p := r.pipeline(t, true, &lines{all: numbered(100)}, nil, `event.original == "7"`, map[string]*sink{"a": a, "b": b})
		books, err := r.once(t, p)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.all(); !slices.Equal(got, numbered(100)) {
			t.Errorf("a got %v", got)
		}
		if got := b.all(); !slices.Equal(got, []string{"7"}) {
			t.Errorf("b got %v", got)
		}
		if bk := books["b"]; bk.Counts.Filtered != 99 || bk.Counts.Delivered != 1 || bk.Received != 100 {
			t.Errorf("b's book: %+v", bk)
		}
		if !a.closed || !b.closed {
			t.Error("an output was not closed")
		}
	})
}

func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		tries := 0
		a := &sink{fail: func(events []event.Event) error {
			if tries++; tries < 3 {
				return plugin.After(errors.New("busy"), time.Hour)
			}
			for i := range events {
				if events[i].Raw == "13" {
					return plugin.Permanent(errors.New("unlucky"))
				}
			}
			return nil
		}}
		partly := true
		b := &sink{fail: func(events []event.Event) error {
			if !partly || len(events) < 3 {
				return nil
			}
			partly = false
			return plugin.Partial([]plugin.Failure{{Index: 0, Err: plugin.Retry(errors.New("again"))}, {Index: 2, Err: plugin.Permanent(errors.New("never"))}})
		}}
		start := time.Now()
		p := r.pipeline(t, true, &lines{all: numbered(20)}, nil, "", map[string]*sink{"a": a, "b": b})
		p.Config.Grace = 5 * time.Hour
		books, err := r.once(t, p)
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d < 2*time.Hour {
			t.Errorf("two pauses of an hour were asked for, %v passed", d)
		}
		if bk := books["a"]; bk.Counts.DeadLettered != 1 || bk.Counts.Delivered != 19 {
			t.Errorf("a's book: %+v", bk)
		}
		if got := a.all(); slices.Contains(got, "13") || len(got) != 19 {
			t.Errorf("a got %v", got)
		}
		if bk := books["b"]; bk.Counts.DeadLettered != 1 || bk.Counts.Delivered != 19 {
			t.Errorf("b's book: %+v", bk)
		}
		letters, err := os.ReadFile(filepath.Join(r.dir, "j", "deadletter", "a.jsonl"))
		if err != nil || !strings.Contains(string(letters), "unlucky") || !strings.Contains(string(letters), `"raw":"13"`) {
			t.Errorf("dead letters %q, %v", letters, err)
		}
	})
}

func TestOutputDownKeepsTheBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		down := &sink{fail: func([]event.Event) error { return plugin.Retry(errors.New("connection refused")) }}
		p := r.pipeline(t, true, &lines{all: numbered(50)}, nil, "", map[string]*sink{"a": down, "b": {}})
		books, err := r.once(t, p)
		if !errors.Is(err, ErrLeft) {
			t.Fatalf("run: %v", err)
		}
		if bk := books["a"]; bk.Buffered != 50 || bk.InFlight != 0 {
			t.Errorf("a's book: %+v", bk)
		}
		if bk := books["b"]; bk.Counts.Delivered != 50 {
			t.Errorf("b's book: %+v", bk)
		}
		up := &sink{}
		p = r.pipeline(t, true, &lines{all: numbered(50)}, nil, "", map[string]*sink{"a": up, "b": {}})
		if _, err := r.once(t, p); err != nil {
			t.Fatal(err)
		}
		if got := up.all(); !slices.Equal(got, numbered(50)) {
			t.Errorf("the next run gave %v", got)
		}
	})
}

// TestHeldRecordsSurviveAStop: what a transform holds between batches comes
// again after a restart, once.
func TestHeldRecordsSurviveAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var got []string
		for n := 1; n <= 9; n += 2 { // stops always between the halves of a pair
			a := &sink{}
			p := r.pipeline(t, false, &lines{all: numbered(n)}, &pairs{}, "", map[string]*sink{"a": a})
			e, err := New(p, "test")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			if err := e.Run(ctx); err != nil {
				t.Fatal(err)
			}
			cancel()
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			got = append(got, a.all()...)
		}
		if want := []string{"0+1", "2+3", "4+5", "6+7"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		a := &sink{}
		p := r.pipeline(t, true, &lines{all: numbered(9)}, &pairs{}, "", map[string]*sink{"a": a})
		books, err := r.once(t, p)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.all(); !slices.Equal(got, []string{"8"}) {
			t.Errorf("the end of the source gave %v", got)
		}
		if bk := books["a"]; bk.Received != 9 || bk.Counts.Delivered != 9 {
			t.Errorf("book %+v", bk)
		}
	})
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, a, b := newRig(t), &sink{}, &sink{}
		src := numbered(30)
		p := r.pipeline(t, false, &lines{all: src[:10]}, nil, "", map[string]*sink{"a": a})
		e, err := New(p, "test")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- e.Run(ctx) }()
		time.Sleep(3 * time.Second) // the bubble's clock
		if err := e.Reload(r.pipeline(t, false, &lines{all: src[:20]}, nil, "", map[string]*sink{"a": b}), false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		bad := r.pipeline(t, false, &lines{fails: errors.New("address in use")}, nil, "", map[string]*sink{"a": {}})
		if err := e.Reload(bad, false); err == nil || !strings.Contains(err.Error(), "address in use") {
			t.Errorf("a reload that cannot start: %v", err)
		}
		time.Sleep(3 * time.Second)
		if err := e.Ready(); err != nil {
			t.Errorf("what ran before does not run again: %v", err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got := append(a.all(), b.all()...); !slices.Equal(got, src[:20]) {
			t.Errorf("got %v", got)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestMetricsBalance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, a := newRig(t), &sink{}
		if _, err := r.once(t, r.pipeline(t, true, &lines{all: numbered(5)}, nil, "", map[string]*sink{"a": a})); err != nil {
			t.Fatal(err)
		}
		sums := map[bool]float64{}
		r.meter.Each(func(s meter.Sample) {
			if s.Name == "tallyman_ledger_records" {
				sums[slices.Contains(s.Labels, meter.Label{Name: "state", Value: "received"})] += s.Value
			}
		})
		if sums[true] != 5 || sums[false] != 5 {
			t.Errorf("received %v, the other states together %v", sums[true], sums[false])
		}
	})
}

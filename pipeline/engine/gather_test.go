package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// batches is a sink that wants batches and remembers how large each was.
type batches struct {
	sink
	want  plugin.Batch
	sizes []int
}

func (b *batches) Batch() plugin.Batch { return b.want }

func (b *batches) Send(ctx context.Context, events []event.Event) error {
	b.sizes = append(b.sizes, len(events))
	return b.sink.Send(ctx, events)
}

// batched runs n records of frames of seven through an output that wants batches.
func batched(t *testing.T, n int, a *batches, when string) error {
	t.Helper()
	r := newRig(t)
	p := r.pipeline(t, true, &lines{all: numbered(n)}, nil, when, map[string]*sink{"b": {}})
	p.outputs[0].plugin = a
	books, err := r.once(t, p)
	if bk := books["b"]; bk.Received != uint64(n) {
		t.Errorf("the book: %+v", bk)
	}
	if err == nil && books["b"].Counts.Delivered+books["b"].Counts.Filtered+books["b"].Counts.DeadLettered != uint64(n) {
		t.Errorf("the book: %+v", books["b"])
	}
	return err
}

func TestFramesAreGathered(t *testing.T) {
	for _, c := range []struct {
		name string
		want plugin.Batch
		n    int
		most int // no Send is larger; 0 where that is chance
		less int // fewer Sends than this
	}{
		{"no wish", plugin.Batch{}, 70, 7, 11},
		{"up to a number of events", plugin.Batch{Events: 21, Wait: time.Hour}, 210, 21, 13},
		{"up to a number that frames do not add up to", plugin.Batch{Events: 20, Wait: time.Hour}, 210, 19, 24},
		{"less than a frame", plugin.Batch{Events: 3, Wait: time.Hour}, 70, 3, 31},
		{"up to a number of bytes", plugin.Batch{Bytes: 1 << 20, Wait: time.Hour}, 70, 0, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &batches{want: c.want}
				if err := batched(t, c.n, a, ""); err != nil {
					t.Fatal(err)
				}
				if got := a.all(); !slices.Equal(got, numbered(c.n)) {
					t.Errorf("got %v", got)
				}
				if c.most > 0 && slices.Max(a.sizes) > c.most || len(a.sizes) >= c.less {
					t.Errorf("the batches were %v", a.sizes)
				}
			})
		})
	}
}

// wordy is a transform that says the same long text of each event.
type wordy struct{ text string }

func (w *wordy) Lane(string) plugin.Stage { return w }
func (w *wordy) Close() error             { return nil }

func (w *wordy) Apply(_ context.Context, in, out *event.Batch) error {
	for _, e := range in.Events {
		e.Fields.AddString(schema.Message, w.text)
		out.Add(e)
	}
	return nil
}

// TestBytesOfABatchAreThoseOfItsEvents: a text that frames hold once is of each event that
// says it when the bytes of a batch are counted: an output has to render it as often.
func TestBytesOfABatchAreThoseOfItsEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, a := newRig(t), &batches{want: plugin.Batch{Bytes: 200 << 10, Wait: time.Hour}}
		p := r.pipeline(t, true, &lines{all: numbered(70)}, &wordy{strings.Repeat("w", 20<<10)}, "", map[string]*sink{"a": {}})
		p.outputs[0].plugin = a
		if _, err := r.once(t, p); err != nil {
			t.Fatal(err)
		}
		if got := a.all(); !slices.Equal(got, numbered(70)) || slices.Max(a.sizes) > 14 {
			t.Errorf("got %v in batches of %v", got, a.sizes)
		}
	})
}

// TestABatchWaits: a batch that is not full goes out when its time has passed, and
// at once when the run ends.
func TestABatchWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, a := newRig(t), &batches{want: plugin.Batch{Events: 1000, Wait: time.Hour}}
		p := r.pipeline(t, false, &lines{all: numbered(9)}, nil, "", map[string]*sink{"a": {}})
		p.outputs[0].plugin = a
		e, err := New(p, "test")
		if err != nil {
			t.Fatal(err)
		}
		start, ctx := time.Now(), t.Context()
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		if got := a.all(); len(got) > 0 {
			t.Errorf("%d events were sent before the batch's time", len(got))
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := a.all(); len(got) != 9 {
			t.Errorf("%d events were sent after the batch's time", len(got))
		}
		e.Drain(time.Minute)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d > 62*time.Minute {
			t.Errorf("the end took until %v", d)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestBooksOfAMixedBatch: what becomes of each event of a batch is told to the book
// of its own frame, whatever order it is settled in.
func TestBooksOfAMixedBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &batches{want: plugin.Batch{Events: 64, Wait: time.Hour}}
		refused := map[string]bool{"3": true, "17": true, "18": true, "40": true}
		first := true
		a.fail = func(events []event.Event) error {
			var failed []plugin.Failure
			for i := range events {
				n, _ := strconv.Atoi(events[i].Raw)
				switch {
				case refused[events[i].Raw] && n > 16:
					return plugin.Permanent(errors.New("unlucky"))
				case refused[events[i].Raw]:
					failed = append(failed, plugin.Failure{Index: i, Err: plugin.Permanent(errors.New("never"))})
				case first && n%5 == 0:
					failed = append(failed, plugin.Failure{Index: i, Err: plugin.Retry(errors.New("again"))})
				}
			}
			first = first && len(failed) == 0
			return plugin.Partial(failed)
		}
		err := batched(t, 60, a, `int(event.original) % 2 == 1 || int(event.original) in [18, 40]`)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for n := range 60 {
			if s := fmt.Sprint(n); n%2 == 1 && !refused[s] {
				want = append(want, s)
			}
		}
		got := a.all()
		slices.SortFunc(got, func(a, b string) int { x, _ := strconv.Atoi(a); y, _ := strconv.Atoi(b); return x - y })
		if !slices.Equal(got, want) {
			t.Errorf("delivered %v, want %v", got, want)
		}
	})
}

// many is one of several outputs of the same settings that deliver at a time.
type many struct {
	batches
	under *sync.WaitGroup // all of them are in Send
	dead  bool
}

func (m *many) Send(ctx context.Context, events []event.Event) error {
	if m.dead {
		<-ctx.Done()
		return ctx.Err()
	}
	if m.under != nil {
		u := m.under
		m.under = nil
		u.Done()
		u.Wait() // only when they are under way together does this end
	}
	return m.batches.Send(ctx, events)
}

// TestSeveralUnderWay: several batches are on their way at a time, each event
// arrives once, and the cursor moves over what is finished only.
func TestSeveralUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, together := newRig(t), &sync.WaitGroup{}
		together.Add(3)
		p := r.pipeline(t, true, &lines{all: numbered(700)}, nil, "", map[string]*sink{"a": {}})
		var all []*many
		for range 3 {
			all = append(all, &many{batches: batches{want: plugin.Batch{Concurrency: 3}}, under: together})
		}
		p.outputs[0].plugin, p.outputs[0].more = all[0], []plugin.Output{all[1], all[2]}
		if _, err := r.once(t, p); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range all {
			got = append(got, m.got...)
			if !m.closed {
				t.Error("an output was not closed")
			}
		}
		slices.SortFunc(got, func(a, b string) int { x, _ := strconv.Atoi(a); y, _ := strconv.Atoi(b); return x - y })
		if !slices.Equal(got, numbered(700)) {
			t.Errorf("%d events arrived: %v", len(got), got)
		}
	})
}

// TestOneOfSeveralIsStuck: what one delivery cannot finish is handed out again by
// the next run, with nothing lost behind it.
func TestOneOfSeveralIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		well, stuck := &many{}, &many{dead: true}
		well.want.Concurrency = 2
		p := r.pipeline(t, true, &lines{all: numbered(70)}, nil, "", map[string]*sink{"a": {}})
		p.outputs[0].plugin, p.outputs[0].more = well, []plugin.Output{stuck}
		if _, err := r.once(t, p); !errors.Is(err, ErrLeft) {
			t.Fatalf("run: %v", err)
		}
		after := &sink{}
		p = r.pipeline(t, true, &lines{all: numbered(70)}, nil, "", map[string]*sink{"a": after})
		if _, err := r.once(t, p); err != nil {
			t.Fatal(err)
		}
		got := append(well.all(), after.all()...)
		for _, n := range numbered(70) {
			if !slices.Contains(got, n) {
				t.Errorf("%s is lost", n)
			}
		}
	})
}

func TestBuildMakesSeveral(t *testing.T) {
	r, made := newRig(t), 0
	p := r.pipeline(t, true, &lines{}, nil, "", map[string]*sink{"a": {}})
	p.Close()
	p.Config.Outputs[0].Plugin.Output = func(_ any, env plugin.Env) (plugin.Output, error) {
		if made++; made == 3 {
			return nil, errors.New("no more")
		}
		if env.Store == nil {
			t.Error("an output has nothing to keep its state in")
		}
		return &batches{want: plugin.Batch{Concurrency: 3}}, nil
	}
	if p, found := Build(p.Config, p.around); p != nil || !found.Bad() {
		t.Errorf("the third one failed and the build did not: %v", found)
	}
	made = -10
	p, found := Build(p.Config, p.around)
	if p == nil {
		t.Fatal(found)
	}
	if len(p.outputs[0].more) != 2 {
		t.Errorf("%d more were made", len(p.outputs[0].more))
	}
	p.Close()
}

package plugintest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// OutputSuite is an output and its destination.
type OutputSuite struct {
	Plugin plugin.Plugin

	// Destination makes a fresh destination and returns settings that deliver to
	// it, and what it has received so far, each event's text in order.
	Destination func(t testing.TB) (settings any, received func() []string)

	// Broken returns settings for a destination that fails or is not there; nil
	// where that cannot be.
	Broken func(t testing.TB) any

	// Stuck returns settings for a destination that takes nothing and does not
	// answer; nil where that cannot be.
	Stuck func(t testing.TB) any

	// Refused returns settings that the constructor refuses; nil where it takes all.
	Refused func(t testing.TB) any
}

// Output runs the suite.
func Output(t *testing.T, s OutputSuite) {
	t.Run("settings", func(t *testing.T) { Documented(t, s.Plugin) })
	t.Run("order", func(t *testing.T) { noLeak(t); s.order(t) })
	t.Run("closes unused", func(t *testing.T) {
		noLeak(t)
		settings, _ := s.Destination(t)
		shut(t, s.build(t, settings))
	})
	t.Run("refused", func(t *testing.T) { refused(t, s.Refused, s.Plugin.Output) })
	if s.Broken != nil {
		t.Run("broken", func(t *testing.T) { noLeak(t); s.broken(t) })
	}
	if s.Stuck != nil {
		t.Run("stuck", func(t *testing.T) { noLeak(t); s.stuck(t) })
	}
}

func (s *OutputSuite) build(t testing.TB, settings any) plugin.Output {
	t.Helper()
	out, err := s.Plugin.Output(settings, Env(t.TempDir()))
	if err != nil {
		alone(t, out, err)
		t.Fatalf("build: %v", err)
	}
	return out
}

// mark is the text that tells the nth event apart, in every format.
func mark(n int) string { return fmt.Sprintf("tally-%06d-mark", n) }

// Events are events as outputs get them, from number first on, n of them. Each
// has its mark as its message, "tally-000007-mark".
func Events(first, n int) []event.Event {
	env := Env("")
	var list []event.Event
	for i := first; i < first+n; i++ {
		var f event.Fields
		f.AddString(schema.Message, mark(i))
		list = append(list, event.Event{ID: event.NewID([]byte(mark(i))), Time: env.Now(), Seen: env.Now(),
			Dataset: "auditd.log", Records: 1, Fields: f, Shared: env.Shared})
	}
	return list
}

// order sends some batches, one of them empty; each event is received once, in
// order, and the events are still the caller's: it finds them as they were, and uses the
// memory of their texts again.
func (s *OutputSuite) order(t testing.TB) {
	settings, received := s.Destination(t)
	out := s.build(t, settings)
	n, l := 0, &Loan{}
	for _, size := range []int{1, 0, 50, 3} {
		err := l.call(t, Events(n, size), func(events []event.Event) error {
			before := dump(events)
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			err := out.Send(ctx, events)
			if diff := cmp.Diff(before, dump(events)); diff != "" {
				t.Errorf("the events were changed:\n%s", diff)
			}
			return err
		})
		if err != nil {
			t.Fatalf("send: %v", err)
		}
		n += size
	}
	shut(t, out)
	got := received()
	for start := time.Now(); len(got) < n && time.Since(start) < patience; {
		got = received()
	}
	if len(got) != n {
		t.Fatalf("%d events were sent, %d received", n, len(got))
	}
	for i, text := range got {
		if !strings.Contains(text, mark(i)) {
			t.Fatalf("the event received as number %d lacks %q: %.300q", i, mark(i), text)
		}
	}
}

// broken checks that an error says what is to be done about it.
func (s *OutputSuite) broken(t testing.TB) {
	out := s.build(t, s.Broken(t))
	defer shut(t, out)
	l := &Loan{}
	for range 2 {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err := l.call(t, Events(0, 3), func(events []event.Event) error { return out.Send(ctx, events) })
		timeout := ctx.Err()
		cancel()
		if timeout != nil {
			t.Fatal("a broken destination is waited for without an end")
		}
		judge(t, err, 3)
	}
	if p, ok := out.(plugin.Prober); ok {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if p.Probe(ctx) == nil {
			t.Error("the probe of a broken destination found nothing")
		}
	}
}

// judge checks the form of an error of Send for n events.
func judge(t testing.TB, err error, n int) {
	t.Helper()
	var e *plugin.Error
	if !errors.As(err, &e) {
		t.Fatalf("the error has no kind: %v", err)
	}
	if e.Err == nil || e.Error() == "" {
		t.Errorf("an error of kind %d says nothing", e.Kind)
	}
	if e.Kind != plugin.KindPartial {
		return
	}
	if len(e.Failed) == 0 || !slices.IsSortedFunc(e.Failed, func(a, b plugin.Failure) int { return a.Index - b.Index }) {
		t.Errorf("the failed events are none, or in no order: %v", e.Failed)
	}
	for _, f := range e.Failed {
		if kind, _ := plugin.KindOf(f.Err); f.Index < 0 || f.Index >= n || f.Err == nil || kind == plugin.KindPartial {
			t.Errorf("a failure is wrong: %+v", f)
		}
	}
}

// stuck checks that Send ends with its context.
func (s *OutputSuite) stuck(t testing.TB) {
	out := s.build(t, s.Stuck(t))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		l := &Loan{}
		for n := 0; ; n += 500 { // until the buffers of the network are full
			if err := l.call(t, Events(n, 500), func(events []event.Event) error { return out.Send(ctx, events) }); err != nil {
				done <- err
				return
			}
		}
	}()
	cancel()
	select {
	case err := <-done:
		if err == nil {
			t.Error("a stopped send says that all was delivered")
		}
	case <-time.After(patience):
		t.Fatal("a send goes on after its context is done")
	}
	shut(t, out)
}

package plugintest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// CollectorSuite is an output that confirms later than it takes, and its
// destination.
type CollectorSuite struct {
	Plugin plugin.Plugin

	// Destination makes a fresh destination and returns settings that deliver to
	// it, and the text of each event that it has, in order.
	Destination func(t testing.TB) (settings any, received func() []string)

	// Once says that an event that came again after a restart is at the
	// destination once; where it is false it may be there more often.
	Once bool

	// Broken returns settings for a destination that fails or is not there; nil
	// where that cannot be.
	Broken func(t testing.TB) any

	// Stuck returns settings for a destination that takes nothing and does not
	// answer; nil where that cannot be.
	Stuck func(t testing.TB) any

	// Refused returns settings that the constructor refuses; nil where it takes all.
	Refused func(t testing.TB) any
}

// Collector runs the suite.
func Collector(t *testing.T, s CollectorSuite) {
	t.Run("settings", func(t *testing.T) { Documented(t, s.Plugin) })
	t.Run("order", func(t *testing.T) { noLeak(t); s.order(t) })
	t.Run("restart", func(t *testing.T) { noLeak(t); s.restart(t) })
	t.Run("rewind", func(t *testing.T) { noLeak(t); s.rewind(t) })
	t.Run("closes unused", func(t *testing.T) {
		noLeak(t)
		settings, _ := s.Destination(t)
		shut(t, s.build(t, settings, new(Store)))
	})
	t.Run("refused", func(t *testing.T) { refused(t, s.Refused, s.Plugin.Output) })
	if s.Broken != nil {
		t.Run("broken", func(t *testing.T) { noLeak(t); s.broken(t) })
	}
	if s.Stuck != nil {
		t.Run("stuck", func(t *testing.T) { noLeak(t); s.stuck(t) })
	}
}

func (s *CollectorSuite) build(t testing.TB, settings any, store *Store) plugin.Collector {
	t.Helper()
	env := Env(t.TempDir())
	env.Store = store
	out, err := s.Plugin.Output(settings, env)
	if err != nil {
		alone(t, out, err)
		t.Fatalf("build: %v", err)
	}
	c, ok := out.(plugin.Collector)
	if !ok {
		t.Fatalf("a %T is no Collector", out)
	}
	return c
}

// frames are how many events each frame of the suite holds; the sequences of the
// frames are those from firstFrame on.
var frames = []int{3, 0, 1, 40, 0, 7, 2, 0}

const firstFrame = 17

// collect offers frames from the nth on, each as the engine does, and returns
// what was confirmed in the end. With whole a frame comes in one call, else in two.
func collect(t testing.TB, c plugin.Collector, from, to int, whole bool) (confirmed uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	first, l := 0, &Loan{}
	for i := range to {
		events := Events(first, frames[i])
		first += frames[i]
		if i < from {
			continue
		}
		seq := uint64(firstFrame + i)
		half := len(events) / 2
		if whole {
			half = 0
		}
		err := l.call(t, events, func(events []event.Event) error {
			before := dump(events)
			var err error
			if half > 0 {
				err = c.Collect(ctx, seq, events[:half])
			}
			if err == nil {
				err = c.Collect(ctx, seq, events[half:])
			}
			if !slices.Equal(before, dump(events)) {
				t.Errorf("the events of frame %d were changed", seq)
			}
			clear(events) // they are the caller's again
			return err
		})
		if err != nil {
			t.Fatalf("collect frame %d: %v", seq, err)
		}
		n, _, err := c.Settle(ctx, false)
		if err != nil {
			t.Fatalf("settle after frame %d: %v", seq, err)
		}
		confirmed = grown(t, confirmed, n, seq)
	}
	return confirmed
}

func grown(t testing.TB, before, now, offered uint64) uint64 {
	t.Helper()
	if now > offered {
		t.Fatalf("frame %d is confirmed, and %d was the last that was offered", now, offered)
	}
	if now != 0 && now < before {
		t.Errorf("frame %d was confirmed, and now only %d", before, now)
	}
	return max(before, now)
}

// finish settles everything.
func finish(t testing.TB, c plugin.Collector, last uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	confirmed := uint64(0)
	for confirmed < last {
		n, again, err := c.Settle(ctx, true)
		if err != nil {
			t.Fatalf("settle all: %v", err)
		}
		confirmed = grown(t, confirmed, n, last)
		if again <= 0 && confirmed < last {
			t.Fatalf("it wants to be left alone with %d of %d confirmed, and all was to be settled", confirmed, last)
		}
		pause(ctx, t, min(again, 100*time.Millisecond))
	}
}

func pause(ctx context.Context, t testing.TB, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		t.Fatal("not all is confirmed, however long it is settled")
	}
}

// order collects all frames; each event is received once and in order.
func (s *CollectorSuite) order(t testing.TB) {
	settings, received := s.Destination(t)
	c := s.build(t, settings, new(Store))
	collect(t, c, 0, len(frames), false)
	finish(t, c, firstFrame+uint64(len(frames))-1)
	shut(t, c)
	s.judge(t, received(), true)
}

// restart ends the output after each number of frames and begins another one,
// which is offered what was not confirmed. No event is missing.
func (s *CollectorSuite) restart(t testing.TB) {
	for stop := range len(frames) {
		for _, settled := range []bool{false, true} {
			settings, received := s.Destination(t)
			store := new(Store)
			c := s.build(t, settings, store)
			confirmed := collect(t, c, 0, stop, true)
			if settled && stop > 0 {
				finish(t, c, firstFrame+uint64(stop)-1)
				// What was confirmed last may not be known to the engine any more.
			}
			shut(t, c)
			c = s.build(t, settings, store)
			collect(t, c, int(max(confirmed, firstFrame-1)-firstFrame+1), len(frames), true)
			finish(t, c, firstFrame+uint64(len(frames))-1)
			shut(t, c)
			s.judge(t, received(), s.Once)
		}
	}
}

// rewind offers what was taken once more to the same output, as the engine does
// after a mistake.
func (s *CollectorSuite) rewind(t testing.TB) {
	settings, received := s.Destination(t)
	c := s.build(t, settings, new(Store))
	collect(t, c, 0, 5, true)
	collect(t, c, 2, len(frames), true)
	finish(t, c, firstFrame+uint64(len(frames))-1)
	shut(t, c)
	s.judge(t, received(), s.Once)
}

// judge looks for every event; with once there is none more.
func (s *CollectorSuite) judge(t testing.TB, got []string, once bool) {
	t.Helper()
	total := 0
	for _, n := range frames {
		total += n
	}
	seen, next := map[int]bool{}, 0
	for _, text := range got {
		found := false
		for n := range total {
			if strings.Contains(text, mark(n)) {
				found = true
				if once && n != next {
					t.Fatalf("event %d came where %d was to come", n, next)
				}
				seen[n] = true
				next++
			}
		}
		if !found {
			t.Fatalf("received what nobody sent: %.300q", text)
		}
	}
	if len(seen) != total || (once && len(got) != total) {
		t.Fatalf("of %d events %d are received, in %d texts", total, len(seen), len(got))
	}
}

// broken checks that errors say what is to be done about them, and that nothing
// is confirmed.
func (s *CollectorSuite) broken(t testing.TB) {
	c := s.build(t, s.Broken(t), new(Store))
	defer shut(t, c)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var failure error
	l := &Loan{}
	for i := 0; failure == nil; i++ {
		failure = l.call(t, Events(i*10, 10), func(events []event.Event) error { return c.Collect(ctx, uint64(i+1), events) })
		if failure != nil {
			judge(t, failure, 10)
			break
		}
		var confirmed uint64
		if confirmed, _, failure = c.Settle(ctx, i > 0); confirmed != 0 {
			t.Fatalf("a broken destination confirmed frame %d", confirmed)
		}
		if failure != nil {
			judge(t, failure, 0)
			if kind, _ := plugin.KindOf(failure); kind != plugin.KindRetry && kind != plugin.KindAfter {
				t.Errorf("Settle returned an error of kind %d", kind)
			}
		}
	}
	if ctx.Err() != nil {
		t.Fatal("a broken destination is waited for without an end")
	}
	if p, ok := c.(plugin.Prober); ok && p.Probe(ctx) == nil {
		t.Error("the probe of a broken destination found nothing")
	}
}

// stuck checks that Collect and Settle end with their context.
func (s *CollectorSuite) stuck(t testing.TB) {
	c := s.build(t, s.Stuck(t), new(Store))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		l := &Loan{}
		for i := 0; ; i++ {
			err := l.call(t, Events(i*500, 500), func(events []event.Event) error { return c.Collect(ctx, uint64(i+1), events) })
			if err == nil {
				_, _, err = c.Settle(ctx, true)
			}
			if err != nil && (ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded)) {
				done <- err
				return
			}
		}
	}()
	cancel()
	select {
	case err := <-done:
		if err == nil {
			t.Error("what was stopped says that all is well")
		}
	case <-time.After(patience):
		t.Fatal("it goes on after its context is done")
	}
	shut(t, c)
}

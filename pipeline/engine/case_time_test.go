package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// attempts notes when it is asked, and is down until it is told otherwise.
type attempts struct {
	sink
	mu sync.Mutex
	at []time.Duration
	up bool
}

func (a *attempts) since(begun time.Time) {
	a.fail = func([]event.Event) error {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.at = append(a.at, time.Since(begun))
		if a.up {
			return nil
		}
		return errDown
	}
}

// TestRetriesNeverExpire (RELIABILITY O1): an output that is down for a week is
// asked again and again, with pauses that grow to half a minute and differ, and
// has everything when it is back.
func TestRetriesNeverExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, a := newRig(t), &attempts{}
		src := numbered(50)
		a.since(time.Now())
		l := r.run(t, r.several(t, &stalled{lines{all: src}}, map[string]plugin.Output{"a": a}))
		time.Sleep(7 * 24 * time.Hour)
		a.mu.Lock()
		a.up = true
		at := slices.Clone(a.at)
		a.mu.Unlock()
		different := map[time.Duration]bool{}
		for i := 1; i < len(at); i++ {
			pause := at[i] - at[i-1]
			different[pause] = true
			if want := min(firstPause<<min(i-1, 20), longest); pause < want/2 || pause > want {
				t.Fatalf("the pause before attempt %d is %v, want between %v and %v", i, pause, want/2, want)
			}
		}
		if weekly := int(7 * 24 * time.Hour / longest); len(at) < weekly || len(different) < weekly/2 {
			t.Errorf("%d attempts in a week, %d different pauses", len(at), len(different))
		}
		time.Sleep(time.Minute)
		if got := a.all(); !slices.Equal(got, src) {
			t.Errorf("after a week it got %v", got)
		}
		if err := l.stop(); err != nil {
			t.Error(err)
		}
	})
}

// stalled gives its records and then sleeps until it is stopped.
type stalled struct{ lines }

func (s *stalled) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	if s.at < len(s.all) {
		return s.lines.Read(ctx, b, wait)
	}
	<-ctx.Done()
	return ctx.Err()
}

// TestClockSteps (RELIABILITY R7): the wall clock goes back an hour and forward a
// day: pauses are the same, nothing is lost or doubled, and the time of an event
// is what its source said.
func TestClockSteps(t *testing.T) {
	for _, step := range []time.Duration{-time.Hour, 24 * time.Hour} {
		t.Run(fmt.Sprint(step), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, a, b := newRig(t), &attempts{}, &keeps{}
				begun := time.Now()
				wall := func() time.Time { // no monotonic reading: all that it tells is the wall's
					now := time.Now().Round(0)
					if now.Sub(begun.Round(0)) > time.Minute {
						now = now.Add(step)
					}
					return now
				}
				a.since(begun)
				p := r.several(t, &paced{lines: lines{all: numbered(70)}}, map[string]plugin.Output{"a": a, "b": b})
				cfg := *p.Config
				around := p.around
				around.Now = wall
				p, found := Build(&cfg, around)
				if p == nil {
					t.Fatal(found)
				}
				l := r.run(t, p)
				time.Sleep(5 * time.Minute)
				a.mu.Lock()
				a.up = true
				at := slices.Clone(a.at)
				a.mu.Unlock()
				for i := 1; i < len(at); i++ {
					if pause := at[i] - at[i-1]; pause > longest {
						t.Errorf("a pause of %v", pause)
					}
				}
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				if got := a.all(); !slices.Equal(got, numbered(70)) {
					t.Errorf("a got %v", got)
				}
				if len(b.events) != 70 {
					t.Fatalf("b got %d events", len(b.events))
				}
				for i := range b.events {
					if e := &b.events[i]; !e.Time.Equal(time.Unix(int64(i), 0)) || e.Raw != fmt.Sprint(i) {
						t.Errorf("event %d is %q of %v", i, e.Raw, e.Time)
					}
				}
				if err := l.stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestFlappingOutput (RELIABILITY B20, in a bubble's time): an output that is up
// and down for 37 seconds each, for two hours: everything comes once and in
// order, the books balance at every look.
func TestFlappingOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, a, begun := newRig(t), &sink{}, time.Now()
		a.fail = func([]event.Event) error {
			if time.Since(begun)/(37*time.Second)%2 == 1 {
				return errDown
			}
			return nil
		}
		src := numbered(7 * 110)
		l := r.run(t, r.several(t, &paced{lines: lines{all: src}}, map[string]plugin.Output{"a": a}))
		for range 120 * 6 {
			time.Sleep(10 * time.Second)
			if b := l.book("a"); !b.Balanced() || int(b.Counts.Delivered) > len(a.all()) {
				t.Fatalf("%d arrived, book %+v", len(a.all()), b)
			}
		}
		if got := a.all(); !slices.Equal(got, src) {
			t.Errorf("%d of %d arrived", len(got), len(src))
		}
		if err := l.stop(); err != nil {
			t.Error(err)
		}
	})
}

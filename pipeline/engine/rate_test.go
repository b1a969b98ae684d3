package engine

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// TestMaxRate: over any time no more goes than the rate allows and one load, and what
// a quiet time did not use is not saved up.
func TestMaxRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 10000).Draw(t, "most")
		start := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
		now := start
		m := &meter.Registry{}
		r := newRate(most, func() time.Time { return now }, m.Counter("waits", "Waits."))
		r.pause = func(_ context.Context, d time.Duration) error {
			now = now.Add(d)
			return nil
		}
		type load struct {
			at time.Time
			n  int
		}
		var went []load
		for range rapid.IntRange(1, 40).Draw(t, "loads") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "quiet")) * time.Millisecond)
			if err := r.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			n := rapid.IntRange(0, 2*most).Draw(t, "events")
			r.took(n)
			went = append(went, load{now, n})
		}
		for i := range went {
			sum := 0
			for j := i; j < len(went)-1; j++ { // the last one is the load that goes at once
				sum += went[j].n
				if span := went[j+1].at.Sub(went[i].at); went[j+1].n > 0 && float64(sum) > span.Seconds()*float64(most)*1.001+1 {
					t.Fatalf("%d events went in %v at %d a second", sum, span, most)
				}
			}
		}
	})
}

// TestMaxRateEndsWithTheContext: a wait for the rate holds up no stop.
func TestMaxRateEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := newRate(1, time.Now, (&meter.Registry{}).Counter("waits", "Waits."))
	r.took(1000)
	if err := r.wait(ctx); err == nil {
		t.Error("it waited to the end")
	}
	if free := newRate(0, time.Now, nil); free.wait(ctx) != nil {
		t.Error("an output without a rate waits")
	}
}

// TestAnOutputKeepsItsRate: ten frames of seven events at seven a second take nine
// seconds, whatever batch the output wants; nothing is lost over it.
func TestAnOutputKeepsItsRate(t *testing.T) {
	for name, want := range map[string]plugin.Batch{"frame by frame": {}, "all in one batch": {Events: 1000}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, a := newRig(t), &batches{want: want}
				p := r.pipeline(t, true, &lines{all: numbered(70)}, nil, "", map[string]*sink{"b": {}})
				p.outputs[0].plugin, p.outputs[0].most = a, 7
				begun := time.Now()
				books, err := r.once(t, p)
				if err != nil || books["b"].Counts.Delivered != 70 {
					t.Errorf("%+v, %v", books["b"], err)
				}
				if got := a.all(); !slices.Equal(got, numbered(70)) {
					t.Errorf("got %v", got)
				}
				if d := time.Since(begun); d < 9*time.Second || d > 12*time.Second {
					t.Errorf("it took %v", d)
				}
			})
		})
	}
}

package engine

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/plugin"
)

// TestAnAmendmentSurvivesAKill: what was changed by hand between two records holds
// after a kill, although no snapshot was due, and what came after it is learned upon
// it; so it does where nothing runs.
func TestAnAmendmentSurvivesAKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		add := func(word string) func(plugin.Transform) (bool, error) {
			return func(tr plugin.Transform) (bool, error) {
				f := tr.(*firsts)
				f.seen = append(f.seen, word)
				return true, nil
			}
		}
		e := run(t, r.dripping(t, &firsts{by: 1000}))
		time.Sleep(25 * time.Second) // two records
		if err := e.Amend(t.Context(), add("100")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		broken := errors.New("no")
		if err := e.Amend(t.Context(), func(plugin.Transform) (bool, error) { return false, broken }); !errors.Is(err, broken) {
			t.Errorf("a change that failed: %v", err)
		}
		r.kill(t, e)

		p := r.dripping(t, &firsts{by: 1000})
		stopped, err := New(p, "amend")
		if err != nil {
			t.Fatal(err)
		}
		if err := stopped.Amend(t.Context(), add("0")); !errors.Is(err, ErrBusy) {
			t.Errorf("before it runs: %v", err)
		}
		if err := stopped.AmendStopped(context.Background(), add("200")); err != nil {
			t.Fatal(err)
		}
		p.Close()
		if err := stopped.Close(); err != nil {
			t.Fatal(err)
		}

		f := &firsts{by: 1000}
		e = run(t, r.dripping(t, f))
		time.Sleep(time.Second)
		e.end()
		want := []string{"0", "1", "100", "2", "200"}
		if len(f.seen) < len(want) || !slices.Equal(f.seen[:len(want)], want) {
			t.Errorf("it knows %v, want first %v", f.seen, want)
		}
	})
}

package engine

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// replayed is a replay of letters with the names of numbers to a sink.
type replayed struct {
	*letterbox
	to      *sink
	refused []string
	run     *Replay
}

func newReplayed(t *testing.T, n int, to *sink) (*replayed, *Pipeline) {
	t.Helper()
	r := &replayed{letterbox: newLetterbox(t, 8<<20), to: to}
	for i := range n {
		if err := r.add("a", letterOf(fmt.Sprint(i)), errRefused); err != nil {
			t.Fatal(err)
		}
	}
	rig := newRig(t)
	p := rig.pipeline(t, true, &lines{}, nil, "", map[string]*sink{"a": to})
	t.Cleanup(p.Close)
	return r, p
}

// over prepares the replay of what is in the file.
func (r *replayed) over(t *testing.T) *Replay {
	t.Helper()
	r.run = &Replay{Letters: r.reader(), File: r.read(t), Pick: func(*DeadLetter) bool { return true }, Patience: time.Hour,
		Refused: func(l *DeadLetter, _ error) { r.refused = append(r.refused, l.Raw) }}
	return r.run
}

// TestReplay: what is refused again is found event by event and stays, with the new
// reason; all else goes once, through the retries, and the file has no more of it.
func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		r, p := newReplayed(t, 250, &sink{fail: func(events []event.Event) error {
			if tries++; tries%5 == 0 {
				return plugin.After(errors.New("busy"), 10*time.Minute)
			}
			for i := range events {
				if events[i].Raw == "13" || events[i].Raw == "249" {
					return plugin.Permanent(errors.New("still not"))
				}
			}
			if tries%7 == 0 && len(events) > 2 {
				return plugin.Partial([]plugin.Failure{{Index: 1, Err: plugin.Retry(errors.New("again"))}})
			}
			return nil
		}})
		if err := r.add("a", letterOf("7"), errRefused); err != nil { // kept twice, as after a kill
			t.Fatal(err)
		}
		run := r.over(t)
		if err := run.Run(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		got := r.to.all()
		once := slices.Compact(slices.Sorted(slices.Values(got)))
		if len(once) != 248 || len(got)-len(once) > 1 { // of different batches, "7" may go twice
			t.Errorf("%d were sent, %d different ones", len(got), len(once))
		}
		if run.Delivered != 249 || run.Stayed != 2 || !run.Confirmed || !slices.Equal(r.refused, []string{"13", "249"}) {
			t.Errorf("delivered %d, stayed %d, refused %q", run.Delivered, run.Stayed, r.refused)
		}
		f := r.read(t)
		for _, l := range f.Letters {
			if l.Reason != "still not" || l.ID != letterOf(l.Raw).ID.String() {
				t.Errorf("what stayed: %+v", l)
			}
		}
		if held := r.held(t); !slices.Equal(held, []string{"13", "249"}) {
			t.Errorf("%q are held", held)
		}
	})
}

// TestReplayGivesUp: when a destination takes nothing any more, what it took is
// out of the file and the rest is in it as it was.
func TestReplayGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, p := newReplayed(t, 250, &sink{})
		r.to.fail = func(events []event.Event) error {
			if events[0].Raw != "0" {
				return plugin.Retry(errors.New("connection refused"))
			}
			return nil
		}
		err := r.over(t).Run(t.Context(), p)
		if !errors.Is(err, ErrNotTaken) || err.Error() == ErrNotTaken.Error() {
			t.Errorf("run: %v", err)
		}
		f := r.read(t)
		if len(r.to.all()) != 100 || len(f.Letters) != 150 || f.Letters[0].Raw != "100" || f.Letters[0].Reason != errRefused.Error() {
			t.Errorf("%d sent, %d held", len(r.to.all()), len(f.Letters))
		}
	})
}

// TestReplayFaults: whatever operation of the disk fails, or is the last, no letter
// that was not delivered is gone, and those that are still there go with the next
// replay.
func TestReplayFaults(t *testing.T) {
	for _, dead := range []bool{false, true} {
		for n := 1; ; n++ {
			struck := false
			synctest.Test(t, func(t *testing.T) {
				r, p := newReplayed(t, 120, &sink{})
				run := r.over(t)
				r.disk.dead, r.disk.part = dead, true
				r.disk.arm(n, syscall.ENOSPC)
				err := run.Run(t.Context(), p)
				struck = r.disk.hits > 0
				r.disk.disarm()
				if struck == (err == nil) {
					t.Errorf("operation %d: %v", n, err)
				}
				for seed := range uint64(5) {
					left := newLetterbox(t, 8<<20)
					left.disk = newFaulty(r.disk.Crash(seed))
					sent := r.to.all()
					sent = append(sent, left.held(t)...)
					if all := slices.Compact(slices.Sorted(slices.Values(sent))); len(all) != 120 {
						t.Errorf("operation %d, dead %t: %d of 120 letters are sent or held", n, dead, len(all))
					}
				}
				if err := r.over(t).Run(t.Context(), p); err != nil || len(r.read(t).Letters) != 0 {
					t.Errorf("operation %d: the next replay: %v, %d held", n, err, len(r.read(t).Letters))
				}
			})
			if !struck {
				if n < 6 {
					t.Errorf("a replay has but %d operations", n)
				}
				break
			}
		}
	}
}

// TestReplayOfOthers: without such an output nothing is sent, and a letter that
// does not decode stays and says why.
func TestReplayOfOthers(t *testing.T) {
	r, p := newReplayed(t, 1, &sink{})
	r.scribble(t, `{"time":"2026-11-25T00:00:00Z","output":"a","id":"X","reason":"r","event":"AAAA"}`+"\n")
	run := r.over(t)
	run.File.Output = "gone"
	if err := run.Run(t.Context(), p); !errors.Is(err, ErrNoOutput) {
		t.Errorf("run: %v", err)
	}
	run = r.over(t)
	if err := run.Run(t.Context(), p); err != nil || run.Delivered != 1 || run.Stayed != 1 {
		t.Errorf("run: %v, delivered %d, stayed %d", err, run.Delivered, run.Stayed)
	}
	if f := r.read(t); len(f.Letters) != 1 || f.Letters[0].ID != "X" || f.Letters[0].Reason == "r" {
		t.Errorf("held: %+v", f.Letters)
	}
}

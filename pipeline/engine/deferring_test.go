package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// shelf is a Deferrer: what it was sent is there after a Sync, or lost by one that fails.
type shelf struct {
	sink
	wet    []string                    // sent and not synced
	most   int                         // of wet
	syncs  int                         // how many there were
	refuse func(raw []string) error    // of Send
	spill  func(syncs int) (err error) // of Sync; what is wet is lost
}

func (s *shelf) Defer() bool { return true }

func (s *shelf) Send(ctx context.Context, events []event.Event) error {
	var raw []string
	for i := range events {
		raw = append(raw, strings.Clone(events[i].Raw))
	}
	if s.refuse != nil {
		if err := s.refuse(raw); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wet = append(s.wet, raw...)
	s.most = max(s.most, len(s.wet))
	return ctx.Err()
}

func (s *shelf) Sync() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.syncs++
	wet := s.wet
	s.wet = nil
	if s.spill != nil && len(wet) > 0 {
		if err := s.spill(s.syncs); err != nil {
			return err
		}
	}
	s.got = append(s.got, wet...)
	return nil
}

// unsynced is how many events were sent and are not synced.
func (s *shelf) unsynced() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.wet)
}

// shelved runs n records to the end through a Deferrer.
func shelved(t *testing.T, r *rig, n int, s *shelf, when string) {
	t.Helper()
	p := r.pipeline(t, true, &lines{all: numbered(n)}, nil, when, map[string]*sink{"b": {}})
	p.outputs[0].plugin = s
	books, err := r.once(t, p)
	if err != nil {
		t.Fatal(err)
	}
	if b := books["b"]; b.Counts.Delivered+b.Counts.Filtered+b.Counts.DeadLettered != uint64(n) {
		t.Errorf("the book: %+v", b)
	}
	if len(s.wet) > 0 {
		t.Errorf("%d are delivered by the book, and were not synced", len(s.wet))
	}
}

// TestDeferred: everything is there in order and synced, several frames at a time, and
// no more is under way than may come again after a kill.
func TestDeferred(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		shelved(t, newRig(t), 7000, s, "")
		if !slices.Equal(s.all(), numbered(7000)) {
			t.Errorf("%d events", len(s.all()))
		}
		if s.syncs >= 1000 || s.most > 7*mostUnsyncedFrames {
			t.Errorf("%d syncs for 1000 frames, at most %d events between two", s.syncs, s.most)
		}
	})
}

// TestDeferredWithout: what an output does not get ends with the rest.
func TestDeferredWithout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		shelved(t, newRig(t), 700, s, `labels.n == "no"`)
		if len(s.all()) > 0 {
			t.Errorf("got %v", s.all())
		}
	})
}

// TestDeferredAndLost: what a Sync has lost comes again, in its order.
func TestDeferredAndLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := 0
		s := &shelf{}
		s.spill = func(n int) error {
			if n%2 == 1 && lost < 3 {
				lost++
				return plugin.Retry(errors.New("input/output error"))
			}
			return nil
		}
		r := newRig(t)
		shelved(t, r, 700, s, "")
		if !slices.Equal(s.all(), numbered(700)) {
			t.Errorf("%d events: %v", len(s.all()), s.all())
		}
		if lost == 0 || !strings.Contains(r.log.String(), "input/output error") {
			t.Errorf("lost %d times, and said: %s", lost, &r.log)
		}
	})
}

// TestDeferredAndRefused: before a pause after a Send that failed all that was taken is
// synced, and what cannot be synced then comes again with the rest.
func TestDeferredAndRefused(t *testing.T) {
	for _, lose := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s, refused := &shelf{}, 0
			s.refuse = func(raw []string) error {
				if !slices.Contains(raw, "350") || refused > 2 {
					return nil
				}
				if refused > 0 && !lose && len(s.wet) > 0 {
					t.Errorf("%d wait for the end of a pause", len(s.wet))
				}
				refused++
				return plugin.Retry(errors.New("no space left on device"))
			}
			if lose {
				s.spill = func(int) error {
					if refused == 1 {
						refused++
						return errors.New("no space left on device")
					}
					return nil
				}
			}
			shelved(t, newRig(t), 700, s, "")
			if !slices.Equal(s.all(), numbered(700)) || refused != 3 {
				t.Errorf("refused %d times, %d events", refused, len(s.all()))
			}
		})
	}
}

// TestDeferredAndStopped: a stop syncs what was sent, so that nothing comes twice.
func TestDeferredAndStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := newRig(t), &shelf{}
		in := &paced{lines: lines{all: numbered(700)}}
		l := r.run(t, r.several(t, in, map[string]plugin.Output{"a": s}))
		for range 20 {
			time.Sleep(time.Minute)
			synctest.Wait()
			if n := len(s.all()); uint64(n) != in.gave.Load() || s.unsynced() > 0 {
				t.Fatalf("%d records were read, %d are there and %d wait for more", in.gave.Load(), n, s.unsynced())
			}
		}
		if err := l.stop(); err != nil {
			t.Error(err)
		}
		if b := l.Books()[0]; b.InFlight != 0 || b.Counts.Delivered != uint64(len(s.all())) {
			t.Errorf("%+v", b)
		}
	})
}

// TestDeferredSyncFirst: what had to be synced before something else could be sent has
// ended, and does not come again with what a later Sync loses.
func TestDeferredSyncFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, asked, failed := &shelf{}, 0, false
		s.refuse = func(raw []string) error {
			if slices.Contains(raw, "350") && len(s.wet) > 0 && asked == 0 {
				asked++
				return plugin.ErrSyncFirst
			}
			return nil
		}
		s.spill = func(int) error {
			if asked == 1 && !failed && len(s.got) > 0 && slices.Contains(s.got, "349") {
				failed = true
				return plugin.Retry(errors.New("input/output error"))
			}
			return nil
		}
		r := newRig(t)
		shelved(t, r, 700, s, "")
		if !slices.Equal(s.all(), numbered(700)) || asked != 1 || !failed {
			t.Errorf("%d events, asked %d times, failed: %v", len(s.all()), asked, failed)
		}
		if strings.Contains(r.log.String(), plugin.ErrSyncFirst.Error()) {
			t.Errorf("it is no failure: %s", &r.log)
		}
	})
}

// TestDeferredDeadLetters: an event that was put aside is not put aside again when a
// later Sync loses what was sent behind it.
func TestDeferredDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s, refused, failed := newRig(t), &shelf{}, 0, false
		s.refuse = func(raw []string) error {
			i := slices.Index(raw, "350")
			if i < 0 {
				return nil
			}
			refused++
			s.wet = append(append(s.wet, raw[:i]...), raw[i+1:]...)
			return plugin.Partial([]plugin.Failure{{Index: i, Err: plugin.Permanent(errors.New("no"))}})
		}
		s.spill = func(int) error {
			if refused > 0 && !failed && slices.Contains(s.got, "356") { // its load has ended
				failed = true
				return plugin.Retry(errors.New("input/output error"))
			}
			return nil
		}
		shelved(t, r, 700, s, "")
		if want := slices.DeleteFunc(numbered(700), func(n string) bool { return n == "350" }); !slices.Equal(s.all(), want) || refused != 1 {
			t.Errorf("put aside %d times, %d events", refused, len(s.all()))
		}
	})
}

// TestDeferredSaysOnce: a disk that fails for an hour is said once, and works again once;
// one failure an hour later costs no long pause.
func TestDeferredSaysOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s, from := newRig(t), &shelf{}, time.Now()
		again := false
		s.spill = func(int) error {
			if at := time.Since(from); at < time.Hour || at > 2*time.Hour-time.Minute && !again {
				again = at > time.Hour
				return plugin.Retry(errors.New("input/output error"))
			}
			return nil
		}
		in := &paced{lines: lines{all: numbered(1400)}}
		l := r.run(t, r.several(t, in, map[string]plugin.Output{"a": s}))
		time.Sleep(2*time.Hour + 5*time.Second)
		synctest.Wait()
		if got := len(s.all()); uint64(got) != in.gave.Load() || !again {
			t.Errorf("5 s after one failure %d of %d events are there", got, in.gave.Load())
		}
		if err := l.stop(); err != nil {
			t.Error(err)
		}
		if n := strings.Count(r.log.String(), "works again"); n != 2 || !slices.Equal(s.all(), numbered(len(s.all()))) {
			t.Errorf("it works again %d times, and has %d events: %s", n, len(s.all()), &r.log)
		}
	})
}

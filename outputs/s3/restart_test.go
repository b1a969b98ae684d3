package s3

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tallyman/outputs/s3/s3test"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// TestCrashBetweenBoundaryAndPut kills the process after the boundary was saved
// and before, or after, the store had the object. The second life is cut by other
// settings and all the same makes the object that the first one meant.
func TestCrashBetweenBoundaryAndPut(t *testing.T) {
	key(t)
	for name, fault := range map[string]s3test.Fault{
		"before": {Cut: true}, "after": {Cut: true, After: true},
	} {
		t.Run(name, func(t *testing.T) {
			s, store, clock := s3test.New(t), new(plugintest.Store), noon
			s.Fail(func(r s3test.Request) s3test.Fault {
				if r.Op == s3test.Put {
					return fault
				}
				return s3test.Fault{}
			})
			c := to(s)
			l := begin(t, c, store, &clock)
			l.give(7, made("a", noon, 0, 10)...)
			l.give(8, made("a", noon, 10, 10)...)
			clock = clock.Add(c.MaxAge)
			if n, _, err := l.Settle(t.Context(), false); err == nil || n != 0 {
				t.Fatalf("a broken upload confirmed %d, error %v", n, err)
			}
			s.Fail(nil)
			l = begin(t, c, store, &clock)
			for i, at := range []uint64{7, 8, 9} {
				l.give(at, made("a", noon, 10*i, 10)...)
			}
			if n := l.settle(false); n != 8 {
				t.Errorf("the object that ends with frame 8 is not confirmed: %d", n)
			}
			if n := l.settle(true); n != 9 {
				t.Errorf("%d is confirmed, want 9", n)
			}
			want(t, s, "a", 30)
			if n := len(s.Keys()); n != 3 { // two objects and a manifest
				t.Errorf("there are %v", s.Keys())
			}
		})
	}
}

// TestRandomLives runs many histories of lives over two partitions, with crashes
// at any request and any saving; each event is there once.
func TestRandomLives(t *testing.T) {
	key(t)
	for seed := range uint64(60) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { // what a seed has made goes with it
			// The store asks too, and a request of a life that is over may be answered amid the next.
			var mu sync.Mutex
			random := seed*2654435761 + 1
			next := func(n uint64) uint64 {
				mu.Lock()
				defer mu.Unlock()
				random = random*6364136223846793005 + 1442695040888963407
				return random >> 33 % n
			}
			s, store, clock := s3test.New(t), new(plugintest.Store), noon
			c := to(s)
			c.MaxSize = 600
			const frames = 40
			confirmed := uint64(100) // the engine's, which knows less than the output
			for life := 0; confirmed < 100+frames; life++ {
				if life > 500 {
					t.Fatalf("seed %d: it comes to no end at frame %d", seed, confirmed)
				}
				var broken atomic.Int64
				broken.Store(int64(next(12)))
				s.Fail(func(s3test.Request) s3test.Fault {
					if broken.Add(-1) != 0 || life > 400 {
						return s3test.Fault{}
					}
					return s3test.Fault{Cut: true, After: next(2) == 0}
				})
				l := begin(t, c, store, &clock)
				confirmed = oneLife(t, l, confirmed, 100+frames, next)
				_ = l.Close() // its connections end with it; more than a thousand would be open in the end
			}
			s.Fail(nil)
			begin(t, c, store, &clock).settle(true) // the last manifest
			want(t, s, "a", frames*3)
			want(t, s, "b", frames)
			if r := verify(t, s, true); !r.OK() || r.Archives[0].Events != frames*4 || r.Archives[0].Newer != 0 || len(r.Findings) != 0 {
				t.Fatalf("seed %d: the archive is not whole: %+v", seed, r)
			}
		})
	}
}

// oneLife collects until something fails or the fancy takes it.
func oneLife(t *testing.T, l *life, from, to uint64, next func(uint64) uint64) uint64 {
	confirmed := from
	for seq := from + 1; seq <= to+3; seq++ {
		if seq <= to {
			n := int(seq-101) * 3
			events := append(made("a", noon, n, 3), made("b", noon, n/3, 1)...)
			if l.Collect(t.Context(), seq, events) != nil {
				return confirmed
			}
		}
		if next(9) == 0 {
			*l.clock = l.clock.Add(6 * time.Minute)
		}
		for range 1 + next(3) {
			n, _, err := l.Settle(t.Context(), seq > to)
			if n > 0 && next(3) > 0 {
				confirmed = max(confirmed, n)
			}
			if err != nil {
				return confirmed
			}
		}
		if next(15) == 0 {
			return confirmed // a kill
		}
	}
	for {
		n, again, err := l.Settle(t.Context(), true)
		if confirmed = max(confirmed, n); err != nil || again != soon {
			return confirmed
		}
	}
}

// TestPartLeftovers is O6: killed amid a multipart upload; the parts are aborted
// at the next start, and the object comes to be under the same key.
func TestPartLeftovers(t *testing.T) {
	key(t)
	s, store, clock := s3test.New(t), new(plugintest.Store), noon
	c := to(s)
	c.Compression, c.PartSize = compressNone, leastPart
	l := begin(t, c, store, &clock)
	// 40 frames of about 300 kB are more than two parts.
	frame := func(i int) []event.Event { return made("a", noon, i*1000, 1000) }
	for i := range 40 {
		l.give(uint64(i+1), frame(i)...)
		if _, _, err := l.Settle(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	}
	if s.Open(false) != 1 || s.Count(s3test.Part) == 0 {
		t.Fatalf("%d uploads are open, %d parts came: this tests nothing", s.Open(false), s.Count(s3test.Part))
	}
	l = begin(t, c, store, &clock)
	if _, _, err := l.Settle(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if n := s.Open(false); n != 0 {
		t.Errorf("%d uploads of the former process are still open", n)
	}
	for i := range 40 {
		l.give(uint64(i+1), frame(i)...)
	}
	if n := l.settle(true); n != 40 {
		t.Errorf("%d is confirmed, want 40", n)
	}
	want(t, s, "a", 40_000)
	if l.meters.aborted.Value() != 1 {
		t.Errorf("%d uploads were aborted, want 1", l.meters.aborted.Value())
	}
}

// TestAnotherJournal begins with an empty state: the same sequences make other keys.
func TestAnotherJournal(t *testing.T) {
	key(t)
	s, clock := s3test.New(t), noon
	for i := range 2 {
		l := begin(t, to(s), new(plugintest.Store), &clock)
		l.give(1, made("a", noon, i*5, 5)...)
		l.settle(true)
	}
	want(t, s, "a", 10)
}

// TestStateThatCannotBeSaved: without a saved boundary nothing is uploaded.
func TestStateThatCannotBeSaved(t *testing.T) {
	key(t)
	s, store, clock := s3test.New(t), new(plugintest.Store), noon
	l := begin(t, to(s), store, &clock)
	l.give(1, made("a", noon, 0, 5)...)
	store.Err = errors.New("the disk is full")
	l.calm = true
	if n, _, err := l.Settle(t.Context(), true); !errors.Is(err, store.Err) || n != 0 {
		t.Fatalf("confirmed %d, error %v", n, err)
	}
	if n := s.Count(s3test.Put); n != 0 {
		t.Errorf("%d objects were uploaded without a boundary", n)
	}
	store.Err = nil
	l.settle(true)
	want(t, s, "a", 5)
}

// TestConflict: what somebody else has put under a key of ours stays, and is said.
func TestConflict(t *testing.T) {
	key(t)
	s, clock := s3test.New(t), noon
	c := to(s)
	l := begin(t, c, new(plugintest.Store), &clock)
	l.give(1, made("a", noon, 0, 5)...)
	at := l.key("a/2026/11/25", 1)
	s.Change(at, []byte("foreign"))
	clock = clock.Add(c.MaxAge)
	n, _, err := l.Settle(t.Context(), false)
	if !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), at) || n != 0 {
		t.Fatalf("confirmed %d, error %v", n, err)
	}
	if string(s.Objects()[at].Body) != "foreign" || l.meters.conflicts.Value() != 1 {
		t.Error("the foreign object was overwritten, or not counted")
	}
	s.Change(at, nil)
	l.settle(true)
	want(t, s, "a", 5)
}

// TestLostUpload: a lifecycle rule aborts uploads during an outage, before their
// objects were cut or after that. It is said, nothing is confirmed, and the events of
// every object that is not whole are asked for again: each is there once.
func TestLostUpload(t *testing.T) {
	key(t)
	for _, c := range []struct {
		name string
		cut  bool
		by   func(l *life) error // makes the output notice
	}{
		{"noticed with a part", false, func(l *life) error {
			for i := 40; ; i++ {
				if err := l.Collect(t.Context(), uint64(i+1), append(made("a", noon, i*1000, 1000), made("b", noon, i, 1)...)); err != nil {
					return err
				}
				if _, _, err := l.Settle(t.Context(), false); err != nil {
					return err
				}
			}
		}},
		{"noticed at its end", true, func(l *life) error {
			for range 5 {
				if n, _, err := l.Settle(t.Context(), false); err != nil || n != 0 {
					return err
				}
			}
			return errors.New("nothing was noticed")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, store, clock := s3test.New(t), new(plugintest.Store), noon
			set := to(s)
			set.Compression, set.PartSize = compressNone, leastPart
			l := begin(t, set, store, &clock)
			for i := range 40 {
				l.give(uint64(i+1), append(made("a", noon, i*1000, 1000), made("b", noon, i, 1)...)...)
				if _, _, err := l.Settle(t.Context(), false); err != nil {
					t.Fatal(err)
				}
			}
			if s.Open(true) != 1 {
				t.Fatal("no upload is open: this tests nothing")
			}
			if c.cut {
				clock = clock.Add(set.MaxAge)
			}
			if err := c.by(l); !errors.Is(err, errLost) || !errors.Is(err, plugin.ErrCollectAgain) {
				t.Fatalf("error %v", err)
			}
			if l.meters.lost.Value() != 1 || l.held != 0 {
				t.Errorf("%d uploads are counted as lost, %d bytes are held", l.meters.lost.Value(), l.held)
			}
			for i := range 60 {
				l.give(uint64(i+1), append(made("a", noon, i*1000, 1000), made("b", noon, i, 1)...)...)
			}
			if n := l.settle(true); n != 60 {
				t.Errorf("%d is confirmed, want 60", n)
			}
			want(t, s, "a", 60_000)
			want(t, s, "b", 60)
			if r := verify(t, s, true); !r.OK() || r.Archives[0].Events != 60_060 || r.Archives[0].Newer != 0 || len(r.Findings) != 0 {
				t.Errorf("the archive is not whole: %+v", r)
			}
		})
	}
}

// TestFiltered: empty frames are confirmed, and a frame that was not offered is
// declared.
func TestFiltered(t *testing.T) {
	key(t)
	s, clock := s3test.New(t), noon
	l := begin(t, to(s), new(plugintest.Store), &clock)
	l.give(4)
	if n := l.settle(false); n != 4 {
		t.Errorf("an empty frame is not confirmed: %d", n)
	}
	l.give(5, made("a", noon, 0, 5)...)
	l.give(9, made("a", noon, 5, 5)...)
	l.settle(true)
	want(t, s, "a", 10)
	keys := s.Keys()
	at := slices.IndexFunc(keys, func(k string) bool { return strings.HasPrefix(k, manifestDir) })
	m, err := decodeManifest(s.Objects()[keys[at]].Body)
	if err != nil {
		t.Fatal(err)
	}
	if m.First != 4 || m.Last != 9 || len(m.Gaps) != 1 || m.Gaps[0] != (Gap{First: 6, Last: 8}) {
		t.Errorf("the manifest covers %d to %d with gaps %v", m.First, m.Last, m.Gaps)
	}
}

// picky refuses to render one event.
type picky struct {
	plugin.Encoder
	not event.ID
}

func (p picky) Append(dst []byte, e *event.Event) ([]byte, error) {
	if e.ID == p.not {
		return dst, errors.New("it is not to be rendered")
	}
	return p.Encoder.Append(dst, e)
}

// TestARefusalIsSaidAgain offers a frame again that was taken: what was refused of it
// is refused again, before and after the rest is at the store, and nothing is taken
// twice.
func TestARefusalIsSaidAgain(t *testing.T) {
	key(t)
	s, clock := s3test.New(t), noon
	l := begin(t, to(s), new(plugintest.Store), &clock)
	events := made("a", noon, 0, 10)
	l.enc = picky{l.enc, events[4].ID}
	offer := func(when string) {
		t.Helper()
		var e *plugin.Error
		if err := l.Collect(t.Context(), 7, events); !errors.As(err, &e) || e.Kind != plugin.KindPartial || len(e.Failed) != 1 || e.Failed[0].Index != 4 {
			t.Errorf("%s: %v", when, err)
		} else if kind, _ := plugin.KindOf(e.Failed[0].Err); kind != plugin.KindPermanent {
			t.Errorf("%s: %v is no refusal for good", when, e.Failed[0].Err)
		}
	}
	offer("at first")
	if _, _, err := l.Settle(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	offer("again, before it is at the store")
	if n := l.settle(true); n != 7 {
		t.Errorf("%d is confirmed, want 7", n)
	}
	offer("again, after that")
	l.settle(true)
	if got := lines(t, s); len(got) != 9 {
		t.Errorf("%d events are at the store, want 9", len(got))
	}
}

package engine

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"tallyman/pipeline/meter"
)

// state is whether an input or output works; it speaks when that changes, not
// at every attempt.
type state struct {
	kind, name string
	log        *slog.Logger
	up         *meter.Gauge
	errors     *meter.Counter

	mu  sync.Mutex
	err error // nil while it works
}

func newState(around Surroundings, kind, name string) *state {
	label := meter.Label{Name: kind, Value: name}
	s := &state{
		kind: kind, name: name, log: around.Log,
		up:     around.Meter.Gauge("tallyman_"+kind+"_up", "1 while the "+kind+" works, 0 while it fails.", label),
		errors: around.Meter.Counter("tallyman_"+kind+"_errors_total", "Attempts of the "+kind+" that failed.", label),
	}
	s.up.Set(1)
	return s
}

func (s *state) good() {
	s.mu.Lock()
	was := s.err
	s.err = nil
	s.mu.Unlock()
	if was != nil {
		s.up.Set(1)
		s.log.Info(s.kind+" works again", "component", s.name)
	}
}

func (s *state) bad(err error) {
	s.errors.Inc()
	s.mu.Lock()
	was := s.err
	s.err = err
	s.mu.Unlock()
	s.up.Set(0)
	if was == nil || was.Error() != err.Error() {
		s.log.Warn(s.kind+" failed; it is tried again", "component", s.name, "error", err)
	}
}

func (s *state) problem() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

const (
	firstPause = 100 * time.Millisecond
	longest    = 30 * time.Second
)

// backoff is the pause between attempts: it doubles up to the longest, and half
// of it is chance, so that many hosts do not come back at one instant.
type backoff struct{ next time.Duration }

func newBackoff() *backoff { return &backoff{next: firstPause} }

func (b *backoff) reset() { b.next = firstPause }

// wait pauses for at least atLeast; it returns early when ctx is done.
func (b *backoff) wait(ctx context.Context, atLeast time.Duration) {
	d := b.next/2 + rand.N(b.next/2+1)
	b.next = min(2*b.next, longest)
	t := time.NewTimer(max(d, atLeast))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

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
	errors     *meter.Counter

	mu  sync.Mutex
	err error // nil while it works
}

func newState(around Surroundings, kind, name string) *state {
	label := meter.Label{Name: kind, Value: name}
	return &state{
		kind: kind, name: name, log: around.Log,
		errors: around.Meter.Counter("tallyman_"+kind+"_errors_total", "Attempts of the "+kind+" that failed.", label),
	}
}

// up serves whether it works. It is no gauge of the registry, which would keep
// the last word of what is not configured any more.
func (s *state) up(emit func(meter.Sample)) {
	value := 1.0
	if s.problem() != nil {
		value = 0
	}
	emit(meter.Sample{Name: "tallyman_" + s.kind + "_up", Help: "1 while the " + s.kind + " works, 0 while it fails.",
		Kind: meter.KindGauge, Labels: []meter.Label{{Name: s.kind, Value: s.name}}, Value: value})
}

func (s *state) good() {
	s.mu.Lock()
	was := s.err
	s.err = nil
	s.mu.Unlock()
	if was != nil {
		s.log.Info(s.kind+" works again", "component", s.name)
	}
}

func (s *state) bad(err error) {
	s.errors.Inc()
	s.mu.Lock()
	was := s.err
	s.err = err
	s.mu.Unlock()
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

// length returns how long the next pause is, at least atLeast.
func (b *backoff) length(atLeast time.Duration) time.Duration {
	d := b.next/2 + rand.N(b.next/2+1)
	b.next = min(2*b.next, longest)
	return max(d, atLeast)
}

// wait pauses for at least atLeast; it returns early when ctx is done.
func (b *backoff) wait(ctx context.Context, atLeast time.Duration) {
	t := time.NewTimer(b.length(atLeast))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

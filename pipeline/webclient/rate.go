package webclient

import (
	"context"

	"golang.org/x/time/rate"
)

// limits are the limits of rate of one client; a nil one limits nothing.
type limits struct {
	bytes, events *rate.Limiter
}

// newLimits shares the limits of the settings out among so many clients.
func newLimits(s *Settings, sharers int) limits {
	limiter := func(n int) *rate.Limiter {
		if n <= 0 {
			return nil
		}
		return rate.NewLimiter(rate.Limit(n)/rate.Limit(sharers), max(1, n/sharers)) // what a second may, may also go at once
	}
	return limits{bytes: limiter(int(s.RateBytes)), events: limiter(s.RateEvents)}
}

// wait waits until so much may be sent, or ctx is done.
func (l limits) wait(ctx context.Context, bytes, events int) error {
	if err := take(ctx, l.bytes, bytes); err != nil {
		return err
	}
	return take(ctx, l.events, events)
}

// take takes n in pieces: more than what a second may never comes at once.
func take(ctx context.Context, l *rate.Limiter, n int) error {
	for l != nil && n > 0 {
		piece := min(n, l.Burst())
		if err := l.WaitN(ctx, piece); err != nil {
			return err
		}
		n -= piece
	}
	return nil
}

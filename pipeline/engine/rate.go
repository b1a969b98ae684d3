package engine

import (
	"context"
	"time"

	"tallyman/pipeline/meter"
)

// rate holds an output to so many events a second, on average: what goes at once is
// paid for before more goes. One goroutine uses it.
type rate struct {
	each  time.Duration // what an event costs; 0: there is no limit
	paid  time.Time     // until then what went is not paid for
	now   func() time.Time
	pause func(ctx context.Context, d time.Duration) error
	held  *meter.Counter
}

// newRate is that of one output, most events a second; 0 is no limit.
func newRate(most int, now func() time.Time, held *meter.Counter) rate {
	r := rate{now: now, pause: stand, held: held}
	if most > 0 {
		r.each = (time.Second + time.Duration(most) - 1) / time.Duration(most)
	}
	return r
}

// wait waits until what went is paid for, or ctx is done.
func (r *rate) wait(ctx context.Context) error {
	if r.each == 0 {
		return nil
	}
	d := r.paid.Sub(r.now())
	if d <= 0 {
		return nil
	}
	r.held.Inc()
	return r.pause(ctx, d)
}

// took says that n events go.
func (r *rate) took(n int) {
	if r.each == 0 || n == 0 {
		return
	}
	if now := r.now(); r.paid.Before(now) {
		r.paid = now // what was not used is not saved up
	}
	r.paid = r.paid.Add(time.Duration(n) * r.each)
}

// stand waits for d, or until ctx is done.
func stand(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

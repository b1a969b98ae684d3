package rules

import (
	"math"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"tallyman/pipeline/expr"
	"tallyman/pipeline/meter"
)

const (
	// minBand is how many numbers a band is made of at the least; with fewer it
	// goes on learning when its time is over.
	minBand = 20
	// floorShare is the least deviation, as a share of the mean: what has always
	// been the same may still move a little.
	floorShare = 0.05
)

// bandState holds where a number lies outside of what was learned for its key:
// further from the mean than so many deviations. A band is learned once, from the
// first event of the key on, and stands then: one that went on learning could be
// led anywhere by small steps.
//
// A band with a kind is a baseline (bandreview.go): its keys are kept as they are,
// and nothing is forgotten to make room.
type bandState struct {
	kindOf   string // memory, pids …, as the rule says; "" for none
	by       key
	made     string
	value    *expr.Program // nil: the number of events in every interval
	every    int64         // nanoseconds of an interval
	learn    time.Duration
	approval bool // what is new begins in mode learning
	width    float64
	above    bool // only what is too much
	floor    float64
	evicted  *meter.Counter

	mu    sync.Mutex       // guards what follows
	keys  table[band]      // without a kind
	named map[string]*band // with a kind
	bytes int              // of the keys of named
}

// band is what was learned of one key.
type band struct {
	began    time.Time
	n        uint64
	mean, m2 float64 // of n numbers, after Welford
	part     int64   // the number of the interval that is counted, since 1970
	count    uint64  // of its events
	told     bool    // that it is outside

	mode      mode
	fixed     bool    // a person gave the limits
	low, high float64 // where they are fixed
}

// measure is a number that lies outside of its band.
type measure struct {
	value, low, high float64
	lowest           bool // low is a limit as well
	learned          uint64
}

// learned adds a number. Each product is rounded before it is added, so that a
// replay gives the same bits on every processor.
func (b *band) learned(x float64) {
	b.n++
	d := x - b.mean
	b.mean += float64(d / float64(b.n))
	b.m2 += float64(d * (x - b.mean))
}

// deviation is what counts as the deviation of a band.
func (s *bandState) deviation(b *band) float64 {
	if b.n == 0 {
		return s.floor
	}
	return max(math.Sqrt(b.m2/float64(b.n)), float64(floorShare*math.Abs(b.mean)), s.floor)
}

// limits returns the least and the most that is usual.
func (s *bandState) limits(b *band) (low, high float64) {
	if b.fixed {
		return b.low, b.high
	}
	wide := float64(s.width * s.deviation(b))
	return b.mean - wide, b.mean + wide
}

// outside reports whether x is outside of the band b, and then how.
func (s *bandState) outside(b *band, x float64) (measure, bool) {
	low, high := s.limits(b)
	return measure{value: x, low: low, high: high, lowest: !s.above, learned: b.n}, x > high || !s.above && x < low
}

// stands reports whether nothing more is learned.
func (s *bandState) stands(b *band, at time.Time) bool {
	return b.mode == enforcing || b.mode == byTime && b.n >= minBand && at.Sub(b.began) >= s.learn
}

// of returns the band of a key, nil where there is no room for one.
func (s *bandState) of(key []byte, at time.Time) *band {
	if s.kindOf == "" {
		b, fresh, _ := s.keys.get(key)
		if fresh {
			*b = s.begun(at)
		}
		return b
	}
	if b := s.named[string(key)]; b != nil {
		return b
	}
	if len(key) > maxBaselineText || !utf8.Valid(key) {
		key = []byte(keyOf([]string{bounded(string(key))}))
		if b := s.named[string(key)]; b != nil {
			return b
		}
	}
	return s.begin(string(key), s.begun(at))
}

func (s *bandState) begun(at time.Time) band {
	b := band{began: at, part: at.UnixNano() / max(1, s.every)}
	if s.approval {
		b.mode = learning
	}
	return b
}

// begin adds a band under a readable key, and returns nil where there is no room.
func (s *bandState) begin(key string, b band) *band {
	if len(s.named) >= maxProfiles || s.bytes+len(key) > maxBaselineBytes {
		return nil
	}
	if s.named == nil {
		s.named = map[string]*band{}
	}
	s.named[key] = &b
	s.bytes += len(key)
	return &b
}

func (s *bandState) holds(st *stage, at time.Time) (bool, error) {
	key, err := s.by.append(st.buf[:0], st.machine)
	if err != nil {
		return false, err
	}
	st.buf = key
	x := 0.0
	if s.value != nil {
		text, err := s.value.Text(st.machine)
		if text == "" || err != nil {
			return false, err // nothing was measured
		}
		if x, err = strconv.ParseFloat(text, 64); err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return false, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.of(key, at)
	switch {
	case b == nil:
		if !st.quiet {
			s.evicted.Inc()
		}
		return false, nil
	case s.value == nil:
		return s.counted(st, b, at), nil
	case !s.stands(b, at):
		b.learned(x)
		return false, nil
	}
	m, out := s.outside(b, x)
	st.measured = m
	return out, nil
}

// counted counts an event. What an interval had is learned when the next one
// begins; an interval that has too much is told once, while it lasts. Intervals
// without any event are not learned.
func (s *bandState) counted(st *stage, b *band, at time.Time) bool {
	part := at.UnixNano() / s.every
	if part < b.part {
		return false // late, and its interval is closed
	}
	if part > b.part {
		if !s.stands(b, at) {
			b.learned(float64(b.count))
		}
		b.part, b.count, b.told = part, 0, false
	}
	b.count++
	// Too little is not known before the interval is over; a rule cannot ask for it.
	if b.told || !s.stands(b, at) {
		return false
	}
	st.measured, b.told = s.outside(b, float64(b.count))
	return b.told
}

package rules

import (
	"math"
	"strconv"
	"sync"
	"time"

	"tallyman/pipeline/expr"
	"tallyman/pipeline/keep"
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
type bandState struct {
	by    key
	made  string
	value *expr.Program // nil: the number of events in every interval
	every int64         // nanoseconds of an interval
	learn time.Duration
	width float64
	above bool // only what is too much
	floor float64

	mu   sync.Mutex
	keys table[band] // guarded by mu
}

// band is what was learned of one key.
type band struct {
	began    time.Time
	n        uint64
	mean, m2 float64 // of n numbers, after Welford
	part     int64   // the number of the interval that is counted, since 1970
	count    uint64  // of its events
	told     bool    // that it is outside
}

// learned adds a number. Each product is rounded before it is added, so that a
// replay gives the same bits on every processor.
func (b *band) learned(x float64) {
	b.n++
	d := x - b.mean
	b.mean += float64(d / float64(b.n))
	b.m2 += float64(d * (x - b.mean))
}

// outside reports whether x is too far from the mean.
func (s *bandState) outside(b *band, x float64) bool {
	deviation := math.Sqrt(b.m2 / float64(b.n))
	deviation = max(deviation, float64(floorShare*math.Abs(b.mean)), s.floor)
	off := x - b.mean
	if !s.above {
		off = math.Abs(off)
	}
	return off > float64(s.width*deviation)
}

// stands reports whether the time of learning is over.
func (s *bandState) stands(b *band, at time.Time) bool {
	return b.n >= minBand && at.Sub(b.began) >= s.learn
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
	b, fresh, _ := s.keys.get(key)
	if fresh {
		*b = band{began: at, part: at.UnixNano() / max(1, s.every)}
	}
	if s.value == nil {
		return s.counted(b, at), nil
	}
	if s.stands(b, at) {
		return s.outside(b, x), nil
	}
	b.learned(x)
	return false, nil
}

// counted counts an event. What an interval had is learned when the next one
// begins; an interval that has too much is told once, while it lasts. Intervals
// without any event are not learned.
func (s *bandState) counted(b *band, at time.Time) bool {
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
	// Too little is not known before the interval is over.
	if b.told || !s.stands(b, at) || float64(b.count) < b.mean || !s.outside(b, float64(b.count)) {
		return false
	}
	b.told = true
	return true
}

func (s *bandState) kind() uint64 { return kindBand }
func (s *bandState) form() string { return s.made }

func (s *bandState) save(w *keep.Writer) {
	s.keys.save(w, func(b *band) {
		w.Time(b.began)
		w.Uint(b.n)
		w.Uint(math.Float64bits(b.mean))
		w.Uint(math.Float64bits(b.m2))
		w.Int(b.part)
		w.Uint(b.count)
		w.Bool(b.told)
	})
}

func (s *bandState) load(r *keep.Reader) func() {
	keys := s.keys.load(r, func(b *band) {
		*b = band{began: r.Time(), n: r.Uint(), mean: math.Float64frombits(r.Uint()), m2: math.Float64frombits(r.Uint()),
			part: r.Int(), count: r.Uint(), told: r.Bool()}
	})
	return func() { s.keys.adopt(keys) }
}

func (s *bandState) forget() { s.keys.forget() }

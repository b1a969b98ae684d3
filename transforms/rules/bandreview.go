package rules

// Bands as baselines: what a person reads of them, changes and moves.

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// Band is what was learned of a number.
type Band struct {
	Learned   uint64  `yaml:"learned" json:"learned"` // from how many numbers
	Mean      float64 `yaml:"mean" json:"mean"`
	Deviation float64 `yaml:"deviation" json:"deviation"` // of the numbers, before the rule's floor
	// Low and High are what is usual, by the rule here or, where Fixed, by a
	// person. Low is absent where only too much is told.
	Low   *float64 `yaml:"low,omitempty" json:"low,omitempty"`
	High  float64  `yaml:"high" json:"high"`
	Fixed bool     `yaml:"fixed,omitempty" json:"fixed,omitempty"`
}

// describe adds to an alert what was measured.
func (m *measure) describe(f *event.Fields) {
	f.Add(schema.TallymanBandValue, event.Float(m.value))
	if m.lowest {
		f.Add(schema.TallymanBandLow, event.Float(m.low))
	}
	f.Add(schema.TallymanBandHigh, event.Float(m.high))
	f.Add(schema.TallymanBandLearned, event.Int(int64(min(m.learned, math.MaxInt64))))
}

// shown is a band as a person reads it.
func (s *bandState) shown(id, key string) Baseline {
	b := s.named[key]
	low, high := s.limits(b)
	out := Baseline{Rule: id, Kind: s.kindOf, By: parts(key), Mode: modeNames[b.mode], Since: b.began.UTC(),
		Band: &Band{Learned: b.n, Mean: b.mean, High: high, Fixed: b.fixed}}
	if b.n > 0 {
		out.Band.Deviation = math.Sqrt(b.m2 / float64(b.n))
	}
	if !s.above {
		out.Band.Low = &low
	}
	return out
}

// limits are what a person gives for a band: "LOW..HIGH", or "..HIGH".
type limits struct {
	low, high float64
	lowest    bool
}

// parseLimits reads the only value of a change that is about a band.
func parseLimits(values []string) (l limits, err error) {
	if len(values) != 1 {
		return l, errors.New("a band has one value: its limits, as 100..200, or ..200 where only too much is told")
	}
	low, high, ok := strings.Cut(values[0], "..")
	if ok && low != "" {
		l.lowest = true
		l.low, err = strconv.ParseFloat(low, 64)
	}
	if err == nil && ok {
		l.high, err = strconv.ParseFloat(high, 64)
	}
	if !ok || err != nil || !finite(l.low, l.high) || l.lowest && l.low > l.high {
		return l, fmt.Errorf("%q are no limits of a band; write 100..200, or ..200 where only too much is told", values[0])
	}
	return l, nil
}

func finite(list ...float64) bool {
	return !slices.ContainsFunc(list, func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) })
}

// given reads what a person gives for the bands of one rule. Nothing was changed
// where that is an error.
func (c *BaselineChange) given(id string, s *bandState) (l limits, err error) {
	switch {
	case len(c.Values) == 0 || c.aside():
		return l, nil
	case c.Verb != "approve":
		return l, errors.New("a band has no values to forget; leave them out and it begins anew")
	}
	if l, err = parseLimits(c.Values); err == nil && l.lowest == s.above {
		err = fmt.Errorf("rule %s tells too little as well: write both limits, as 100..200", id)
		if s.above {
			err = fmt.Errorf("rule %s tells only what is too much: write its limit as ..200", id)
		}
	}
	return l, err
}

// aside reports whether the values that are named are those of first_seen rules:
// a number alone says not of what.
func (c *BaselineChange) aside() bool { return len(c.Values) > 0 && c.Rule+c.Kind == "" }

// changeBand does what is asked with one rule's bands, which are selected.
func (c *BaselineChange) changeBand(id string, s *bandState, given limits, r *BaselineReport) {
	if c.aside() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(s.named)) {
		if c.By != "" && !slices.Contains(parts(key), c.By) {
			continue
		}
		b := s.named[key]
		switch c.Verb {
		case "list":
			r.Baselines.Baselines = append(r.Baselines.Baselines, s.shown(id, key))
		case "approve":
			if len(c.Values) > 0 {
				b.fixed, b.low, b.high = true, given.low, given.high
			} else if b.n == 0 && !b.fixed {
				continue // nothing was learned that could be approved
			}
			b.mode = enforcing
			r.Values++
		case "learn":
			b.mode, b.fixed = learning, false
		case "forget":
			delete(s.named, key)
			s.bytes -= len(key)
			r.Values++
		}
		r.Profiles++
	}
}

// check looks at a band of another host.
func (b *Band) check() error {
	low := b.High
	if b.Low != nil {
		low = *b.Low
	}
	if !finite(b.Mean, b.Deviation, b.High, low) || b.Deviation < 0 || low > b.High {
		return errors.New("its band is none: write numbers, a deviation of 0 or more, and low below high")
	}
	return nil
}

// takeOne takes the band of a file in the place of the one that is here, if any,
// and reports whether there is room. Limits that nobody gave are those of the rule
// here.
func (s *bandState) takeOne(in *Baseline, r *BaselineReport, now time.Time) bool {
	key, from := keyOf(in.By), in.Band
	b := s.named[key]
	if b == nil {
		since := in.Since
		if since.IsZero() || since.After(now) {
			since = now
		}
		if b = s.begin(key, s.begun(since)); b == nil {
			return false
		}
	}
	b.mode = mode(slices.Index(modeNames[:], in.Mode))
	b.n, b.mean, b.m2 = from.Learned, from.Mean, float64(from.Deviation*from.Deviation)*float64(from.Learned)
	b.fixed, b.low, b.high = from.Fixed, -math.MaxFloat64, from.High
	if from.Low != nil {
		b.low = *from.Low
	}
	r.Profiles++
	r.Values++
	return true
}

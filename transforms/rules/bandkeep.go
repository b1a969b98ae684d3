package rules

import (
	"maps"
	"math"
	"slices"

	"tallyman/pipeline/keep"
)

func (s *bandState) kind() uint64 {
	if s.kindOf != "" {
		return kindNamedBand
	}
	return kindBand
}

func (s *bandState) form() string { return s.made }

func (s *bandState) save(w *keep.Writer) {
	if s.kindOf == "" {
		s.keys.save(w, func(b *band) { b.save(w) })
		return
	}
	w.Uint(uint64(len(s.named)))
	for _, key := range slices.Sorted(maps.Keys(s.named)) {
		b := s.named[key]
		w.Str(key)
		b.save(w)
		w.Uint(uint64(b.mode))
		w.Bool(b.fixed)
		w.Uint(math.Float64bits(b.low))
		w.Uint(math.Float64bits(b.high))
	}
}

func (s *bandState) load(r *keep.Reader) func() {
	if s.kindOf == "" {
		keys := s.keys.load(r, func(b *band) { b.load(r) })
		return func() { s.keys.adopt(keys) }
	}
	fresh := &bandState{}
	for n := r.Count(4); n > 0 && !r.Bad(); n-- {
		key, b := r.Str(), band{}
		b.load(r)
		b.mode, b.fixed = mode(r.Below(uint64(enforcing)+1)), r.Bool()
		b.low, b.high = math.Float64frombits(r.Uint()), math.Float64frombits(r.Uint())
		fresh.begin(key, b)
	}
	return func() { s.named, s.bytes = fresh.named, fresh.bytes }
}

func (b *band) save(w *keep.Writer) {
	w.Time(b.began)
	w.Uint(b.n)
	w.Uint(math.Float64bits(b.mean))
	w.Uint(math.Float64bits(b.m2))
	w.Int(b.part)
	w.Uint(b.count)
	w.Bool(b.told)
}

func (b *band) load(r *keep.Reader) {
	*b = band{began: r.Time(), n: r.Uint(), mean: math.Float64frombits(r.Uint()), m2: math.Float64frombits(r.Uint()),
		part: r.Int(), count: r.Uint(), told: r.Bool()}
}

func (s *bandState) forget() {
	s.keys.forget()
	s.named, s.bytes = nil, 0
}

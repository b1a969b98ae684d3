package rules

import (
	"maps"
	"slices"

	"tallyman/pipeline/keep"
)

func (b *baselineState) kind() uint64 { return kindBaseline }
func (b *baselineState) form() string { return b.made }

func (b *baselineState) save(w *keep.Writer) {
	w.Uint(uint64(len(b.profiles)))
	for _, key := range slices.Sorted(maps.Keys(b.profiles)) {
		p := b.profiles[key]
		w.Str(key)
		w.Time(p.began)
		w.Uint(uint64(p.mode))
		w.Uint(uint64(len(p.values)))
		for _, value := range slices.Sorted(maps.Keys(p.values)) {
			w.Str(value)
			w.Time(p.values[value].last)
			w.Bool(p.values[value].approved)
		}
	}
}

// load keeps to the bounds: what does not fit any more is left out.
func (b *baselineState) load(r *keep.Reader) func() {
	fresh := &baselineState{max: b.max}
	for n := r.Count(4); n > 0 && !r.Bad(); n-- {
		p := fresh.begin(r.Str(), r.Time(), mode(r.Below(uint64(enforcing)+1)))
		for k := r.Count(3); k > 0 && !r.Bad(); k-- {
			value, v := r.Str(), sight{last: r.Time(), approved: r.Bool()}
			if p != nil && fresh.room(len(value)) {
				fresh.put(p, value, v)
			}
		}
	}
	return func() { b.profiles, b.count, b.bytes = fresh.profiles, fresh.count, fresh.bytes }
}

func (b *baselineState) forget() { b.profiles, b.count, b.bytes = nil, 0, 0 }

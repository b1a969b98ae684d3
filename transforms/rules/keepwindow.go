package rules

// What windows and folded repeats become in a snapshot.

import (
	"maps"
	"slices"
	"time"

	"tallyman/pipeline/keep"
)

func (t *thresholdState) kind() uint64 { return kindThreshold }
func (t *thresholdState) form() string { return t.made }

func (t *thresholdState) save(w *keep.Writer) {
	t.keys.save(w, func(v *window) {
		w.Int(v.newest)
		for _, n := range v.counts {
			w.Uint(uint64(n))
		}
	})
}

func (t *thresholdState) load(r *keep.Reader) func() {
	keys := t.keys.load(r, func(v *window) {
		*v = window{newest: max(0, r.Int())}
		for i := range v.counts {
			v.counts[i] = uint32(r.Below(1 << 32))
		}
	})
	return func() { t.keys.adopt(keys) }
}

func (t *thresholdState) forget() { t.keys.forget() }

func (d *distinctState) kind() uint64 { return kindDistinct }
func (d *distinctState) form() string { return d.made }

func (d *distinctState) save(w *keep.Writer) {
	d.keys.save(w, func(v *map[sum]time.Time) {
		w.Uint(uint64(len(*v)))
		for _, value := range slices.SortedFunc(maps.Keys(*v), before) {
			w.Bytes(value[:])
			w.Time((*v)[value])
		}
	})
}

func (d *distinctState) load(r *keep.Reader) func() {
	keys := d.keys.load(r, func(v *map[sum]time.Time) {
		*v = map[sum]time.Time{}
		for n := r.Count(2); n > 0 && !r.Bad(); n-- {
			value := sumIn(r)
			(*v)[value] = r.Time()
		}
	})
	return func() { d.keys.adopt(keys) }
}

func (d *distinctState) forget() { d.keys.forget() }

func (f *suppressState) kind() uint64 { return kindSuppress }
func (f *suppressState) form() string { return f.made }

func (f *suppressState) save(w *keep.Writer) {
	f.keys.save(w, func(v *fold) {
		w.Time(v.until)
		w.Int(v.folded)
	})
}

func (f *suppressState) load(r *keep.Reader) func() {
	keys := f.keys.load(r, func(v *fold) { v.until, v.folded = r.Time(), r.Int() })
	return func() { f.keys.adopt(keys) }
}

func (f *suppressState) forget() { f.keys.forget() }

package rules

// What the declared state of rules becomes in a snapshot, and back. State is
// kept by the id of its rule and by what its keys are made of: a rule whose key,
// value or window was changed begins anew, and the others go on.

import (
	"strings"
	"time"

	"tallyman/pipeline/keep"
	"tallyman/pipeline/plugin"
)

var _ plugin.Keeper = (*transform)(nil)

// A snapshot is the seed of the sums, then for each rule with state, its id and its states; each is its
// kind, its form and its table, the key that was used longest ago first.
const (
	keepMark    = "TLYRULES"
	keepVersion = 2
)

// keepable is state that goes into a snapshot.
type keepable interface {
	kind() uint64
	form() string // what its keys are made of
	save(w *keep.Writer)
	// load reads what save wrote into fresh tables and returns what puts them in
	// the place of its own.
	load(r *keep.Reader) (use func())
	forget()
}

// The kinds of state, as numbers of the format.
const (
	kindAfter uint64 = iota + 1
	kindFirst
	kindThreshold
	kindDistinct
	kindSuppress
	kindBaseline
	kindBand
	kindNamedBand
)

// keepables returns the states of a rule.
func (r *rule) keepables() []keepable {
	var list []keepable
	for _, s := range r.decide {
		list = append(list, s.(keepable))
	}
	if r.suppress != nil {
		list = append(list, r.suppress)
	}
	return list
}

// Snapshot appends the state of every rule.
func (t *transform) Snapshot(dst []byte) ([]byte, error) {
	w := keep.NewWriter(dst, keepMark, keepVersion)
	w.Bytes(t.set.seal.Seed[:])
	var list []*rule
	for _, r := range t.set.rules {
		if len(r.keepables()) > 0 {
			list = append(list, r)
		}
	}
	w.Uint(uint64(len(list)))
	for _, r := range list {
		w.Str(r.def.id.Value)
		states := r.keepables()
		w.Uint(uint64(len(states)))
		for _, s := range states {
			w.Uint(s.kind())
			w.Str(s.form())
			s.save(w)
		}
	}
	return w.End(), nil
}

// Restore takes back a snapshot. What it holds of rules that are gone or were
// changed is left out.
func (t *transform) Restore(snapshot []byte) error {
	rules := map[string]*rule{}
	for _, r := range t.set.rules {
		rules[r.def.id.Value] = r
		for _, s := range r.keepables() {
			s.forget()
		}
	}
	r, err := keep.NewReader(snapshot, keepMark, keepVersion)
	if err != nil {
		return err
	}
	seed := r.Bytes()
	var uses []func()
	for n := r.Count(3); n > 0 && !r.Bad(); n-- {
		own := rules[r.Str()]
		for k := r.Count(3); k > 0 && !r.Bad(); k-- {
			kind, form := r.Uint(), r.Str()
			s := match(own, kind, form)
			fits := s != nil
			if !fits {
				s = blank(kind)
			}
			if s == nil {
				return keep.ErrDamaged
			}
			if use := s.load(r); fits {
				uses = append(uses, use)
			}
		}
	}
	if err := r.Close(); err != nil {
		return err
	}
	copy(t.set.seal.Seed[:], seed)
	for _, use := range uses {
		use()
	}
	return nil
}

// match returns the state of r that a saved one is of, nil where there is none.
func match(r *rule, kind uint64, form string) keepable {
	if r == nil {
		return nil
	}
	for _, s := range r.keepables() {
		if s.kind() == kind && s.form() == form {
			return s
		}
	}
	return nil
}

// blank returns a state to read what is left out with.
func blank(kind uint64) keepable {
	switch kind {
	case kindAfter:
		return &afterState{}
	case kindFirst:
		return &firstState{}
	case kindThreshold:
		return &thresholdState{}
	case kindDistinct:
		return &distinctState{}
	case kindSuppress:
		return &suppressState{}
	case kindBaseline:
		return &baselineState{}
	case kindBand:
		return &bandState{}
	case kindNamedBand:
		return &bandState{kindOf: "band"}
	}
	return nil
}

// formOf joins what a key is made of.
func formOf(by []plugin.Text, more ...string) string {
	var b strings.Builder
	for _, t := range by {
		b.WriteString(t.Value)
		b.WriteByte(0)
	}
	b.WriteByte(1)
	b.WriteString(strings.Join(more, "\x00"))
	return b.String()
}

// save writes a table, the key that was used longest ago first.
func (t *table[V]) save(w *keep.Writer, value func(v *V)) {
	w.Uint(uint64(len(t.at)))
	for e := t.use.Back(); e != nil; e = e.Prev() {
		c := e.Value.(*cell[V])
		w.Bytes(c.key[:])
		value(&c.value)
	}
}

// load reads a table; of more keys than fit, those used last are kept.
func (t *table[V]) load(r *keep.Reader, value func(v *V)) *table[V] {
	fresh := &table[V]{max: max(t.max, 1)}
	for n := r.Count(2); n > 0 && !r.Bad(); n-- {
		v, _, _ := fresh.bySum(sumIn(r))
		value(v)
	}
	return fresh
}

// sumIn reads a sum.
func sumIn(r *keep.Reader) (s sum) {
	copy(s[:], r.Bytes())
	return s
}

// adopt takes the place of t's content.
func (t *table[V]) adopt(from *table[V]) {
	t.forget()
	t.at = from.at
	t.use.PushBackList(&from.use)
	for e := t.use.Front(); e != nil; e = e.Next() {
		t.at[e.Value.(*cell[V]).key] = e
	}
}

func (t *table[V]) forget() {
	t.at = nil
	t.use.Init()
}

func (a *afterState) kind() uint64 { return kindAfter }
func (a *afterState) form() string { return a.made }

func (a *afterState) save(w *keep.Writer) { a.last.save(w, func(v *time.Time) { w.Time(*v) }) }

func (a *afterState) load(r *keep.Reader) func() {
	last := a.last.load(r, func(v *time.Time) { *v = r.Time() })
	return func() { a.last.adopt(last) }
}

func (a *afterState) forget() { a.last.forget() }

func (f *firstState) kind() uint64 { return kindFirst }
func (f *firstState) form() string { return f.made }

func (f *firstState) save(w *keep.Writer) {
	f.began.save(w, func(v *time.Time) { w.Time(*v) })
	f.seen.save(w, func(v *time.Time) { w.Time(*v) })
}

func (f *firstState) load(r *keep.Reader) func() {
	began := f.began.load(r, func(v *time.Time) { *v = r.Time() })
	seen := f.seen.load(r, func(v *time.Time) { *v = r.Time() })
	return func() {
		f.began.adopt(began)
		f.seen.adopt(seen)
	}
}

func (f *firstState) forget() {
	f.began.forget()
	f.seen.forget()
}

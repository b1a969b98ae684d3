// Package meter counts: counters and gauges with a sentence of help each, that
// the hot path bumps with one atomic addition. It knows no exposition format;
// who serves the numbers reads them with Each. It imports only the standard
// library.
package meter

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Kind says whether a number only grows.
type Kind uint8

// The kinds of meter.
const (
	KindCounter Kind = iota // only grows; its name ends in _total
	KindGauge               // goes up and down
)

// Label is one name and value that tells meters of one name apart.
type Label struct{ Name, Value string }

// Counter only grows. The zero Counter works and is served by nobody.
type Counter struct{ n atomic.Uint64 }

// Add adds n.
func (c *Counter) Add(n uint64) { c.n.Add(n) }

// Inc adds one.
func (c *Counter) Inc() { c.n.Add(1) }

// Value returns the count.
func (c *Counter) Value() uint64 { return c.n.Load() }

// Gauge goes up and down. The zero Gauge works and is served by nobody.
type Gauge struct{ n atomic.Int64 }

// Set sets the gauge.
func (g *Gauge) Set(n int64) { g.n.Store(n) }

// Add adds n, which may be negative.
func (g *Gauge) Add(n int64) { g.n.Add(n) }

// Value returns the gauge.
func (g *Gauge) Value() int64 { return g.n.Load() }

// Sample is one number as Each gives it.
type Sample struct {
	Name   string // Prometheus form: tallyman_journal_bytes
	Help   string
	Kind   Kind
	Labels []Label // by name
	Value  float64
}

// Registry holds the meters of one process (or of one test). The zero Registry
// is ready; a nil one hands out meters that nobody serves.
type Registry struct {
	mu    sync.Mutex
	multi []func(emit func(Sample))
	list  []*entry
	at    map[string]int // name and labels -> index in list
}

type entry struct {
	sample  Sample
	counter *Counter
	gauge   *Gauge
	fn      func() float64
	sets    map[*set]bool // nil where it is none; copied before it is changed
}

// set is what one of those who share a number has to say about it.
type set struct{ fn func(emit func(key string)) }

// size is how many different keys there are in all of them.
func (e *entry) size() float64 {
	keys := map[string]bool{}
	for s := range e.sets {
		s.fn(func(key string) { keys[key] = true })
	}
	return float64(len(keys))
}

// Counter returns the counter of that name and labels, made at first use.
func (r *Registry) Counter(name, help string, labels ...Label) *Counter {
	if r == nil {
		return new(Counter)
	}
	return r.get(name, help, KindCounter, labels, func() entry { return entry{counter: new(Counter)} }).counter
}

// Gauge returns the gauge of that name and labels, made at first use.
func (r *Registry) Gauge(name, help string, labels ...Label) *Gauge {
	if r == nil {
		return new(Gauge)
	}
	return r.get(name, help, KindGauge, labels, func() entry { return entry{gauge: new(Gauge)} }).gauge
}

// Func serves what fn returns; fn is called by Each, from any goroutine. A
// second Func of the same name and labels replaces the first.
func (r *Registry) Func(name, help string, kind Kind, fn func() float64, labels ...Label) {
	if r == nil {
		return
	}
	e := r.get(name, help, kind, labels, func() entry { return entry{} })
	r.mu.Lock()
	e.fn = fn
	r.mu.Unlock()
}

// Distinct serves, as a gauge, how many different keys all functions of the same name
// and labels emit: for those who do one work side by side and know of the same things.
// fn is called by Each, from any goroutine, until leave is called.
func (r *Registry) Distinct(name, help string, fn func(emit func(key string)), labels ...Label) (leave func()) {
	if r == nil {
		return func() {}
	}
	e, s := r.get(name, help, KindGauge, labels, func() entry { return entry{} }), &set{fn}
	change := func(with bool) {
		r.mu.Lock()
		defer r.mu.Unlock()
		sets := maps.Clone(e.sets)
		if sets == nil {
			sets = map[*set]bool{}
		}
		if delete(sets, s); with {
			sets[s] = true
		}
		e.sets = sets
	}
	change(true)
	return func() { change(false) }
}

// Multi serves the samples that fn emits; numbers that belong together are
// taken at one instant this way. fn is called by Each, from any goroutine.
func (r *Registry) Multi(fn func(emit func(Sample))) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.multi = append(r.multi, fn)
}

// get returns the entry of a name and labels. A name that comes back with
// another kind is a mistake in the program and panics.
func (r *Registry) get(name, help string, kind Kind, labels []Label, fresh func() entry) *entry {
	labels = slices.Clone(labels)
	slices.SortFunc(labels, func(a, b Label) int { return strings.Compare(a.Name, b.Name) })
	id := name
	for _, l := range labels {
		id += "\x00" + l.Name + "\x00" + l.Value
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if i, ok := r.at[id]; ok {
		if r.list[i].sample.Kind != kind {
			panic("meter: " + name + " is made twice, as two kinds")
		}
		return r.list[i]
	}
	e := fresh()
	e.sample = Sample{Name: name, Help: help, Kind: kind, Labels: labels}
	if r.at == nil {
		r.at = map[string]int{}
	}
	r.at[id] = len(r.list)
	r.list = append(r.list, &e)
	return &e
}

// Each calls fn with every number as it stands, in the order of their making.
func (r *Registry) Each(fn func(Sample)) {
	if r == nil {
		return
	}
	r.mu.Lock()
	list := make([]entry, 0, len(r.list))
	for _, e := range r.list {
		list = append(list, *e)
	}
	multi := slices.Clone(r.multi)
	r.mu.Unlock()
	for _, e := range list {
		switch {
		case e.sets != nil:
			e.sample.Value = e.size()
		case e.fn != nil:
			e.sample.Value = e.fn()
		case e.counter != nil:
			e.sample.Value = float64(e.counter.Value())
		case e.gauge != nil:
			e.sample.Value = float64(e.gauge.Value())
		}
		fn(e.sample)
	}
	for _, one := range multi {
		one(fn)
	}
}

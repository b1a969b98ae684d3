package engine

import (
	"slices"
	"sync"
	"sync/atomic"

	"tallyman/pipeline/codec"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// TapRead is the stage of records as they were read, before any decoder; what must
// not be stored is replaced in them. The other stages are the names of transforms,
// whose events are as the transform left them, and "" for what goes into the
// journal.
const TapRead = "read"

// tapped is how many batches wait for whoever looks; more are missed.
const tapped = 64

// Tap is somebody who looks at what flows. Nothing waits for it: what it does not
// take in time it misses.
type Tap struct {
	// C gives batches, each as package codec writes it.
	C <-chan []byte

	input, stage string
	give         chan []byte
	missed       atomic.Uint64
	of           *taps
}

// Missed returns how many events the tap has missed.
func (t *Tap) Missed() uint64 { return t.missed.Load() }

// Close ends it; nothing more comes.
func (t *Tap) Close() {
	t.of.change(func(list []*Tap) []*Tap { return slices.DeleteFunc(list, func(o *Tap) bool { return o == t }) })
}

// taps are those that look; lanes see a list that never changes.
type taps struct {
	list atomic.Pointer[[]*Tap] // nil for nobody
	mu   sync.Mutex             // of those who change it
}

func (t *taps) change(f func([]*Tap) []*Tap) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []*Tap
	if old := t.list.Load(); old != nil {
		list = slices.Clone(*old)
	}
	if list = f(list); len(list) == 0 {
		t.list.Store(nil)
		return
	}
	t.list.Store(&list)
}

// Tap lets somebody look at the events of an input, or of all where input is "", at
// a stage. It outlives a reload. Close it.
func (e *Engine) Tap(input, stage string) *Tap {
	c := make(chan []byte, tapped)
	t := &Tap{C: c, give: c, input: input, stage: stage, of: &e.taps}
	e.taps.change(func(list []*Tap) []*Tap { return append(list, t) })
	return t
}

// tap shows a batch at a stage to whoever looks there.
func (c *Chain) tap(stage string, b *event.Batch) {
	if c.taps == nil || len(b.Events) == 0 {
		return
	}
	list := c.taps.list.Load()
	if list == nil {
		return
	}
	for _, t := range *list {
		if t.stage == stage && (t.input == "" || t.input == c.input) {
			t.show(b.Events, stage == TapRead, c.hide)
		}
	}
}

func (t *Tap) show(events []event.Event, raw bool, hide []plugin.Concealer) {
	if raw {
		events = slices.Clone(events)
		for _, h := range hide {
			h.Conceal(events)
		}
	}
	select {
	case t.give <- codec.NewEncoder().Append(nil, events):
	default:
		t.missed.Add(uint64(len(events)))
	}
}

// TapStages returns the stages of the transforms that run, in their order.
func (e *Engine) TapStages() []string {
	var names []string
	for _, t := range e.current().pipeline.stages {
		names = append(names, t.name)
	}
	return names
}

package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"tallyman/pipeline/journal"
	"tallyman/pipeline/plugin"
)

const (
	// saveEvery is how often what transforms remember is saved; what came after
	// the last time is learned again from the journal.
	saveEvery = time.Minute
	// settleWithin is how long a save waits for the journal to have what was
	// remembered.
	settleWithin = 30 * time.Second
)

// memory saves what transforms remember (plugin.Keeper) beside the journal, and
// gives it back. A snapshot stands for a sequence of the journal: it holds what
// was learned from every frame up to it and from none after it. So nothing is
// learned twice, and nothing is known of an event that was never accepted, which
// would lose its alert when it is read again.
type memory struct {
	around  Surroundings
	journal *journal.Journal
	files   memoryFiles

	// passing is held for reading while a lane takes a batch through its
	// transforms into the journal: under it, what is remembered and what was
	// appended are one.
	passing sync.RWMutex

	// ahead says that a batch went through the transforms and not into the
	// journal. What they remember then stands for no sequence; what was saved
	// before is the truth.
	ahead atomic.Bool

	mu      sync.Mutex        // one save or recall at a time; guards what follows
	saved   map[string]uint64 // by transform: the sequence that its newest file stands for
	handed  []taken           // from a graph that stopped, for the next one or the disk
	end     uint64            // the sequence that handed stands for
	failing bool              // the last save failed and that was told
}

func newMemory(around Surroundings, j *journal.Journal, dir string, limit int64) *memory {
	return &memory{around: around, journal: j, files: newMemoryFiles(dir, limit), saved: map[string]uint64{}}
}

// keeper is a transform that remembers.
type keeper struct {
	plugin.Keeper
	name, typ string
}

// key tells what one transform remembers from what another does.
func (k *keeper) key() string { return k.name + "\x00" + k.typ }

func (p *Pipeline) keepers() []keeper {
	var list []keeper
	for _, t := range p.stages {
		if k, ok := t.plugin.(plugin.Keeper); ok {
			list = append(list, keeper{k, t.name, t.typ})
		}
	}
	return list
}

// taken is one snapshot.
type taken struct {
	keeper
	bytes []byte
}

// take takes a snapshot of every keeper that want names, and returns the
// sequence that they stand for. It waits for the batches on their way and holds
// up new ones.
func (m *memory) take(p *Pipeline, want func(k *keeper, seq uint64) bool) (list []taken, seq uint64) {
	m.passing.Lock()
	defer m.passing.Unlock()
	if m.ahead.Load() {
		return nil, 0
	}
	seq = m.journal.Appended()
	for _, k := range p.keepers() {
		if !want(&k, seq) {
			continue
		}
		b, err := k.Snapshot(nil)
		if err != nil {
			m.around.Log.Error("what a transform remembers cannot be saved", "component", k.name, "error", err)
			continue
		}
		list = append(list, taken{k, b})
	}
	return list, seq
}

// save writes what changed since the last time.
func (m *memory) save(ctx context.Context, p *Pipeline) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ahead.Load() && !m.repair(ctx, p) {
		return
	}
	list, seq := m.take(p, m.changed)
	m.write(ctx, list, seq)
}

// repair takes back what transforms learned from events that were not accepted,
// after an input ended over it: they remember again what the journal holds.
// m.mu is held.
func (m *memory) repair(ctx context.Context, p *Pipeline) bool {
	m.passing.Lock()
	defer m.passing.Unlock()
	if m.journal.Sync(ctx) != nil {
		return false
	}
	m.restore(p)
	return true
}

// changed reports whether a keeper may remember more than its file says. m.mu is
// held.
func (m *memory) changed(k *keeper, seq uint64) bool {
	last, ok := m.saved[k.name]
	return !ok || last != seq
}

// write writes snapshots. Nothing is written before the journal has on stable
// storage what it stands for, which ctx bounds. m.mu is held.
func (m *memory) write(ctx context.Context, list []taken, seq uint64) {
	if len(list) == 0 {
		return
	}
	err := m.journal.Sync(ctx)
	if err == nil {
		err = m.put(list, seq)
	}
	switch {
	case err != nil && !m.failing && ctx.Err() == nil:
		m.failing = true
		m.around.Log.Error("what transforms remember could not be saved; after a restart it is learned from the journal since the last time", "error", err)
	case err == nil && m.failing:
		m.failing = false
		m.around.Log.Info("what transforms remember is saved again")
	}
}

// put writes a file for each; one that cannot be written keeps no other from it.
func (m *memory) put(list []taken, seq uint64) error {
	var all []error
	for i := range list {
		k := &list[i]
		if err := m.files.write(k.name, k.typ, seq, k.bytes); err != nil {
			all = append(all, err)
			continue
		}
		m.saved[k.name] = seq
	}
	return errors.Join(all...)
}

// hand keeps what the transforms of a graph whose lanes have ended remember, for
// the graph that comes after it, or for last.
func (m *memory) hand(p *Pipeline) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.handed, m.end = m.take(p, func(*keeper, uint64) bool { return true })
}

// last saves what was handed over for a stop, without waiting for the journal,
// which had its time.
func (m *memory) last() {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []taken
	for _, k := range m.handed {
		if m.changed(&k.keeper, m.end) {
			list = append(list, k)
		}
	}
	look, cancel := context.WithCancel(context.Background())
	cancel()
	m.write(look, list, m.end)
}

// restored reports whether a keeper took what was handed over for it. m.mu is
// held.
func (m *memory) restored(k *keeper) bool {
	for i := range m.handed {
		if m.handed[i].key() != k.key() {
			continue
		}
		err := k.Restore(m.handed[i].bytes)
		if err != nil {
			m.around.Log.Warn("what a transform remembered before the reload does not fit it; it is taken from the disk", "component", k.name, "error", err)
		}
		return err == nil
	}
	return false
}

// recall gives the transforms of p what those of the same name and type
// remembered. No lane of p runs yet.
func (m *memory) recall(p *Pipeline) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.restore(p) {
		return
	}
	// From now on there is something that the journal can be learned upon.
	look, cancel := context.WithCancel(context.Background())
	cancel()
	list, seq := m.take(p, m.changed)
	m.write(look, list, seq)
}

// restore gives back what was remembered: by the graph before, else from the
// disk and, what came after, from the journal. It reports whether every
// transform had something. m.mu is held, and no lane is passing.
func (m *memory) restore(p *Pipeline) (complete bool) {
	m.ahead.Store(false)
	var back []learner
	complete = true
	for _, k := range p.keepers() {
		if m.restored(&k) {
			continue
		}
		seq, ok := m.files.load(&k, m.journal.Appended(), m.around.Log)
		if !ok {
			complete = false
			delete(m.saved, k.name)
			continue
		}
		m.saved[k.name] = seq
		back = append(back, learner{k, seq})
	}
	m.learn(back)
	return complete
}

// run saves from time to time until ctx is done.
func (m *memory) run(ctx context.Context, p *Pipeline) {
	m.mu.Lock()
	m.handed = nil // it has been taken up
	m.files.keepOnly(p.keepers(), m.around.Log)
	m.mu.Unlock()
	t := time.NewTicker(saveEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		limit, cancel := context.WithTimeout(ctx, settleWithin)
		m.save(limit, p)
		cancel()
	}
}

package engine

import (
	"context"
	"errors"
	"fmt"

	"tallyman/pipeline/plugin"
)

// ErrBusy says that the graph is being started or replaced, and what transforms
// remember cannot be changed just now.
var ErrBusy = errors.New("tallyman is starting or reloading; try again in a moment")

// Amend calls change with every transform that remembers, while no event passes,
// and saves what those remember that changed before it returns: a kill after it
// takes nothing back. It works while the engine runs.
func (e *Engine) Amend(ctx context.Context, change func(t plugin.Transform) (changed bool, err error)) error {
	select {
	case <-e.running:
	default:
		return ErrBusy
	}
	m := e.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.handed != nil || e.isEnding() {
		return ErrBusy
	}
	p := e.current().pipeline
	if m.ahead.Load() && !m.repair(ctx, p) {
		return ErrBusy
	}
	return m.amend(ctx, p, change)
}

// AmendStopped is Amend for an engine that is never run: it first recalls what
// the transforms of the last run remembered.
func (e *Engine) AmendStopped(ctx context.Context, change func(t plugin.Transform) (changed bool, err error)) error {
	p := e.current().pipeline
	e.memory.recall(p)
	e.memory.mu.Lock()
	defer e.memory.mu.Unlock()
	return e.memory.amend(ctx, p, change)
}

// amend changes and saves. m.mu is held.
func (m *memory) amend(ctx context.Context, p *Pipeline, change func(t plugin.Transform) (bool, error)) error {
	list, seq, err := m.changedNow(p, change)
	if len(list) == 0 {
		return err
	}
	saved := m.journal.Sync(ctx)
	if saved == nil {
		saved = m.put(list, seq)
	}
	if saved != nil {
		saved = fmt.Errorf("what was changed holds until a restart, for it could not be saved: %w", saved)
	}
	return errors.Join(err, saved)
}

// changedNow changes what is remembered at one sequence of the journal, and
// returns snapshots of what changed.
func (m *memory) changedNow(p *Pipeline, change func(t plugin.Transform) (bool, error)) (list []taken, seq uint64, err error) {
	m.passing.Lock()
	defer m.passing.Unlock()
	seq = m.journal.Appended()
	for _, k := range p.keepers() {
		changed, cerr := change(k.Keeper)
		err = errors.Join(err, cerr)
		if !changed {
			continue
		}
		b, serr := k.Snapshot(nil)
		if serr != nil {
			err = errors.Join(err, fmt.Errorf("what %s remembers cannot be saved: %w", k.name, serr))
			continue
		}
		list = append(list, taken{k, b})
	}
	return list, seq, err
}

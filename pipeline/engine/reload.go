package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tallyman/pipeline/journal"
	"tallyman/pipeline/meter"
)

// Errors of a reload.
var (
	// ErrBacklog says that an output would be removed while events wait for it.
	ErrBacklog = errors.New("events wait for an output that the new configuration does not have")
	// ErrRefused says that the new configuration cannot take the place of the old
	// one without a restart.
	ErrRefused = errors.New("that takes a restart")

	errOnce   = errors.New("a run with an end does not reload")
	errEnding = errors.New("the run is ending")
)

// Reload puts p, which was built, in the place of what runs. The journal, the
// positions of inputs and the cursors of outputs that keep their name stay. It
// closes p when it fails, and then what ran goes on.
//
// An output that p does not have delivers first what was accepted for it; when
// it fails or does not within the grace time, that is ErrBacklog. With discard
// it is let go at once, and so is what outputs of earlier configurations have
// left; that is counted and logged.
func (e *Engine) Reload(p *Pipeline, discard bool) error {
	<-e.running
	if e.isEnding() { // it may hold the lock for long
		p.Close()
		return errEnding
	}
	e.changing.Lock()
	defer e.changing.Unlock()
	old := e.current()
	gone, added := differ(old.pipeline, p), differ(p, old.pipeline)
	err := e.mayReload(old, p)
	if err == nil && !discard {
		err = e.await(old, gone)
	}
	if err != nil {
		p.Close()
		return err
	}
	known := e.journal.Orphans()
	g, err := e.assemble(p)
	if err == nil {
		err = e.replace(old, g, gone, discard)
	}
	if err == nil {
		return nil
	}
	p.Close()
	for _, name := range added {
		e.giveBack(name, slices.Contains(known, name))
	}
	if g == nil { // nothing was stopped
		return err
	}
	return errors.Join(err, e.restart(old))
}

func (e *Engine) isEnding() bool {
	select {
	case <-e.ending:
		return true
	default:
		return false
	}
}

// differ returns the names of the outputs that a has and b has not.
func differ(a, b *Pipeline) []string {
	var names []string
	for _, o := range a.outputs {
		if !slices.ContainsFunc(b.outputs, func(other output) bool { return other.name == o.name }) {
			names = append(names, o.name)
		}
	}
	return names
}

// mayReload says why p cannot take the place of old, whatever else it holds.
func (e *Engine) mayReload(old *graph, p *Pipeline) error {
	switch was, is := old.pipeline.Config.Journal, p.Config.Journal; {
	case e.isEnding():
		return errEnding
	case e.around.Once:
		return errOnce
	case was != is:
		return fmt.Errorf("the journal's settings changed: %w", ErrRefused)
	case old.pipeline.Config.Admin != p.Config.Admin || old.pipeline.Config.Log != p.Config.Log ||
		!old.pipeline.Config.Console.Same(p.Config.Console):
		return fmt.Errorf("the settings of admin, console or log changed: %w", ErrRefused)
	}
	return nil
}

// replace stops old and lets g run. Between the two, when nothing that can fail
// is left to do, the outputs that are gone lose their cursors.
func (e *Engine) replace(old, g *graph, gone []string, discard bool) error {
	old.stopLanes()
	for _, l := range old.all() {
		l.last(e.appended)
		e.given.add(l.in.name, l.gaveUp)
	}
	var err error
	if !discard {
		err = e.await(old, gone)
	}
	old.stopSenders(settle)
	if err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return fmt.Errorf("the new configuration does not start: %w", err)
	}
	e.dismiss(gone, discard)
	g.run()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.graph = g
	return nil
}

// restart builds what ran before once more and lets it run. When it cannot,
// nothing runs, and the run ends with that error.
func (e *Engine) restart(old *graph) error {
	p, found := Build(old.pipeline.Config, old.pipeline.around)
	var err error
	if p == nil {
		err = fmt.Errorf("and the old one is no longer valid, nothing runs: %w", found)
	} else {
		var g *graph
		if g, err = e.assemble(p); err == nil {
			err = g.open()
		}
		if err == nil {
			g.run()
			e.mu.Lock()
			defer e.mu.Unlock()
			e.graph = g
			return nil
		}
		p.Close()
		err = fmt.Errorf("and the old one does not start again, nothing runs: %w", err)
	}
	e.broken <- err
	return err
}

// await returns when the named outputs have delivered what was accepted until
// now. It gives up when one of them fails, after the grace time, and when the
// run ends.
func (e *Engine) await(g *graph, names []string) error {
	if len(names) == 0 {
		return nil
	}
	g.hasten(names, true)
	defer g.hasten(names, false)
	want := map[string]journal.Book{}
	for _, b := range e.journal.Books() {
		if slices.Contains(names, b.Output) {
			want[b.Output] = b
		}
	}
	t := time.NewTimer(g.pipeline.Config.Grace)
	defer t.Stop()
	for late := false; ; {
		changed := e.journal.Changed()
		var left []journal.Book
		for _, b := range e.journal.Books() {
			if w, ok := want[b.Output]; ok && !finished(&b, &w) {
				left = append(left, b)
			}
		}
		if len(left) == 0 {
			return nil
		}
		if late || slices.ContainsFunc(left, func(b journal.Book) bool { return g.failing(b.Output) }) {
			return e.backlog(left)
		}
		select {
		case <-changed:
		case <-t.C:
			late = true
		case <-e.ending:
			return errEnding
		}
	}
}

// finished reports whether a book is done with all that was received at another.
func finished(b, then *journal.Book) bool {
	return b.Received-b.Buffered-b.InFlight >= then.Received &&
		b.Generated-b.GeneratedBuffered-b.GeneratedInFlight >= then.Generated
}

// hasten has the named outputs wait for nothing more to come, or no longer.
func (g *graph) hasten(names []string, on bool) {
	for _, s := range g.senders {
		if slices.Contains(names, s.name) {
			s.haste.set(on)
		}
	}
}

func (g *graph) failing(output string) bool {
	return slices.ContainsFunc(g.senders, func(s *sender) bool { return s.name == output && s.state.problem() != nil })
}

// backlog is the error about outputs with events left.
func (e *Engine) backlog(left []journal.Book) error {
	var parts []string
	for i := range left {
		parts = append(parts, fmt.Sprintf("output %s still has %s", left[i].Output, e.waiting(&left[i])))
	}
	return fmt.Errorf("%w: %s; wait until it has delivered them, stop with `tallyman drain`, or let go of them with `tallyman reload --discard`",
		ErrBacklog, strings.Join(parts, "; "))
}

// waiting says in words what a book has left.
func (e *Engine) waiting(b *journal.Book) string {
	text := fmt.Sprintf("%d records", b.Buffered+b.InFlight)
	if n := b.GeneratedBuffered + b.GeneratedInFlight; n > 0 {
		text += fmt.Sprintf(" and %d alerts", n)
	}
	return fmt.Sprintf("%s (about %.1f MiB of the journal)", text, float64(e.journal.Waiting(b.Output))/(1<<20))
}

// left reports whether a book has something left to deliver.
func left(b *journal.Book) bool {
	return b.Buffered+b.InFlight+b.GeneratedBuffered+b.GeneratedInFlight > 0
}

// dismiss forgets the cursors of outputs that are gone, and with discard those
// of earlier configurations as well. What has events left stays without discard.
func (e *Engine) dismiss(gone []string, discard bool) {
	for _, b := range e.journal.Books() {
		switch is := slices.Contains(gone, b.Output); {
		case !is && !b.Orphan:
		case left(&b) && !discard:
			e.journal.Release(b.Output)
		default:
			e.discard(b.Output)
		}
	}
}

// discard forgets one cursor and says what became of its records.
func (e *Engine) discard(name string) {
	b, err := e.journal.Discard(name)
	if err != nil {
		e.around.Log.Error("the cursor of an output that is gone could not be forgotten; it comes back with the next start", "output", name, "error", err)
		return
	}
	lost, alerts := b.Counts.Dropped[journal.OperatorDiscard], b.GeneratedCounts.Dropped[journal.OperatorDiscard]
	args := []any{"output", name, "received", b.Received, "delivered", b.Counts.Delivered, "unconfirmed", b.Counts.Unconfirmed,
		"filtered", b.Counts.Filtered, "dead_lettered", b.Counts.DeadLettered, "lost", b.Counts.Lost(),
		"operator_discard", lost, "operator_discard_alerts", alerts, "balanced", b.Balanced()}
	e.letGo.add(&b)
	if err := newStore(e.dir, name, "", false, e.around.Log).removeAll(); err != nil {
		e.around.Log.Warn("what an output that is gone kept could not be removed", "output", name, "error", err)
	}
	if lost+alerts == 0 {
		e.around.Log.Info("the book of an output that is gone is closed", args...)
		return
	}
	e.around.Meter.Counter("tallyman_discarded_records_total", "Source records that waited for an output which an operator removed.",
		meter.Label{Name: "output", Value: name}).Add(lost)
	e.around.Log.Warn("the book of an output that is gone is closed; what waited for it is discarded", args...)
}

// giveBack undoes what a reload that failed took up for an output: an orphan is
// one again, a fresh cursor goes.
func (e *Engine) giveBack(name string, orphan bool) {
	if orphan {
		e.journal.Release(name)
		return
	}
	// It may not have been made at all.
	_, _ = e.journal.Discard(name)
}

// orphans looks at the cursors of earlier configurations at the start: what has
// nothing left is forgotten, the rest is said.
func (e *Engine) orphans() {
	for _, b := range e.journal.Books() {
		switch {
		case !b.Orphan:
		case left(&b):
			e.around.Log.Warn("an output of an earlier configuration has events left in the journal; they keep their room until it is configured again, or discarded with `tallyman reload --discard`",
				"output", b.Output, "left", e.waiting(&b))
		default:
			e.discard(b.Output)
		}
	}
}

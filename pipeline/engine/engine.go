package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tallyman/pipeline/journal"
	"tallyman/pipeline/meter"
)

// ErrLeft says that the run ended in order while events wait for an output; they
// are in the journal and are delivered by the next run.
var ErrLeft = errors.New("events are left in the journal")

// Engine is a journal with a graph of lanes and senders on it.
type Engine struct {
	around  Surroundings
	journal *journal.Journal
	dead    *deadLetters
	dir     string

	mu    sync.Mutex // guards graph and its replacement
	graph *graph
}

// graph is what runs of one configuration.
type graph struct {
	pipeline *Pipeline
	lanes    []*lane
	senders  []*sender
	stopIn   context.CancelFunc
	stopOut  context.CancelFunc
	in, out  sync.WaitGroup
	ended    chan struct{} // closed when every lane has ended by itself or been stopped

	mu  sync.Mutex
	err error // of the lanes
}

// New opens the journal of p's configuration. ErrLocked, ErrNewer and errors of
// the file system come from there. Owner is what a second instance is told.
func New(p *Pipeline, owner string) (*Engine, error) {
	c := p.Config.Journal
	room := min(int64(c.MaxSize)/16, 64<<20)
	j, err := journal.Open(journal.Options{
		Dir: c.Dir, MaxSize: int64(c.MaxSize) - room, SegmentSize: int64(c.SegmentSize), MinFree: int64(c.MinFree),
		CommitInterval: c.CommitInterval, CommitBytes: int(c.CommitBytes), Owner: owner, Meter: p.around.Meter, Log: p.around.Log,
	})
	if err != nil {
		return nil, err
	}
	e := &Engine{around: p.around, journal: j, dir: c.Dir, dead: newDeadLetters(c.Dir, room, p.around.Now)}
	p.around.Meter.Multi(e.measure)
	if e.graph, err = e.assemble(p); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	for _, name := range j.Orphans() {
		e.around.Log.Warn("an output of an earlier configuration has events left in the journal; they keep their room until it is configured again", "output", name)
	}
	return e, nil
}

// assemble makes lanes and senders. Every cursor is durable before the first
// event is accepted.
func (e *Engine) assemble(p *Pipeline) (*graph, error) {
	g := &graph{pipeline: p, ended: make(chan struct{})}
	for _, o := range p.outputs {
		c, err := e.journal.Cursor(o.name)
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", o.name, err)
		}
		g.senders = append(g.senders, newSender(p, o, c, e.dead))
	}
	for _, in := range p.inputs {
		g.lanes = append(g.lanes, newLane(p, in, e.journal))
	}
	return g, nil
}

// start opens every input and lets the graph run. An input that does not open
// stops what was started.
func (e *Engine) start(g *graph) error {
	ctx, stopOut := context.WithCancel(context.Background())
	in, stopIn := context.WithCancel(context.Background())
	g.stopIn, g.stopOut = stopIn, stopOut
	for _, l := range g.lanes {
		if err := l.open(in); err != nil {
			stopIn()
			stopOut()
			return err
		}
	}
	for _, s := range g.senders {
		g.out.Go(func() { s.run(ctx) })
	}
	for _, l := range g.lanes {
		g.in.Go(func() {
			if err := l.run(in); err != nil {
				e.around.Log.Error("an input ended; the others go on", "component", l.in.name, "error", err)
				l.state.bad(err)
				g.fail(err)
			}
		})
	}
	go func() {
		g.in.Wait()
		close(g.ended)
	}()
	return nil
}

func (g *graph) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.err = errors.Join(g.err, err)
}

// stopLanes stops reading and closes the inputs.
func (g *graph) stopLanes() {
	g.stopIn()
	<-g.ended
	for _, l := range g.lanes {
		g.pipeline.report("close input", l.in.name, l.in.plugin.Close())
	}
}

// stopSenders stops delivery and closes all that is left.
func (g *graph) stopSenders() {
	g.stopOut()
	g.out.Wait()
	g.pipeline.closeRest()
}

// Run runs until ctx is done, or with Once until every source has ended and
// everything is delivered. It returns nil when nothing is left to deliver,
// ErrLeft when something is, and the errors of inputs.
func (e *Engine) Run(ctx context.Context) error {
	e.mu.Lock()
	g := e.graph
	e.mu.Unlock()
	if err := e.start(g); err != nil {
		g.pipeline.Close()
		return err
	}
	if e.around.Once {
		select {
		case <-g.ended:
		case <-ctx.Done():
		}
	} else {
		<-ctx.Done()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	g = e.graph // it may have been replaced
	g.stopLanes()
	left := e.drain(ctx, g)
	g.stopSenders()
	err := g.err
	if left {
		err = errors.Join(err, ErrLeft)
	}
	return err
}

// drain lets the senders finish. It gives up after the grace time, which counts
// anew with every frame that is finished as long as nobody asked for a stop. It
// reports whether something is left.
func (e *Engine) drain(ctx context.Context, g *graph) bool {
	grace := g.pipeline.Config.Grace
	limit, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := e.journal.Sync(limit); err != nil {
		e.around.Log.Warn("not everything that was read could be made durable; it is read again", "error", err)
	}
	t := time.NewTimer(grace)
	defer t.Stop()
	for {
		changed := e.journal.Changed()
		if g.idle() {
			return false
		}
		select {
		case <-changed:
			if ctx.Err() == nil {
				t.Reset(grace)
			}
		case <-t.C:
			return true
		}
	}
}

func (g *graph) idle() bool {
	for _, s := range g.senders {
		if !s.cursor.Idle() {
			return false
		}
	}
	return true
}

// Close saves the cursors and gives the journal back.
func (e *Engine) Close() error { return e.journal.Close() }

// Reload puts p, which was built, in the place of what runs. The journal and the
// cursors of outputs that keep their name stay. On an error what ran goes on.
func (e *Engine) Reload(p *Pipeline) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	old := e.graph
	if was, is := old.pipeline.Config.Journal, p.Config.Journal; was != is {
		p.Close()
		return errors.New("the journal's settings changed: that takes a restart")
	}
	g, err := e.assemble(p)
	if err != nil {
		p.Close()
		return err
	}
	old.stopLanes()
	ctx, cancel := context.WithTimeout(context.Background(), old.pipeline.Config.Grace)
	defer cancel()
	if err := e.journal.Sync(ctx); err != nil {
		e.around.Log.Warn("not everything that was read could be made durable; it is read again", "error", err)
	}
	old.stopSenders()
	if err := e.start(g); err != nil {
		p.Close()
		return errors.Join(fmt.Errorf("the new configuration does not start: %w", err), e.restart(old))
	}
	e.graph = g
	return nil
}

// restart builds what ran before once more and lets it run.
func (e *Engine) restart(old *graph) error {
	p, found := Build(old.pipeline.Config, old.pipeline.around)
	if p == nil {
		return fmt.Errorf("and the old one is no longer valid, nothing runs: %w", found)
	}
	g, err := e.assemble(p)
	if err == nil {
		err = e.start(g)
	}
	if err != nil {
		p.Close()
		return fmt.Errorf("and the old one does not start again, nothing runs: %w", err)
	}
	e.graph = g
	return nil
}

// Books returns the account of every output as of one instant.
func (e *Engine) Books() []journal.Book { return e.journal.Books() }

// Ready says why the engine is not fit to take and deliver events; nil when it is.
func (e *Engine) Ready() error {
	if err := e.journal.Blocked(); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var err error
	for _, l := range e.graph.lanes {
		if p := l.state.problem(); p != nil {
			err = errors.Join(err, fmt.Errorf("input %s: %w", l.in.name, p))
		}
	}
	for _, s := range e.graph.senders {
		if p := s.state.problem(); p != nil {
			err = errors.Join(err, fmt.Errorf("output %s: %w", s.name, p))
		}
	}
	return err
}

// measure serves the books: every number of one scrape is of one instant.
func (e *Engine) measure(emit func(meter.Sample)) {
	for _, b := range e.journal.Books() {
		for _, part := range Columns(&b) {
			emit(meter.Sample{Name: "tallyman_ledger_records",
				Help: "Source records of an output's book: received = the sum of all other states.", Kind: meter.KindGauge,
				Labels: []meter.Label{{Name: "output", Value: b.Output}, {Name: "state", Value: part.Name}}, Value: float64(part.Records)})
			emit(meter.Sample{Name: "tallyman_ledger_generated",
				Help: "Events of our own (alerts) of an output's book: received = the sum of all other states.", Kind: meter.KindGauge,
				Labels: []meter.Label{{Name: "output", Value: b.Output}, {Name: "state", Value: part.Name}}, Value: float64(part.Generated)})
		}
		emit(meter.Sample{Name: "tallyman_output_lag_frames", Help: "Frames of the journal that the output has not finished.",
			Kind: meter.KindGauge, Labels: []meter.Label{{Name: "output", Value: b.Output}}, Value: float64(b.Lag)})
	}
}

// Column is one line of a book.
type Column struct {
	Name               string
	Records, Generated uint64
}

// Columns returns a book as a list: received first, then what adds up to it.
func Columns(b *journal.Book) []Column {
	list := []Column{
		{"received", b.Received, b.Generated},
		{"delivered", b.Counts.Delivered, b.GeneratedCounts.Delivered},
		{"unconfirmed", b.Counts.Unconfirmed, b.GeneratedCounts.Unconfirmed},
		{"buffered", b.Buffered, b.GeneratedBuffered},
		{"in_flight", b.InFlight, b.GeneratedInFlight},
		{"filtered", b.Counts.Filtered, b.GeneratedCounts.Filtered},
		{"dead_lettered", b.Counts.DeadLettered, b.GeneratedCounts.DeadLettered},
	}
	for r := range journal.NumReasons {
		list = append(list, Column{"dropped_" + r.String(), b.Counts.Dropped[r], b.GeneratedCounts.Dropped[r]})
	}
	return list
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tallyman/pipeline/journal"
	"tallyman/pipeline/plugin"
)

// ErrLeft says that the run ended in order while events wait for an output; they
// are in the journal and are delivered by the next run.
var ErrLeft = errors.New("events are left in the journal")

// settle is how long a Send that is under way may take to end when what runs is
// replaced; a longer one is cut off and done again.
const settle = 2 * time.Second

// Engine is a journal with a graph of lanes and senders on it.
type Engine struct {
	around  Surroundings
	journal *journal.Journal
	dead    *deadLetters
	memory  *memory
	letGo   farewells
	life    lifetime // what was said of this run
	given   givenUp
	taps    taps
	dir     string
	begun   time.Time

	running chan struct{}      // closed when the first graph runs, or never will
	ending  chan struct{}      // closed when the run begins to end
	drains  chan time.Duration // a drain that was asked for, and its time
	broken  chan error         // why nothing runs any more

	changing sync.Mutex        // held while the graph is replaced and while the run ends; taken before mu
	appended map[string][]byte // guarded by changing: the last marks of lanes that ended

	mu    sync.Mutex // guards graph
	graph *graph
}

// graph is what runs of one configuration.
type graph struct {
	pipeline *Pipeline
	journal  *journal.Journal
	memory   *memory
	lanes    []*lane // of the inputs
	herald   *lane   // of what we say ourselves
	senders  []*sender
	reading  context.Context // of the lanes
	stopIn   context.CancelFunc
	stopOut  context.CancelFunc // senders begin nothing new
	cutOut   context.CancelFunc // a Send is given up
	in, out  sync.WaitGroup
	keeping  sync.WaitGroup // what saves the memory while lanes run
	ended    chan struct{}  // closed when every lane has ended by itself or been stopped
	rest     chan struct{}  // a Collector has nothing left to move on

	mu  sync.Mutex
	err error // of the lanes
}

// New opens the journal of p's configuration. ErrLocked, ErrNewer and errors of
// the file system come from there. Owner is what a second instance is told.
func New(p *Pipeline, owner string) (*Engine, error) {
	c := p.Config.Journal
	_, room, remembered, aside := c.Rooms()
	j, err := journal.Open(journal.Options{
		Dir: c.Dir, MaxSize: int64(c.MaxSize - room - remembered), Quarantine: int64(aside), SegmentSize: int64(c.SegmentSize), MinFree: int64(c.MinFree),
		CommitInterval: c.CommitInterval, CommitBytes: int(c.CommitBytes), Compress: c.Compress == "zstd", MaxAge: c.MaxAge, Owner: owner, Meter: p.around.Meter, Log: p.around.Log,
	})
	if err != nil {
		return nil, err
	}
	e := &Engine{
		around: p.around, journal: j, dir: c.Dir, dead: newDeadLetters(c.Dir, int64(room), p.around.Now, p.around.Log), begun: p.around.Now(),
		running: make(chan struct{}), ending: make(chan struct{}), drains: make(chan time.Duration, 1), broken: make(chan error, 1),
		appended: map[string][]byte{}, memory: newMemory(p.around, j, c.Dir, int64(remembered)),
	}
	if e.graph, err = e.assemble(p); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	p.around.Meter.Multi(e.measure)
	e.orphans()
	return e, nil
}

// assemble makes lanes and senders. Every cursor is durable before the first
// event is accepted.
func (e *Engine) assemble(p *Pipeline) (*graph, error) {
	g := &graph{pipeline: p, journal: e.journal, memory: e.memory, ended: make(chan struct{}), rest: make(chan struct{}, 1)}
	for _, o := range p.outputs {
		c, err := e.journal.Cursor(o.name)
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", o.name, err)
		}
		c.SetPolicy(o.policy)
		s := newSender(p, o, c, e.dead)
		s.rest = g.rest
		g.senders = append(g.senders, s)
	}
	for _, in := range p.inputs {
		l := newLane(p, in, e.journal, e.memory, e.mark)
		l.unsaid = func() uint64 { return e.given.take(in.name) }
		g.lanes = append(g.lanes, l)
	}
	g.herald = e.heraldLane(p)
	for _, l := range g.all() {
		l.chain.taps = &e.taps
	}
	return g, nil
}

// mark returns what a lane handed to the journal last under a key. It is called
// while the graph changes, or before the first one runs.
func (e *Engine) mark(key string) []byte {
	if m, ok := e.appended[key]; ok {
		return m
	}
	return e.journal.Mark(key)
}

func (e *Engine) current() *graph {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.graph
}

// open gives the transforms what they remember and opens every input; nothing
// runs yet. After an error those that were opened wait for their Close.
func (g *graph) open() error {
	g.memory.recall(g.pipeline)
	g.reading, g.stopIn = context.WithCancel(context.Background())
	for _, l := range g.all() {
		if err := l.open(g.reading); err != nil {
			g.stopIn()
			return err
		}
	}
	return nil
}

// run lets an opened graph run.
func (g *graph) run() {
	g.journal.SetReserve(reserve(&g.pipeline.Config.Journal, g.pipeline.inputs))
	taking, stopOut := context.WithCancel(context.Background())
	sending, cutOut := context.WithCancel(context.Background())
	g.stopOut, g.cutOut = stopOut, cutOut
	for _, s := range g.senders {
		g.out.Go(func() { s.run(taking, sending) })
	}
	for _, l := range g.all() {
		g.in.Go(func() {
			if err := l.run(g.reading); err != nil {
				l.around.Log.Error("an input ended; the others go on", "component", l.in.name, "error", err)
				l.state.bad(err)
				g.fail(err)
			}
		})
	}
	g.keeping.Go(func() { g.memory.run(g.reading, g.pipeline) })
	go func() {
		g.in.Wait()
		close(g.ended)
	}()
}

func (g *graph) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.err = errors.Join(g.err, err)
}

// stopLanes stops reading, keeps what the transforms remember and closes the
// inputs.
func (g *graph) stopLanes() {
	g.stopIn()
	<-g.ended
	g.keeping.Wait()
	g.memory.hand(g.pipeline)
	for _, l := range g.lanes {
		g.pipeline.report("close input", l.in.name, l.in.plugin.Close())
	}
}

// stopSenders stops delivery and closes all that is left. A Send that is under
// way may take as long as patience.
func (g *graph) stopSenders(patience time.Duration) {
	g.stopOut()
	t := time.AfterFunc(patience, g.cutOut)
	g.out.Wait()
	t.Stop()
	g.cutOut()
	g.pipeline.closeRest()
}

// Run runs until ctx is done or a drain is asked for, or with Once until every
// source has ended and everything is delivered. It returns nil when nothing is
// left to deliver, ErrLeft when something is, and the errors of inputs. It is
// called once.
func (e *Engine) Run(ctx context.Context) error {
	g := e.current()
	if err := g.open(); err != nil {
		close(e.ending)
		close(e.running)
		g.pipeline.Close()
		return err
	}
	g.run()
	close(e.running)
	patience, renew, err := e.wait(ctx, g)
	close(e.ending)
	e.changing.Lock()
	defer e.changing.Unlock()
	if err != nil {
		e.memory.last()
		return err // nothing runs that could be stopped
	}
	g = e.current() // it may have been replaced
	g.stopLanes()
	left := e.drain(ctx, g, patience, renew)
	e.memory.last()
	g.stopSenders(0)
	err = g.err
	if left {
		err = errors.Join(err, ErrLeft)
	}
	return err
}

// wait returns when the run is to end: how long what is left may take to be
// delivered, and whether that counts anew with every frame that is finished.
func (e *Engine) wait(ctx context.Context, g *graph) (patience time.Duration, renew bool, err error) {
	var ended chan struct{}
	var stuck <-chan time.Time
	if e.around.Once {
		ended = g.ended
		look := time.NewTicker(max(g.pipeline.Config.Grace, time.Millisecond))
		defer look.Stop()
		stuck = look.C
	}
	for before := (<-chan struct{})(nil); ; {
		select {
		case <-ended:
			return g.pipeline.Config.Grace, true, nil
		case patience := <-e.drains:
			return patience, false, nil
		case err := <-e.broken:
			return 0, false, err
		case <-ctx.Done():
			if e.around.Once {
				g.fail(ErrUnread)
			}
			return e.current().pipeline.Config.Grace, false, nil
		case <-stuck:
			// A channel that was not replaced since the last look: nothing moved.
			now := e.journal.Changed()
			if why := e.journal.Blocked(); why != nil && now == before {
				g.fail(fmt.Errorf("%w: %w", ErrUnread, why))
				return g.pipeline.Config.Grace, false, nil
			}
			before = now
		}
	}
}

// ErrUnread says that a run to the end of its sources was ended before that.
var ErrUnread = fmt.Errorf("the sources were not read to their end; %w", ErrLeft)

// Drain ends the run: nothing more is read, and what the journal holds is
// delivered for at most limit. Run returns what became of it.
func (e *Engine) Drain(limit time.Duration) {
	select {
	case e.drains <- limit:
	default: // one is under way
	}
}

// drain lets the senders finish and reports whether something is left. When ctx
// is done the grace time is all that is given.
func (e *Engine) drain(ctx context.Context, g *graph, patience time.Duration, renew bool) bool {
	t := time.NewTimer(patience)
	defer t.Stop()
	for _, s := range g.senders {
		s.haste.set(true)
	}
	look, cancel := context.WithCancel(context.Background())
	cancel() // Sync only looks, and hurries the writer
	for stop := ctx.Done(); ; {
		changed := e.journal.Changed()
		err := e.journal.Sync(look)
		idle := err == nil && g.idle()
		if idle && g.rested() {
			return false
		}
		select {
		case <-g.rest:
		case <-changed:
			if renew && stop != nil {
				t.Reset(patience)
			}
		case <-stop:
			t.Reset(min(patience, g.pipeline.Config.Grace))
			stop = nil
		case <-t.C:
			if err != nil {
				e.around.Log.Warn("not everything that was read could be made durable; a source that can be read again gives it again", "error", err)
			}
			return !idle // an output that could not tidy up has nothing left all the same
		}
	}
}

// rested reports whether no Collector has anything left to move on.
func (g *graph) rested() bool {
	for _, s := range g.senders {
		if _, ok := s.plugin.(plugin.Collector); ok && !s.rested.Load() {
			return false
		}
	}
	return true
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
func (e *Engine) Close() error {
	err := e.journal.Close()
	for _, l := range e.current().lanes {
		if n := l.refused.Load(); n > 0 {
			e.around.Log.Error("records were lost at the end: the journal could not make them durable, and their source gives them once", "component", l.in.name, "records", n)
		}
	}
	return err
}

// Books returns the account of every output as of one instant.
func (e *Engine) Books() []journal.Book { return e.journal.Books() }

package engine

import (
	"context"
	"encoding/binary"
	"io"
	"slices"
	"strconv"
	"sync"
	"time"

	"tallyman/pipeline/config"
	"tallyman/pipeline/event"
	"tallyman/pipeline/journal"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// heraldName is the herald's as an input; no configuration can name one so.
const heraldName = "tallyman.internal"

// heraldRest is how often the herald looks at the books.
const heraldRest = 5 * time.Second

// herald is an input of our own: it says in-band when the run begins and ends
// (life.go), and what an output lost after it was accepted. Its position is how much of each loss it has said, so that every
// loss is said once, across kills.
//
// Its events go to every output: whoever watches should know that an archive has
// a hole, and the output that dropped may be the one that nobody reads.
type herald struct {
	once   bool
	books  func() []journal.Book
	shared event.Fields
	now    func() time.Time

	said   map[spoken]uint64
	during map[string]during // outputs that are dropping
	looked time.Time

	letGo   *farewells
	content []byte

	life   *lifetime   // nil: nothing is said of starts and stops
	hash   string      // of the configuration
	ending func() bool // the run comes to its end, not only this graph
	was    uint64      // how the run before ended, then how this one is
}

// farewells are what an operator discarded and was not said yet; they outlive
// the herald of one graph.
type farewells struct {
	mu    sync.Mutex // guards what follows
	list  []loss
	words []event.Event // what outputs say of themselves
}

// spoken is one number of the books.
type spoken struct {
	output string
	reason journal.Reason
}

// during is what was said of an output while it drops its newest events: what it
// does not hear itself.
type during struct {
	all    uint64 // since it began
	rested int    // looks since it was last said
}

// openReason stands in the position for during.all.
const openReason = journal.NumReasons

// openRest is every how many looks it is said that an output goes on dropping.
const openRest = 12

// loss is what is said in one event.
type loss struct {
	spoken
	records, generated uint64
	goesOn             bool   // more is being dropped
	all                uint64 // with what was said while it was dropping
}

// add has the herald say what an operator let go of.
func (w *farewells) add(b *journal.Book) {
	r := journal.OperatorDiscard
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, loss{spoken: spoken{b.Output, r}, records: b.Counts.Dropped[r], generated: b.GeneratedCounts.Dropped[r]})
}

// mostWords bounds what waits to be said: the journal may be full for long.
const mostWords = 1024

// say has the herald tell an event of an output. Of too many the newest is not
// told, and it is false; its output has logged it.
func (w *farewells) say(e event.Event) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.words) >= mostWords {
		return false
	}
	w.words = append(w.words, e)
	return true
}

// givenUp is what lanes had to give up at their end, for their successors to say.
type givenUp struct {
	mu   sync.Mutex // guards list
	list map[string]uint64
}

func (g *givenUp) add(input string, n uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n > 0 {
		if g.list == nil {
			g.list = map[string]uint64{}
		}
		g.list[input] += n
	}
}

func (g *givenUp) take(input string) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.list[input]
	delete(g.list, input)
	return n
}

// Open takes up what was said. A position that does not parse says nothing: a
// loss is then said again.
func (h *herald) Open(_ context.Context, from []byte) error {
	h.said, h.during, h.looked, h.was = map[spoken]uint64{}, map[string]during{}, time.Time{}, neverRan
	for len(from) > 0 {
		n, w := binary.Uvarint(from)
		if w <= 0 || n > uint64(len(from)-w) {
			return nil
		}
		name, rest := string(from[w:w+int(n)]), from[w+int(n):]
		reason, w := binary.Uvarint(rest)
		count, w2 := binary.Uvarint(rest[max(w, 0):])
		if w <= 0 || w2 <= 0 {
			return nil
		}
		switch reason {
		case uint64(openReason):
			h.during[name] = during{all: count}
		case uint64(lifeReason):
			h.was = count
		default:
			h.said[spoken{name, journal.Reason(reason)}] = count
		}
		from = rest[w+w2:]
	}
	return nil
}

func (h *herald) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	if now := h.now(); h.once || now.Sub(h.looked) >= heraldRest || now.Before(h.looked) {
		h.looked = now
		if h.look(b); len(b.Events) > 0 {
			b.Position = h.position()
		}
	}
	if h.once {
		return io.EOF
	}
	if len(b.Events) > 0 {
		return nil
	}
	t := time.NewTimer(max(wait, heraldRest))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		h.ends(b)
		return ctx.Err()
	}
}

// CannotWait: a loss is said though the journal is full.
func (h *herald) CannotWait() bool { return true }

func (h *herald) Close() error { return nil }

// look adds an event for each loss that grew. While an output goes on dropping
// its newest events the others are told, at first and every minute, and when it
// ends all are told the whole: what is said meanwhile is dropped with the rest.
//
// A count that is smaller than what was said is that of a save before a kill,
// and grows again.
func (h *herald) look(b *event.Batch) {
	h.alive(b)
	h.farewell(b)
	books := h.books()
	for i := range books {
		k := &books[i]
		for r := range journal.NumReasons {
			at := spoken{k.Output, r}
			lost := k.Counts.Dropped[r] + k.GeneratedCounts.Dropped[r]
			n := lost - min(lost, h.said[at])
			l := loss{spoken: at}
			if d, open := h.during[k.Output]; r == journal.BufferFull && (open || k.Dropping && n > 0) {
				d.rested++
				switch {
				case k.Dropping && (n == 0 || open && d.rested < openRest):
					h.during[k.Output] = d
					continue
				case k.Dropping:
					h.during[k.Output] = during{all: d.all + n}
					l.goesOn = true
				default:
					delete(h.during, k.Output)
					l.all = d.all + n
				}
			} else if n == 0 {
				continue
			}
			h.said[at] = max(lost, h.said[at])
			b.Add(h.event(l, n))
		}
	}
}

// farewell says what an operator let go of. A cursor of that name counts from 0.
func (h *herald) farewell(b *event.Batch) {
	h.letGo.mu.Lock()
	defer h.letGo.mu.Unlock()
	for _, l := range h.letGo.list {
		for r := range journal.NumReasons {
			delete(h.said, spoken{l.output, r})
		}
		delete(h.during, l.output)
		if n := l.records + l.generated; n > 0 {
			b.Add(h.event(l, n))
		}
	}
	h.letGo.list = nil
	for i := range h.letGo.words {
		b.Add(h.letGo.words[i])
	}
	h.letGo.words = nil
}

// heraldLane returns the lane that says what outputs lost.
func (e *Engine) heraldLane(p *Pipeline) *lane {
	env := p.env(config.Component{Name: heraldName})
	p.tells.Store(&e.letGo)
	h := &herald{once: e.around.Once, books: e.journal.Books, now: e.around.Now, shared: env.Shared, letGo: &e.letGo,
		hash: p.Config.Hash, ending: e.isEnding}
	if e.around.Lives {
		h.life = &e.life
	}
	return newLane(p, input{name: heraldName, plugin: h, env: env}, e.journal, e.memory, e.mark)
}

// all returns every lane, the herald's last.
func (g *graph) all() []*lane { return append(slices.Clip(g.lanes), g.herald) }

// position is what was said.
func (h *herald) position() []byte {
	b := h.content[:0]
	add := func(output string, reason journal.Reason, n uint64) {
		b = append(binary.AppendUvarint(b, uint64(len(output))), output...)
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(reason)), n)
	}
	for at, n := range h.said {
		if n > 0 {
			add(at.output, at.reason, n)
		}
	}
	for output, d := range h.during {
		add(output, openReason, d.all)
	}
	if h.was != neverRan {
		add("", lifeReason, h.was)
	}
	h.content = b
	return b
}

// event says that n more records or events of our own were lost.
func (h *herald) event(l loss, n uint64) event.Event {
	var f event.Fields
	f.AddString(schema.EventKind, "event")
	f.AddString(schema.EventModule, "tallyman")
	f.AddString(schema.EventAction, "buffer-dropped")
	f.AddString(schema.EventReason, l.reason.String())
	f.AddString(schema.EventCategory, "process")
	f.AddString(schema.EventType, "info")
	f.AddString(schema.EventOutcome, "failure")
	f.Add(schema.EventSeverity, event.Int(8))
	f.AddString(schema.TallymanComponent, l.output)
	f.AddNamed(schema.Labels, "lost", event.String(strconv.FormatUint(n, 10)))
	text := "output " + l.output + " lost " + strconv.FormatUint(n, 10) + " records or alerts: " + l.reason.String()
	switch {
	case l.goesOn:
		text += "; it goes on losing until it has caught up"
	case l.all > 0:
		f.AddNamed(schema.Labels, "lost_in_all", event.String(strconv.FormatUint(l.all, 10)))
		text += "; it has caught up, and lost " + strconv.FormatUint(l.all, 10) + " in all"
	}
	f.AddString(schema.Message, text)
	now := h.now()
	return event.Event{Time: now, Seen: now, Dataset: internal, Fields: f, Shared: h.shared}
}

var _ plugin.Pressing = (*herald)(nil)

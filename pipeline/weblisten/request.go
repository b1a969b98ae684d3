package weblisten

import (
	"sync"
	"sync/atomic"
	"time"

	"tallyman/pipeline/event"
)

// The states of a request: a client that does not wait any more and the lane
// settle between them whose it is.
const (
	waiting int32 = iota
	taken
	withdrawn
)

// request is a body on its way into the journal.
type request struct {
	client event.Fields // never changed
	groups []Group
	seen   time.Time
	group  int // groups before it are handed on
	at     int // and texts of that group before it
	keys   keyed
	state  atomic.Int32
	answer chan error // takes one

	mu    sync.Mutex // guards what follows
	open  int        // what has to be answered: batches, and the handing on itself
	first error
}

func newRequest(client event.Fields, groups []Group, seen time.Time) *request {
	return &request{client: client, groups: groups, seen: seen, answer: make(chan error, 1), open: 1}
}

// begin says that one more batch holds records of r.
func (r *request) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open++
}

// answered takes the answer to one batch; with the last one the client gets its.
func (r *request) answered(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.first == nil {
		r.first = err
	}
	if r.open--; r.open == 0 {
		r.answer <- r.first
	}
}

// gather adds what is there until the batch is full, and appends whose it is.
func (l *Server) gather(b *event.Batch, given []*request) []*request {
	if r := l.rest; r != nil {
		given = l.take(b, r, given)
	}
	for len(b.Events) < mostRecords {
		select {
		case r := <-l.queue:
			given = l.take(b, r, given)
		default:
			return given
		}
	}
	return given
}

// take adds the records of a request; what does not fit waits for the next Read.
func (l *Server) take(b *event.Batch, r *request, given []*request) []*request {
	if l.rest != r && !r.state.CompareAndSwap(waiting, taken) {
		return given // its client has been told to send again
	}
	l.rest = nil
	r.begin()
	for ; r.group < len(r.groups); r.group, r.at = r.group+1, 0 {
		for g := &r.groups[r.group]; r.at < len(g.Texts); r.at++ {
			if len(b.Events) >= mostRecords {
				l.rest = r
				return append(given, r)
			}
			raw := g.Texts[r.at]
			f := append(b.Take(r.client, len(g.Fields)), g.Fields...)
			b.Add(event.Event{Decode: g.Decode, Raw: raw, Records: 1, Offset: r.keys.place(&l.offset, len(raw)), Time: g.Time, Seen: r.seen, Fields: f, Shared: l.env.Shared})
		}
	}
	r.answered(nil) // of the handing on itself
	return append(given, r)
}

// Package http takes records over HTTP and HTTPS: what a client posts is taken
// apart into records, each of which waits for the decoder of its path. A client
// is told 200 only when all of them are on stable storage; where the journal does
// not take them in time it is told 503, and sends again. The package knows JSON
// as far as it has to, to take lists apart, and nothing of what records say.
//
// Each request has the goroutine of its connection. It reads the body, bounded in
// size, time and sum, hands it over a channel to the lane and waits for the
// answer that comes with Batch.Accepted.
package http

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/servertls"
)

// Plugin is the input `http`.
var Plugin = plugin.NewInput("http", "Records that clients post over HTTP or HTTPS: JSON objects, arrays and Kubernetes lists, lines of JSON or text, plain or in gzip.", defaults, build)

const (
	// mostRecords is how many records one Read adds to a batch at most.
	mostRecords = 1024
	// linger is how long a stop waits for the answers to what the lane has taken.
	linger = 2 * time.Second
)

// input implements plugin.Input.
type input struct {
	s     *Settings
	env   plugin.Env
	certs *servertls.Certs // nil without TLS
	count counters
	say   *sayer
	queue chan *request
	bufs  sync.Pool    // of *[piece]byte, for bodies
	held  atomic.Int64 // bytes of bodies that are read and not answered

	// What follows is the lane's alone.
	rest   *request // begun, and not yet handed on whole
	offset int64    // bytes of records handed on since Open
	timer  *time.Timer

	// What follows is set by Open.
	listener net.Listener
	server   *http.Server
	closing  chan struct{} // closed when no request is taken any more
	over     chan struct{} // closed when none is waited for any more
	busy     sync.WaitGroup
	mu       sync.Mutex // guards closed with the start of a request
	closed   bool
}

func build(s *Settings, env plugin.Env) (plugin.Input, error) {
	if p := s.Check(); p.Bad() {
		return nil, p
	}
	in := &input{s: s, env: env, count: newCounters(env), say: newSayer(env), queue: make(chan *request, s.MaxConnections), timer: time.NewTimer(time.Hour)}
	in.timer.Stop()
	if s.TLS != nil {
		var err error
		if in.certs, err = servertls.New(s.TLS, env.Dir, env.Log, func(err error) { in.say.say("certificates", "", err) }); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// Open implements plugin.Input. There is no position: clients send again what
// was not accepted.
func (in *input) Open(ctx context.Context, _ []byte) error {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", in.s.Listen.Value)
	if err != nil {
		return plugin.Permanent(fmt.Errorf("listen at %s: %w", in.s.Listen.Value, err))
	}
	in.listener = &limited{Listener: ln, in: in, byPeer: map[string]int{}}
	in.closing, in.over, in.closed = make(chan struct{}), make(chan struct{}), false
	in.server = in.newServer()
	serve := in.server.Serve
	if in.certs != nil {
		serve = func(l net.Listener) error { return in.server.ServeTLS(l, "", "") }
	}
	in.busy.Go(func() {
		if err := serve(in.listener); !in.stopping() {
			in.env.Log.Error("http: nothing is taken any more", "listen", in.s.Listen.Value, "error", err)
		}
	})
	return nil
}

// Read implements plugin.Input.
func (in *input) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var given []*request
	if given = in.gather(b, given); len(b.Events) == 0 {
		in.timer.Reset(wait)
		defer in.timer.Stop()
		select {
		case r := <-in.queue:
			given = in.gather(b, in.take(b, r, given))
		case <-in.timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if len(given) > 0 {
		b.Accepted = func(err error) {
			for _, r := range given {
				r.answered(err)
			}
		}
	}
	return nil
}

// gather adds what is there until the batch is full, and appends whose it is.
func (in *input) gather(b *event.Batch, given []*request) []*request {
	if r := in.rest; r != nil {
		given = in.take(b, r, given)
	}
	for len(b.Events) < mostRecords {
		select {
		case r := <-in.queue:
			given = in.take(b, r, given)
		default:
			return given
		}
	}
	return given
}

// take adds the records of a request; what does not fit waits for the next Read.
func (in *input) take(b *event.Batch, r *request, given []*request) []*request {
	if in.rest != r && !r.state.CompareAndSwap(waiting, taken) {
		return given // its client has been told to send again
	}
	in.rest = nil
	r.begin()
	for ; r.at < len(r.records); r.at++ {
		if len(b.Events) >= mostRecords {
			in.rest = r
			return append(given, r)
		}
		raw := r.records[r.at]
		b.Add(event.Event{Decode: r.decode, Raw: raw, Records: 1, Offset: in.offset, Seen: r.seen, Fields: b.Take(r.fields, 0), Shared: in.env.Shared})
		in.offset += int64(len(raw))
	}
	r.answered(nil) // of the handing on itself
	return append(given, r)
}

// Close implements plugin.Input. What the lane has taken is still answered as the
// journal decides; everything else is to be sent again.
func (in *input) Close() error {
	if in.server == nil {
		return nil
	}
	in.mu.Lock()
	in.closed = true
	in.mu.Unlock()
	close(in.closing)
	err := in.listener.Close()
	last := time.AfterFunc(linger, func() { close(in.over) })
	done := make(chan struct{})
	go func() {
		in.busy.Wait()
		close(done)
	}()
	select {
	case <-done: // the server has seen that the listener is closed
	case <-in.over:
	}
	err = errors.Join(err, ignoreClosed(in.server.Close()))
	<-done
	if last.Stop() {
		close(in.over)
	}
	in.server = nil
	return err
}

func (in *input) stopping() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.closed
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// The states of a request: a client that does not wait any more and the lane
// settle between them whose it is.
const (
	waiting int32 = iota
	taken
	withdrawn
)

// request is a body on its way into the journal.
type request struct {
	decode  string
	fields  event.Fields // of its client; never changed
	records []string
	seen    time.Time
	at      int // records before it are handed on
	state   atomic.Int32
	answer  chan error // takes one

	mu    sync.Mutex // guards what follows
	open  int        // what has to be answered: batches, and the handing on itself
	first error
}

func newRequest(decode string, fields event.Fields, records []string, seen time.Time) *request {
	return &request{decode: decode, fields: fields, records: records, seen: seen, answer: make(chan error, 1), open: 1}
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

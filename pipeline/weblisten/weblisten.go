// Package weblisten is the listener of every input that takes records over HTTP
// or HTTPS: it bounds what clients may send, hands their records to the lane, and
// tells a client 200 only when all of them are on stable storage. It knows
// nothing of what a path or a body means: that is its Handler's.
//
// Each request has the goroutine of its connection. It reads the body, bounded in
// size, time and sum, hands its records over a channel to the lane and waits for
// the answer that comes with Batch.Accepted. A body that streams does so window by
// window.
package weblisten

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/servertls"
)

const (
	// mostRecords is how many records one Read adds to a batch at most.
	mostRecords = 1024
	// linger is how long a stop waits for the answers to what the lane has taken.
	linger = 2 * time.Second
)

// Handler says what requests mean. Its methods are called from the goroutines of
// the connections, several at once. An error that is or holds an Answer is what
// the client is told; any other is told as 503, so that the client sends again.
type Handler interface {
	// Admit looks at the head of a request before its body is read: its path, its
	// method, what it shows for a token. An Answer of status 200 ends the request
	// well, without a record (a question for our health).
	Admit(r *http.Request) error

	// Take verifies the body where only it can be (a signature), and takes it apart
	// into records. The body is unpacked and whole, and the texts of the records are
	// views of it. No group, or groups without texts, are no error: the client is
	// told 200 at once.
	Take(r *http.Request, body string) ([]Group, error)
}

// Answerer is a Handler that words every answer itself, for clients that read
// them.
type Answerer interface {
	Handler

	// Answer returns what is told to the client: the first n records are on stable
	// storage, which is all of them where err is nil. Otherwise err says why not.
	Answer(r *http.Request, n int, err error) *Answer
}

// Group is records of one request that wait for the same decoder.
type Group struct {
	Decode string
	Fields event.Fields // what is known of each of them, besides its client; never changed
	Time   time.Time    // by the client's clock, zero where only the record knows
	Texts  []string     // each is one record; none is empty
}

// Answer is what a client is told, in words for whoever set it up. It is an error
// wherever a Handler returns it as one.
type Answer struct {
	Status int
	Text   string // a line end is added
	Type   string // the Content-Type, "" for plain text
	Cause  error  // what is logged, rarely, because nobody else will see it; mostly nil
}

func (a *Answer) Error() string { return a.Text }

func (a *Answer) Unwrap() error { return a.Cause }

// Refuse is an Answer in plain text.
func Refuse(status int, text string) error { return &Answer{Status: status, Text: text} }

// Server is a listener. Its methods Open, Read and Close keep the contract of
// plugin.Input, and are called as those of one.
type Server struct {
	s     *Settings
	env   plugin.Env
	h     Handler
	certs *servertls.Certs // nil without TLS
	count counters
	say   *sayer
	queue chan *request
	bufs  sync.Pool // of *[piece]byte, for bodies
	// unpackers are the decoders of zstd that are free, streamers those for long bodies.
	unpackers, streamers chan *zstd.Decoder
	held                 atomic.Int64 // bytes of bodies that are read and not answered

	// What follows is the lane's alone.
	rest   *request // begun, and not yet handed on whole
	offset int64    // where the next record stands that its sender has not named; see Open
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

// New returns a Server that is not open yet. The settings were checked; an error
// is plugin.Problems, of their certificates.
func New(s *Settings, env plugin.Env, h Handler) (*Server, error) {
	l := &Server{s: s, env: env, h: h, count: newCounters(env), say: newSayer(env), queue: make(chan *request, s.MaxConnections), timer: time.NewTimer(time.Hour)}
	l.timer.Stop()
	l.unpackers, l.streamers = decoders(mostZstd), decoders(mostZstdStreams)
	if s.TLS != nil {
		var err error
		if l.certs, err = servertls.New(s.TLS, env.Dir, env.Log, func(err error) { l.say.say("certificates", "", err) }); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// Open listens. There is no position: clients send again what was not accepted. What
// has no position still needs a place of its own, from which its id is made: bytes are
// counted from the time of the start in nanoseconds, so that what is the first record
// after two starts, and the same text, is not the same event.
func (l *Server) Open(ctx context.Context, _ []byte) error {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", l.s.Listen.Value)
	if err != nil {
		return plugin.Permanent(fmt.Errorf("listen at %s: %w", l.s.Listen.Value, err))
	}
	l.offset = l.env.Now().UnixNano()
	l.listener = &limited{Listener: ln, of: l, byPeer: map[string]int{}}
	l.closing, l.over, l.closed = make(chan struct{}), make(chan struct{}), false
	l.server = l.newServer()
	serve := l.server.Serve
	if l.certs != nil {
		serve = func(ln net.Listener) error { return l.server.ServeTLS(ln, "", "") }
	}
	l.busy.Go(func() {
		if err := serve(l.listener); !l.stopping() {
			l.env.Log.Error("listener: nothing is taken any more", "listen", l.s.Listen.Value, "error", err)
		}
	})
	return nil
}

// Addr returns where an open Server listens.
func (l *Server) Addr() net.Addr { return l.listener.Addr() }

// Held returns how many bytes the bodies take that are not answered yet.
func (l *Server) Held() int64 { return l.held.Load() }

// Read adds records to b, and sets its Accepted.
func (l *Server) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var given []*request
	if given = l.gather(b, given); len(b.Events) == 0 {
		l.timer.Reset(wait)
		defer l.timer.Stop()
		select {
		case r := <-l.queue:
			given = l.gather(b, l.take(b, r, given))
		case <-l.timer.C:
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

// Close takes nothing more. What the lane has taken is still answered as the
// journal decides; everything else is to be sent again.
func (l *Server) Close() error {
	if l.server == nil {
		return nil
	}
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	close(l.closing)
	err := l.listener.Close()
	last := time.AfterFunc(linger, func() { close(l.over) })
	done := make(chan struct{})
	go func() {
		l.busy.Wait()
		close(done)
	}()
	select {
	case <-done: // the server has seen that the listener is closed
	case <-l.over:
	}
	err = errors.Join(err, ignoreClosed(l.server.Close()))
	<-done
	if last.Stop() {
		close(l.over)
	}
	l.server = nil
	return err
}

func (l *Server) stopping() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

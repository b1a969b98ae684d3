// Package console is the web console: pages that show a running engine to a person,
// as HTML that works without a script, with one script that keeps them live. It asks
// the engine and changes nothing of it. What it shows of events was written by
// strangers: every text is made inert before it goes anywhere (text.go), and every
// request has to prove where it comes from (guard.go). It knows no format and no
// plugin by name; whoever serves it hands those in.
package console

import (
	"context"
	"crypto/tls"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"tallyman/pipeline/config"
	"tallyman/pipeline/engine"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/servertls"
)

//go:embed static
var static embed.FS

//go:embed templates
var templates embed.FS

// Engine is what the console shows; *engine.Engine is one.
type Engine interface {
	Status() engine.Status
	Config() *config.Config
	Tap(input, stage string) *engine.Tap
}

// Format is a form that an event is shown in.
type Format struct {
	Name string
	New  func() (plugin.Encoder, error)
}

// Options are what the console is given.
type Options struct {
	Settings config.Console
	Dir      string // where relative paths of Settings start
	Engine   Engine
	Meters   *meter.Registry
	Log      *slog.Logger
	Now      func() time.Time

	// Line writes an event in a list, beside columns with its time, severity and
	// container.
	Line func() (plugin.Encoder, error)

	// Formats are those that an opened event is rendered in.
	Formats []Format

	// Past gives the last batches of the journal, the oldest first, each as package
	// codec writes it. Nil where there is no journal to look at.
	Past func(ctx context.Context, emit func(batch []byte)) error

	// Explain takes lines through a fresh build of the configuration as if the named
	// input had read them. It returns which decoder claimed them.
	Explain func(ctx context.Context, input string, lines []string, emit func(*engine.Explained) error) (decoder string, err error)
}

// Server is a running console. Close it.
type Server struct {
	o       Options
	guard   *guard
	memory  *memory
	viewers *viewers
	history *history
	pages   map[string]*template.Template
	play    chan struct{} // one explanation at a time
	allowed *limiter      // of explanations
	streams chan struct{} // who watches at once

	ctx  context.Context // done when the console ends
	stop context.CancelFunc
	work sync.WaitGroup
	http *http.Server
	addr net.Addr
}

// mostStreams bounds the pages that are kept live at once.
const mostStreams = 16

// Serve listens, and begins to remember the numbers of the engine; of what flows it
// remembers nothing until somebody looks.
func Serve(o Options) (*Server, error) {
	s, err := newServer(o)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", o.Settings.Listen)
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("serve the console: %w", err)
	}
	s.addr = l.Addr()
	if t := o.Settings.TLS; t != nil {
		certs, err := servertls.New(t, o.Dir, o.Log, func(err error) { o.Log.Warn("console", "error", err) })
		if err != nil {
			s.stop()
			return nil, errors.Join(err, l.Close())
		}
		l = tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12,
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return certs.Current(), nil }})
	}
	s.http = &http.Server{Handler: s.handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		BaseContext: func(net.Listener) context.Context { return s.ctx },
		ErrorLog:    slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug)}
	s.begin()
	s.work.Go(func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			o.Log.Error("the console ended", "error", err)
		}
	})
	return s, nil
}

// newServer makes what Serve serves; nothing runs yet.
func newServer(o Options) (*Server, error) {
	line, err := o.Line()
	if err != nil {
		return nil, fmt.Errorf("serve the console: %w", err)
	}
	g, err := newGuard(o.Settings, o.Now)
	if err != nil {
		return nil, fmt.Errorf("serve the console: %w", err)
	}
	s := &Server{o: o, guard: g, memory: newMemory(line), viewers: &viewers{}, history: newHistory(), play: make(chan struct{}, 1),
		allowed: &limiter{most: 30, per: time.Minute, now: o.Now}, streams: make(chan struct{}, mostStreams)}
	if s.pages, err = parse(); err != nil {
		return nil, fmt.Errorf("serve the console: %w", err)
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// begin starts what remembers the numbers.
func (s *Server) begin() {
	s.observe()
	s.work.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-s.ctx.Done():
				return
			case <-tick.C:
				s.observe()
			}
		}
	})
}

// observe looks at the engine once.
func (s *Server) observe() {
	st := s.o.Engine.Status()
	s.history.add(s.o.Now(), &st, s.o.Meters)
}

// Addr returns where the console listens.
func (s *Server) Addr() net.Addr { return s.addr }

// Close ends the console; pages that are kept live are cut off.
func (s *Server) Close() error {
	s.stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	s.work.Wait()
	return err
}

// handler is every page behind the guard.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.watched(s.overview))
	mux.HandleFunc("GET /events", s.watched(s.events))
	mux.HandleFunc("GET /events/stream", s.stream)
	mux.HandleFunc("GET /events/{id}", s.watched(s.event))
	mux.HandleFunc("GET /rules", s.watched(s.rules))
	mux.HandleFunc("GET /containers", s.watched(s.containers))
	mux.HandleFunc("GET /containers/{id}", s.watched(s.container))
	mux.HandleFunc("GET /books", s.books)
	mux.HandleFunc("GET /playground", s.playground)
	mux.HandleFunc("POST /playground", s.playground)
	mux.HandleFunc("GET /live", s.live)
	mux.HandleFunc("GET /history.json", s.historyJSON)
	mux.HandleFunc("GET /login", s.login)
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /logout", s.logout)
	mux.Handle("GET /static/", http.FileServerFS(static))
	return s.guard.wrap(mux)
}

package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"
)

// Handlers do what is asked. They are called from several goroutines. Their
// context ends when the server closes.
type Handlers struct {
	// Status returns what is encoded as JSON.
	Status func() any
	// Reload returns when the new configuration runs, or was refused.
	Reload func(ctx context.Context, discard bool) Answer
	// Drain stops reading, delivers for at most limit what is in the journal, and
	// returns when the process is about to exit.
	Drain func(ctx context.Context, limit time.Duration) Answer
	// Watch gives what there is to be seen to send, until ctx is done, which it is
	// when the client goes, or send fails. Args are the client's.
	Watch func(ctx context.Context, args json.RawMessage, send func(data any) error) Answer
	// Baselines shows or changes what rules have learned. Args are the client's.
	Baselines func(ctx context.Context, args json.RawMessage) Answer
}

// Server listens at a socket. Stop it, then Close it.
type Server struct {
	path     string
	do       Handlers
	log      *slog.Logger
	listener *net.UnixListener
	may      func(uid uint32) bool
	ctx      context.Context // of the handlers
	cancel   context.CancelFunc
	peers    chan struct{} // holds one per connection
	serving  sync.WaitGroup
	stopped  sync.Once
	stopErr  error

	mu     sync.Mutex // guards what follows
	ending bool       // Stop was called
	conns  map[*peer]struct{}
}

// peer is one connection.
type peer struct {
	conn *net.UnixConn
	busy bool // guarded by Server.mu: a request is worked on
}

// Serve listens at the socket of the journal in dir, whose lock the caller
// holds: what listened there before is dead, and its socket is replaced.
func Serve(dir string, do Handlers, log *slog.Logger) (*Server, error) {
	uid := uint32(os.Geteuid())
	return serve(dir, do, log, func(peer uint32) bool { return peer == 0 || peer == uid })
}

func serve(dir string, do Handlers, log *slog.Logger, may func(uid uint32) bool) (*Server, error) {
	path := Path(dir)
	l, err := listen(path)
	if err != nil {
		return nil, fmt.Errorf("serve the control socket: %w", err)
	}
	s := &Server{path: path, do: do, log: log, listener: l, may: may, peers: make(chan struct{}, maxPeers), conns: map[*peer]struct{}{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.serving.Go(s.accept)
	return s, nil
}

// listen makes the socket under another name and renames it, so that nobody
// finds it before its mode is right, and a stale one is replaced at one instant.
func listen(path string) (*net.UnixListener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("%s is in the way: it is not a socket", path)
	}
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var l *net.UnixListener
	err := short(fresh, func(at string) (err error) {
		l, err = net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: at})
		return err
	})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err = os.Chmod(fresh, 0o600); err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close(), os.Remove(fresh))
	}
	return l, nil
}

// Stop takes no more requests and removes the socket. It is called while the
// lock of the journal is held, so that it does not remove a successor's. What is
// worked on goes on.
func (s *Server) Stop() error {
	s.stopped.Do(func() {
		s.stopErr = errors.Join(os.Remove(s.path), s.listener.Close())
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ending = true
		for p := range s.conns {
			if !p.busy {
				_ = p.conn.SetReadDeadline(time.Now()) // a closed one is as good
			}
		}
	})
	return s.stopErr
}

// Close stops, ends the context of the handlers and returns when every answer is
// on its way.
func (s *Server) Close() error {
	err := s.Stop()
	s.cancel()
	s.serving.Wait()
	return err
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no descriptors left, a peer that went away
			s.log.Warn("the control socket took no connection", "error", err)
			select {
			case <-time.After(time.Second):
				continue
			case <-s.ctx.Done():
				return
			}
		}
		select {
		case s.peers <- struct{}{}:
			s.serving.Go(func() { s.serve(conn) })
		default:
			s.write(conn, reply{Refused: "too many ask at once; try again"})
			_ = conn.Close()
		}
	}
}

// serve answers one peer until it goes, is silent for too long, or the server
// stops.
func (s *Server) serve(conn *net.UnixConn) {
	p := &peer{conn: conn}
	s.mu.Lock()
	s.conns[p] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.conns, p)
		s.mu.Unlock()
		_ = conn.Close() // whoever asked has the answer, or is gone
		<-s.peers
	}()
	uid, err := peerOf(conn)
	if err != nil || !s.may(uid) {
		s.log.Warn("a request at the control socket was refused", "uid", uid, "error", err)
		s.write(conn, reply{Denied: true, Refused: ErrNotAllowed.Error()})
		return
	}
	for r := bufio.NewReaderSize(conn, firstRoom); s.wait(p); {
		b, err := line(r, maxRequest)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded) {
				s.write(conn, reply{Refused: err.Error()})
			}
			return
		}
		if !s.begin(p) || !s.write(conn, s.answer(p, b)) {
			return
		}
	}
}

// wait prepares for the next request; false says that none is taken any more.
func (s *Server) wait(p *peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.busy = false
	return !s.ending && p.conn.SetReadDeadline(time.Now().Add(idleFor)) == nil
}

func (s *Server) begin(p *peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.busy = true
	return !s.ending
}

// answer does what a request asks for.
func (s *Server) answer(p *peer, b []byte) reply {
	var q request
	if err := json.Unmarshal(b, &q); err != nil {
		return reply{Refused: "the request is not understood: " + err.Error()}
	}
	if q.Version != Version {
		return reply{Refused: fmt.Sprintf("the running tallyman speaks version %d of the control protocol, the request is of version %d", Version, q.Version)}
	}
	switch q.Verb {
	case verbStatus:
		data, err := json.Marshal(s.do.Status())
		if err != nil {
			return reply{Refused: "the status cannot be told: " + err.Error()}
		}
		return reply{Answer: Answer{Data: data}}
	case verbReload:
		return reply{Answer: s.do.Reload(s.ctx, q.Discard)}
	case verbDrain:
		return reply{Answer: s.do.Drain(s.ctx, time.Duration(q.Timeout))}
	case verbWatch:
		return s.watch(p, q.Args)
	case verbLearnt:
		if s.do.Baselines != nil {
			return reply{Answer: s.do.Baselines(s.ctx, q.Args)}
		}
	}
	return reply{Refused: fmt.Sprintf("the running tallyman does not know the request %q", q.Verb)}
}

var errGone = errors.New("whoever watched is gone")

// watch sends what there is to be seen until the client goes or the server ends.
func (s *Server) watch(p *peer, args json.RawMessage) reply {
	if s.do.Watch == nil {
		return reply{Refused: "the running tallyman lets nobody watch"}
	}
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	if err := p.conn.SetReadDeadline(time.Time{}); err != nil {
		return reply{Refused: err.Error()}
	}
	gone := make(chan struct{})
	go func() { // a client that watches says nothing more: what ends the read is its end
		defer close(gone)
		_, _ = p.conn.Read(make([]byte, 1))
		cancel()
	}()
	a := s.do.Watch(ctx, args, func(data any) error {
		b, err := json.Marshal(data)
		if err != nil {
			return err
		}
		if ctx.Err() != nil || !s.write(p.conn, reply{Answer: Answer{Data: b}, More: true}) {
			return errGone
		}
		return nil
	})
	cancel()
	_ = p.conn.SetReadDeadline(time.Unix(1, 0)) // a closed one is as good
	<-gone
	return reply{Answer: a}
}

// write sends one answer and reports whether it went out.
func (s *Server) write(conn *net.UnixConn, r reply) bool {
	r.Version = Version
	b, err := json.Marshal(r)
	if err == nil && len(b) >= maxAnswer {
		b, err = json.Marshal(reply{Version: Version, Refused: fmt.Sprintf("the answer is longer than %d bytes", maxAnswer)})
	}
	if err == nil {
		err = conn.SetWriteDeadline(time.Now().Add(writeFor))
	}
	if err == nil {
		_, err = conn.Write(append(b, '\n'))
	}
	return err == nil
}

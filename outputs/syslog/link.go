package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"tallyman/pipeline/clienttls"
)

// A link is one connection to the receiver. It finds out two things that a
// write does not tell: whether the peer has gone, and whether its host has
// acknowledged what was written.
//
// A stream has one goroutine that reads, because only reading finds a TLS alert
// ("certificate required" comes after a TLS 1.3 handshake that the client took
// for done) and the reason for an end. The kernel is asked beside it, because
// the goroutine may not have run yet.
type link struct {
	conn   net.Conn
	socket net.Conn        // below TLS, or conn itself
	raw    syscall.RawConn // of socket
	gone   chan struct{}   // closed when the reader has ended; nil for datagrams
	why    error           // why it ended; to be read after gone
}

// errLeft says that the peer ended the connection. A receiver sends nothing, so
// the end of its stream means that it left, even where it could still read.
var errLeft = errors.New("the receiver closed the connection")

// newLink takes over conn; socket is the connection below TLS or conn itself.
func newLink(conn, socket net.Conn, datagram bool) (*link, error) {
	sc, ok := socket.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("a %T has no socket", socket)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, err
	}
	l := &link{conn: conn, socket: socket, raw: raw}
	if !datagram {
		l.gone = make(chan struct{})
		go l.read()
	}
	return l, nil
}

// read ends when the connection does, at the latest when it is closed. What a
// receiver says is thrown away: syslog has no answers.
func (l *link) read() {
	defer close(l.gone)
	if _, l.why = io.Copy(io.Discard, l.conn); l.why == nil {
		l.why = errLeft
	}
}

// close ends the connection in peace; nothing waits to be sent.
func (l *link) close() error { return l.end(l.conn) }

// abort ends it without the farewell of TLS, for which a peer that takes nothing
// would have us wait.
func (l *link) abort() { _ = l.end(l.socket) } // its error adds nothing to the one before

func (l *link) end(c net.Conn) error {
	err := c.Close()
	if l.gone != nil {
		<-l.gone
	}
	return err
}

// alive returns why the peer is known to be gone, else nil.
func (l *link) alive() error {
	if l.gone == nil {
		return nil
	}
	select {
	case <-l.gone:
		return l.why
	default:
	}
	if !hungUp(l.raw) {
		return nil
	}
	// The reader is about to find out the reason.
	t := time.NewTimer(time.Second)
	defer t.Stop()
	select {
	case <-l.gone:
		return l.why
	case <-t.C:
		return errLeft
	}
}

// begin bounds the writes up to the call of release by timeout and by ctx.
func (l *link) begin(ctx context.Context, timeout time.Duration) (release func()) {
	_ = l.conn.SetWriteDeadline(time.Now().Add(timeout)) // a closed connection says so at the write
	stop := context.AfterFunc(ctx, func() { _ = l.conn.SetWriteDeadline(time.Unix(1, 0)) })
	return func() { stop() }
}

func (l *link) write(b []byte) error {
	_, err := l.conn.Write(b)
	if err == nil {
		return nil
	}
	// "broken pipe" says less than the alert or the reset before it.
	if gone := l.alive(); gone != nil {
		return gone
	}
	return err
}

// The pauses between two questions to the kernel. An answer from the same rack
// takes less than the first, one from the other side of the world some of the last.
const (
	firstPause = 50 * time.Microsecond
	lastPause  = 5 * time.Millisecond
)

// drained waits until the peer's host has acknowledged every byte and then makes
// sure that the connection still stands: an empty send queue of a connection
// that was reset means nothing.
func (l *link) drained(ctx context.Context, timeout time.Duration) error {
	if l.gone == nil {
		return nil
	}
	var timer *time.Timer
	for pause, end := firstPause, time.Now().Add(timeout); ; pause = min(2*pause, lastPause) {
		left := unacknowledged(l.raw)
		if err := l.alive(); err != nil {
			return err
		}
		if left == 0 {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("the receiver did not take %d bytes within %v", left, timeout)
		}
		if timer == nil {
			timer = time.NewTimer(pause)
			defer timer.Stop()
		} else {
			timer.Reset(pause)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.gone:
			return l.why
		case <-timer.C:
		}
	}
}

// dialer makes links.
type dialer struct {
	target target
	certs  *clienttls.Certs // nil without TLS
}

func (d *dialer) dial(ctx context.Context) (*link, error) {
	socket, err := (&net.Dialer{}).DialContext(ctx, d.target.network, d.target.addr)
	if err != nil {
		return nil, err
	}
	if !d.target.tls {
		return closeUnless(socket)(newLink(socket, socket, d.target.datagram))
	}
	return closeUnless(socket)(d.secure(ctx, socket))
}

// closeUnless returns what passes a link on and closes socket where there is none.
func closeUnless(socket net.Conn) func(*link, error) (*link, error) {
	return func(l *link, err error) (*link, error) {
		if err != nil {
			_ = socket.Close() // the error that counts is err
		}
		return l, err
	}
}

// settle is how long a receiver that speaks TLS 1.3 and sends no session ticket
// has to refuse us after the handshake.
const settle = 500 * time.Millisecond

// secure makes a TLS connection over socket. With TLS 1.3 the client has
// finished before the server has judged its certificate; a refusal comes later,
// when events are already written into a connection that is lost. So it waits
// for the sign of acceptance, which is the first session ticket.
func (d *dialer) secure(ctx context.Context, socket net.Conn) (*link, error) {
	tickets := make(ticketBell, 1)
	cfg, err := d.certs.Config()
	if err != nil {
		return nil, err
	}
	cfg.ClientSessionCache = tickets
	conn := tls.Client(socket, cfg)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	l, err := newLink(conn, socket, false)
	if err != nil || conn.ConnectionState().Version < tls.VersionTLS13 {
		return l, err
	}
	t := time.NewTimer(settle)
	defer t.Stop()
	select {
	case <-tickets:
	case <-t.C:
	case <-l.gone:
		return nil, l.why
	case <-ctx.Done():
		l.abort()
		return nil, ctx.Err()
	}
	return l, nil
}

// ticketBell is a tls.ClientSessionCache that keeps no session and rings when
// the server gives one.
type ticketBell chan struct{}

// Get implements tls.ClientSessionCache.
func (ticketBell) Get(string) (*tls.ClientSessionState, bool) { return nil, false }

// Put implements tls.ClientSessionCache.
func (b ticketBell) Put(string, *tls.ClientSessionState) {
	select {
	case b <- struct{}{}:
	default:
	}
}

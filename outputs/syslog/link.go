package syslog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
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
	when   time.Time       // and when
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
	l.when = time.Now()
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

// lost is when the peer left, where that is known, else now.
func (l *link) lost(now time.Time) time.Time {
	if l.gone == nil {
		return now
	}
	select {
	case <-l.gone:
		return l.when
	default:
		return now
	}
}

// begin bounds the writes up to the call of release by timeout and by ctx.
func (l *link) begin(ctx context.Context, timeout time.Duration) (release func()) {
	stop := context.AfterFunc(ctx, l.stop)
	l.extend(ctx, timeout)
	return func() { stop() }
}

// extend gives the next write the whole timeout: a slow link takes many writes
// for longer than that, and each of them makes progress.
func (l *link) extend(ctx context.Context, timeout time.Duration) {
	_ = l.conn.SetWriteDeadline(time.Now().Add(timeout)) // a closed connection says so at the write
	if ctx.Err() != nil {
		l.stop() // which ctx may have called before the deadline above
	}
}

// stop ends the write that is under way.
func (l *link) stop() { _ = l.conn.SetWriteDeadline(time.Unix(1, 0)) }

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
// that was reset means nothing. The peer may take as long as it likes if it takes
// something within each timeout.
func (l *link) drained(ctx context.Context, timeout time.Duration) error {
	if l.gone == nil {
		return nil
	}
	var timer *time.Timer
	least, end := unacknowledged(l.raw), time.Now().Add(timeout)
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		left := unacknowledged(l.raw)
		if left < least {
			least, end = left, time.Now().Add(timeout)
		}
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

// farewell ends our side once the peer's host has acknowledged everything, and waits
// until the peer has ended its own in peace. That is the most that syslog tells: its
// program has read to the end, for a host that closes a connection with something
// unread resets it (RFC 1122 section 4.2.2.13). A peer that never ends its side has
// taken all for as long as timeout, at least. One that ends connections by itself has
// the time of parting to do so before we do, since its end is no answer to ours.
func (l *link) farewell(ctx context.Context, parting func(context.Context, *link), timeout time.Duration) error {
	if err := l.drained(ctx, timeout); err != nil {
		return err
	}
	parting(ctx, l)
	if err := l.alive(); err != nil {
		return err
	}
	if err := l.closeWrite(); err != nil {
		return err
	}
	if ended, err := l.awaitEnd(ctx, timeout); ended && !errors.Is(err, errLeft) {
		return err
	}
	return ctx.Err()
}

// awaitEnd waits for the peer to end the connection, for d at most; the error is why
// it did, or that of ctx.
func (l *link) awaitEnd(ctx context.Context, d time.Duration) (ended bool, err error) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-l.gone:
		return true, l.why
	case <-ctx.Done():
		return false, ctx.Err()
	case <-t.C:
		return false, nil
	}
}

// closeWrite tells the peer that nothing more comes, in TLS and below it.
func (l *link) closeWrite() error {
	ends := []net.Conn{l.conn}
	if l.socket != l.conn {
		ends = append(ends, l.socket)
	}
	for _, c := range ends {
		half, ok := c.(interface{ CloseWrite() error })
		if !ok {
			continue
		}
		if err := half.CloseWrite(); err != nil {
			if gone := l.alive(); gone != nil {
				return gone
			}
			return err
		}
	}
	return nil
}

// left reports whether the peer has ended the connection, as opposed to one that
// takes nothing.
func (l *link) left() bool { return l.gone != nil && l.alive() != nil }

// tookAll reports whether a peer has ended the connection in peace and its program had
// read everything before, whatever it did with it.
func (l *link) tookAll() bool {
	return errors.Is(l.alive(), errLeft) && unacknowledged(l.raw) == 0 && !broken(l.raw)
}

package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tallyman/pipeline/servertls"
)

const (
	// firstRoom is the buffer of a connection that has brought little so far, in
	// bytes: a thousand that bring nothing must not cost much.
	firstRoom = 4 << 10
)

// conn is one connection. Its goroutine runs serve.
type conn struct {
	in        *input
	raw       net.Conn // the socket
	c         net.Conn // what is read: raw, or TLS over it
	encrypted bool
	from      netip.Addr // the site of the peer; invalid for a unix socket
	address   string

	peer *peer
	f    framer
	buf  []byte
	n    int       // bytes of buf that are not handed on
	mid  time.Time // since when a message is unfinished, zero for none

	// waiting is since when the end of a message, or of the handshake, is waited
	// for, in unix nanoseconds; 0 between messages.
	waiting atomic.Int64
}

// serve reads the connection to its end.
func (c *conn) serve() {
	defer func() {
		c.in.slots.free(c)
		c.in.count.open.Add(-1)
		_ = c.raw.Close() // nothing was written to it
	}()
	name := ""
	if c.encrypted {
		var err error
		if name, err = c.handshake(); err != nil {
			if c.in.ctx.Err() == nil {
				c.in.count.handshakes.Inc()
				c.in.say.say("a TLS handshake failed", c.address, err)
			}
			return
		}
	}
	c.peer = newPeer(c.address, name)
	c.f = framer{max: int(c.in.s.MaxMessage)}
	switch c.in.s.Framing {
	case "octet_counting":
		c.f.mode = octets
	case "newline":
		c.f.mode = trailer
	}
	c.buf = make([]byte, firstRoom)
	if err := c.read(); err != nil {
		c.in.say.say("a connection was closed", c.address, err)
	}
}

// handshake makes TLS of the connection and returns the name of the client's
// certificate.
func (c *conn) handshake() (string, error) {
	ctx, cancel := context.WithTimeout(c.in.ctx, c.in.s.HandshakeTime)
	defer cancel()
	t := tls.Server(c.raw, c.in.config())
	if err := t.HandshakeContext(ctx); err != nil {
		return "", err
	}
	c.c = t
	return servertls.ClientName(t.ConnectionState()), nil
}

// read reads until the connection ends. An error is worth saying.
func (c *conn) read() error {
	for {
		c.arm()
		n, err := c.c.Read(c.buf[c.n:])
		seen := c.in.env.Now()
		if n > 0 {
			c.n += n
			full := c.n == len(c.buf)
			if broke := c.cut(seen); broke != nil {
				c.in.count.framing.Inc()
				return broke
			}
			if c.in.closed() {
				return nil
			}
			c.grow(full)
		}
		if err != nil {
			return c.ended(err, seen)
		}
	}
}

// arm sets until when the next bytes must come.
func (c *conn) arm() {
	now := time.Now()
	until := time.Time{}
	switch {
	case c.n > 0 || c.f.skip > 0 || c.f.over > 0:
		if c.mid.IsZero() {
			c.mid = now
			c.waiting.Store(now.UnixNano())
		}
		until = c.mid.Add(c.in.s.MessageTime)
	case c.in.s.IdleTime > 0:
		until = now.Add(c.in.s.IdleTime)
	}
	_ = c.raw.SetReadDeadline(until) // a closed connection says so when it is read
	if c.in.ctx.Err() != nil {
		c.hurry()
	}
}

// hurry lets the connection end with what the kernel has of it, or gets at once.
// It is called after the input's context is done, and from any goroutine.
func (c *conn) hurry() {
	until := time.Unix(0, c.in.until.Load())
	if soon := time.Now().Add(backlog); soon.Before(until) && !c.pending() {
		until = soon
	}
	_ = c.raw.SetReadDeadline(until)
}

// pending reports whether the kernel holds bytes of the connection.
func (c *conn) pending() bool {
	s, ok := c.raw.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false
	}
	n := 0
	err = raw.Control(func(fd uintptr) {
		if got, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ); err == nil {
			n = got
		}
	})
	return err == nil && n > 0
}

// cut hands on the messages of the buffer and keeps the rest.
func (c *conn) cut(seen time.Time) error {
	ch := c.in.fresh()
	var used, keep int
	var err error
	ch.spans, used, keep, err = c.f.cut(c.buf[:c.n], ch.spans)
	if err != nil {
		if s := (span{from: used, to: min(c.n, used+c.f.max), note: err.Error()}); s.to > s.from {
			ch.spans = append(ch.spans, s)
		}
		used, keep = c.n, c.n
	}
	given := c.send(ch, c.buf[:c.n], seen)
	c.n = copy(c.buf, c.buf[used:keep])
	if given || c.n == 0 && c.f.skip == 0 && c.f.over == 0 {
		c.mid = time.Time{}
	}
	return err
}

// send hands on the messages of p that ch has spans of; false says that there
// are none.
func (c *conn) send(ch *chunk, p []byte, seen time.Time) bool {
	if len(ch.spans) == 0 {
		c.in.chunks.Put(ch)
		return false
	}
	from := ch.spans[0].from
	ch.text = string(p[from:ch.spans[len(ch.spans)-1].to])
	for i := range ch.spans {
		s := &ch.spans[i]
		s.from, s.to, s.peer = s.from-from, s.to-from, c.peer
	}
	ch.seen = seen
	c.waiting.Store(0) // from here on it is the lane that is waited for
	c.in.hand(c.in.streams, ch)
	return true
}

// grow makes room for the next read. Full says that the last one filled the
// buffer: then there is probably more.
func (c *conn) grow(full bool) {
	most := max(chunkRoom, int(c.in.s.MaxMessage)+firstRoom)
	size := len(c.buf)
	switch {
	case full && size < chunkRoom:
		size = min(4*size, chunkRoom)
	case c.n > size-size/4 && size < most:
		size = min(2*size, most)
	case c.n == 0 && size > chunkRoom:
		size = chunkRoom // a long message is rare, its memory is not kept for the next
	default:
		return
	}
	buf := make([]byte, size)
	copy(buf, c.buf[:c.n])
	c.buf = buf
}

// closed reports whether nobody takes chunks any more.
func (in *input) closed() bool {
	select {
	case <-in.quit:
		return true
	default:
		return false
	}
}

// ended hands on what the connection left unfinished. The error is what is worth
// saying of its end.
func (c *conn) ended(err error, seen time.Time) error {
	clean := errors.Is(err, io.EOF)
	if s, ok := c.f.rest(c.buf[:c.n], clean); ok {
		ch := c.in.fresh()
		ch.spans = append(ch.spans, s)
		c.send(ch, c.buf[:c.n], seen)
	}
	switch {
	case clean, c.in.ctx.Err() != nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.in.count.timeouts.Inc()
		if c.mid.IsZero() {
			return nil // it was idle
		}
		return fmt.Errorf("a message was not complete after %v", c.in.s.MessageTime)
	case errors.Is(err, net.ErrClosed):
		return nil // it was closed to make room
	}
	return err
}

package syslog

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/tunnel"
)

// dialer makes links.
type dialer struct {
	target target
	certs  *clienttls.Certs // nil without TLS
	proxy  *tunnel.Dialer   // nil for none
}

func (d *dialer) dial(ctx context.Context) (*link, error) {
	socket, err := d.proxy.DialContext(ctx, d.target.network, d.target.addr)
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

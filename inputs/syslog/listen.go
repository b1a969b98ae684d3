package syslog

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"
)

// troublePause is how long nothing is accepted or received after that failed, so
// that a host without free descriptors, or memory, is not kept busy.
const troublePause = 100 * time.Millisecond

// open opens one address.
func (in *input) open(a address) error {
	at := a.at
	if a.path != "" {
		if err := vacate(a.network, at); err != nil {
			return err
		}
	}
	var lc net.ListenConfig
	if a.datagram {
		c, err := lc.ListenPacket(in.ctx, a.network, at)
		if err != nil {
			return hinted(err)
		}
		s, err := newSocket(c, a, int(in.s.ReceiveBuffer), int(in.s.MaxMessage))
		if err != nil {
			return errors.Join(err, c.Close())
		}
		in.sockets = append(in.sockets, s)
		if s.room < int(in.s.ReceiveBuffer) {
			in.env.Log.Warn("syslog: the kernel gives less room than receive_buffer; raise net.core.rmem_max, or grant CAP_NET_ADMIN", "address", a.String(), "bytes", s.room)
		}
	} else {
		ln, err := lc.Listen(in.ctx, a.network, at)
		if err != nil {
			return hinted(err)
		}
		in.listeners = append(in.listeners, ln)
	}
	if a.path == "" {
		return nil
	}
	mode, err := strconv.ParseUint(in.s.SocketMode, 8, 9)
	if err != nil {
		return err
	}
	return os.Chmod(at, fs.FileMode(mode))
}

// hinted adds to an error what a person can do about it.
func hinted(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w (another program, or another input, listens there)", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w (ports below 1024 take CAP_NET_BIND_SERVICE)", err)
	}
	return err
}

// vacate removes the socket that a killed process left at path. What is no
// socket, or is listened at, stays.
func vacate(network, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSocket == 0:
		return fmt.Errorf("%s is there and is no socket", path)
	}
	c, err := net.Dial(network, path)
	if err == nil {
		return errors.Join(fmt.Errorf("another program listens at %s", path), c.Close())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("another program may listen at %s: %w", path, err)
	}
	return os.Remove(path)
}

// accept is the goroutine of a listener. It closes it.
func (in *input) accept(ln net.Listener, encrypted bool) {
	defer func() { _ = ln.Close() }() // nothing was written to it
	for {
		raw, err := ln.Accept()
		switch {
		case err != nil && in.ctx.Err() != nil:
			return
		case err != nil:
			in.say.say("a connection could not be accepted", "", err)
			in.pause()
		default:
			in.admit(raw, encrypted)
		}
	}
}

// pause waits for troublePause, or for a stop.
func (in *input) pause() {
	t := time.NewTimer(troublePause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-in.ctx.Done():
	}
}

// site is what counts as one peer: an address, or of IPv6 the network that one
// host is given (RFC 4291 section 2.5.4).
func site(a netip.Addr) netip.Addr {
	if n, err := a.Prefix(64); err == nil && a.Is6() {
		return n.Addr()
	}
	return a
}

// admit starts a connection, or refuses it.
func (in *input) admit(raw net.Conn, encrypted bool) {
	c := &conn{in: in, raw: raw, c: raw, encrypted: encrypted}
	if a, ok := raw.RemoteAddr().(*net.TCPAddr); ok {
		from := plain(a.AddrPort())
		c.from, c.address = site(from.Addr()), from.String()
		if !in.allows(from.Addr()) {
			_ = raw.Close() // it brought nothing that was read
			in.count.stranger.Inc()
			in.say.say("a peer that is not allowed was refused", c.address, nil)
			return
		}
	}
	c.waiting.Store(time.Now().UnixNano()) // for its first message
	v, victim := in.slots.take(c, time.Now())
	if victim != nil {
		_ = victim.raw.Close() // its goroutine ends with that
		in.count.evicted.Inc()
		in.say.say("a connection that completed no message was closed to make room", victim.address, nil)
	}
	if v == admitted {
		in.count.accepted.Inc()
		in.count.open.Add(1)
		in.work.Go(c.serve)
		return
	}
	_ = raw.Close()
	switch v {
	case noRoom:
		in.count.full.Inc()
		in.say.say("a connection was refused: there are max_connections", c.address, nil)
	case noPeerRoom:
		in.count.peerFull.Inc()
		in.say.say("a connection was refused: its address has max_connections_per_peer", c.address, nil)
	}
}

// senders are the senders of datagrams that are remembered, most at most.
type senders struct {
	in   *input
	most int
	all  map[netip.AddrPort]*peer
}

// of returns the peer at an address; it allocates for a new one alone.
func (s *senders) of(a netip.AddrPort) *peer {
	if p, ok := s.all[a]; ok {
		return p
	}
	if len(s.all) >= s.most {
		clear(s.all) // addresses are forged easily; they must not take memory
	}
	p := newPeer(a.String(), "")
	p.allowed = s.in.allows(a.Addr())
	s.all[a] = p
	return p
}

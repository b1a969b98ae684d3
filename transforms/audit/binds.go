package audit

import "strings"

// binds remembers what was learnt of a socket: the address that it was bound to,
// so that listen, which names only the file descriptor, can be told the port, or
// the transport that it was made for. It forgets by the time of the events,
// because a descriptor is used again soon, and it forgets at a restart: what it
// adds to an event is there "when known" (SCHEMA 4.4).
type binds [256]bind

type bind struct {
	pid, fd string
	ms      int64
	sock    sock
}

const bindLife = 10_000 // milliseconds

func bindSlot(pid, fd string) uint32 { return (hash(pid)*31 + hash(fd)) % 256 }

func (b *binds) keep(pid, fd string, ms int64, s sock) {
	at := &b[bindSlot(pid, fd)]
	// The strings are views of a chunk that ends with this batch.
	s.text, s.other = strings.Clone(s.text), strings.Clone(s.other)
	*at = bind{pid: strings.Clone(pid), fd: strings.Clone(fd), ms: ms, sock: s}
}

func (b *binds) find(pid, fd string, ms int64) (sock, bool) {
	at := &b[bindSlot(pid, fd)]
	if at.pid != pid || at.fd != fd || pid == "" || ms < at.ms || ms-at.ms > bindLife {
		return sock{}, false
	}
	return at.sock, true
}

// remember learns from a call that made or bound a socket.
func (f *facts) remember(name string, ms int64, v *verdict) {
	if v.outcome != "success" {
		return
	}
	switch name {
	case "socket":
		fd, ok := decimal(f.exit)
		t := f.transport()
		if ok && fd >= 0 && t != "" {
			f.made.keep(f.pid, f.hex(uint64(fd)), ms, sock{transport: t, port: -1})
		}
	case "bind":
		if f.sock.known() {
			f.bound.keep(f.pid, f.descriptor(), ms, f.sock)
		}
	}
}

// recall adds what is remembered of the socket of a call.
func (f *facts) recall(name string, ms int64) {
	switch name {
	case "listen":
		if !f.sock.known() {
			f.sock, _ = f.bound.find(f.pid, f.descriptor(), ms)
		}
	case "connect", "bind":
	default:
		return
	}
	if s, ok := f.made.find(f.pid, f.descriptor(), ms); ok {
		f.sock.transport = s.transport
	}
}

// descriptor returns the socket that a call names, in hex as the kernel writes it.
func (f *facts) descriptor() string { return or(f.fd, f.arg[0]) }

// transport returns what socket() asks for: a stream or datagrams over IP.
func (f *facts) transport() string {
	family, ok1 := hexNum(f.arg[0])
	kind, ok2 := hexNum(f.arg[1])
	protocol, ok3 := hexNum(f.arg[2])
	if !ok1 || !ok2 || !ok3 || family != familyInet && family != familyInet6 {
		return ""
	}
	kind &= 0xf // without SOCK_CLOEXEC and SOCK_NONBLOCK
	switch {
	case kind == 1 && (protocol == 0 || protocol == 6):
		return "tcp"
	case kind == 2 && (protocol == 0 || protocol == 17):
		return "udp"
	}
	return ""
}

package syslog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// slotsRoom is about how many bytes one receive may take.
	slotsRoom = 2 << 20
	// mostUDP is more than a UDP datagram holds, in bytes.
	mostUDP = 64 << 10
	// mostSenders is how many senders' addresses are remembered.
	mostSenders = 4096
)

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32 // the length of the datagram, which may be more than was kept
}

// socket is a datagram socket. It belongs to the goroutine of receive, but for
// drops, stop and close.
type socket struct {
	addr address
	c    net.PacketConn
	raw  syscall.RawConn
	file string // of a unix socket
	room int    // the kernel's buffer, in bytes
	seen uint32 // drops as counted by the kernel at the last look

	size  int // bytes of a datagram that are kept
	heads []mmsghdr
	names []unix.RawSockaddrAny
	iovs  []unix.Iovec
	bufs  []byte

	got  int
	fail unix.Errno
	text []byte
}

func newSocket(c net.PacketConn, a address, room, limit int) (*socket, error) {
	s := &socket{addr: a, c: c, file: a.path, size: limit}
	a.at = c.LocalAddr().String()
	s.addr = a
	var err error
	if s.raw, err = c.(syscall.Conn).SyscallConn(); err != nil {
		return nil, err
	}
	if s.room, err = widen(s.raw, room); err != nil {
		return nil, err
	}
	if a.path == "" {
		s.size = min(limit, mostUDP)
	}
	n := min(max(slotsRoom/s.size, 4), 64)
	s.heads, s.names, s.iovs = make([]mmsghdr, n), make([]unix.RawSockaddrAny, n), make([]unix.Iovec, n)
	s.bufs = make([]byte, n*s.size)
	for i := range s.heads {
		s.iovs[i].Base = &s.bufs[i*s.size]
		s.iovs[i].SetLen(s.size)
		s.heads[i].hdr.Iov = &s.iovs[i]
		s.heads[i].hdr.SetIovlen(1)
		s.heads[i].hdr.Name = (*byte)(unsafe.Pointer(&s.names[i]))
	}
	return s, nil
}

// widen asks for a receive buffer and returns what there is, in the bytes that
// were asked for: the kernel counts twice as many for what it needs itself.
func widen(raw syscall.RawConn, room int) (int, error) {
	got, fail := 0, error(nil)
	err := raw.Control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room) != nil {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, room) // what the host allows is what there is
		}
		got, fail = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
	})
	if err = errors.Join(err, fail); err != nil {
		return 0, fmt.Errorf("receive buffer: %w", err)
	}
	return got / 2, nil
}

// receive is the goroutine of a datagram socket.
func (in *input) receive(s *socket) {
	from := &senders{in: in, most: mostSenders, all: map[netip.AddrPort]*peer{}}
	anyone := newPeer("", "")
	for {
		err := s.raw.Read(func(fd uintptr) bool { return s.many(fd) })
		if errors.Is(err, os.ErrDeadlineExceeded) {
			in.drain(s, from, anyone)
			return
		}
		if err != nil {
			return // it is closed
		}
		if s.fail != 0 {
			in.say.say("datagrams could not be received", s.addr.String(), s.fail)
			in.pause()
			continue
		}
		if !in.datagrams(s, from, anyone) {
			return
		}
	}
}

// drain takes what the kernel has after stop.
func (in *input) drain(s *socket, from *senders, anyone *peer) {
	for time.Now().UnixNano() < in.until.Load() {
		err := s.raw.Control(func(fd uintptr) { s.many(fd) })
		if err != nil || s.fail != 0 || !in.datagrams(s, from, anyone) {
			return
		}
	}
}

// many receives what is there without waiting; false says that there is nothing.
func (s *socket) many(fd uintptr) bool {
	for i := range s.heads {
		s.heads[i].hdr.Namelen = unix.SizeofSockaddrAny
	}
	for {
		n, _, fail := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&s.heads[0])), uintptr(len(s.heads)),
			unix.MSG_DONTWAIT|unix.MSG_TRUNC, 0, 0)
		if fail == unix.EINTR {
			continue
		}
		if s.got, s.fail = int(n), fail; fail != 0 {
			s.got = 0
		}
		return fail != unix.EAGAIN
	}
}

// datagrams hands on what many received.
func (in *input) datagrams(s *socket, from *senders, anyone *peer) bool {
	ch := in.fresh()
	ch.seen = in.env.Now()
	s.text = s.text[:0]
	for i := range s.got {
		p := anyone
		if a := addressOf(&s.names[i]); a.IsValid() {
			if p = from.of(a); !p.allowed {
				in.count.stranger.Inc()
				continue
			}
		}
		size := int(s.heads[i].n)
		buf := s.bufs[i*s.size : i*s.size+min(size, s.size)]
		one := span{peer: p}
		begin, end := trim(buf, 0, len(buf))
		if size > s.size {
			one.size = int64(size)
			begin, end = 0, len(buf)
		}
		if begin == end {
			continue
		}
		one.from, one.to = len(s.text), len(s.text)+end-begin
		s.text = append(s.text, buf[begin:end]...)
		ch.spans = append(ch.spans, one)
	}
	if len(ch.spans) == 0 {
		in.chunks.Put(ch)
		return !in.closed()
	}
	ch.text = string(s.text)
	if cap(s.text) > 4*chunkRoom {
		s.text = nil
	}
	return in.hand(in.dgrams, ch)
}

// addressOf is the address in a name that the kernel gave; it is not valid for a
// unix socket.
func addressOf(n *unix.RawSockaddrAny) netip.AddrPort {
	switch n.Addr.Family {
	case unix.AF_INET:
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(n))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), ntohs(v4.Port))
	case unix.AF_INET6:
		v6 := (*unix.RawSockaddrInet6)(unsafe.Pointer(n))
		return plain(netip.AddrPortFrom(netip.AddrFrom16(v6.Addr), ntohs(v6.Port)))
	}
	return netip.AddrPort{}
}

// ntohs turns a port as it lies in a socket's address into a number.
func ntohs(p uint16) uint16 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], p)
	return binary.BigEndian.Uint16(b[:])
}

// drops returns how many datagrams the kernel dropped since the last call.
func (s *socket) drops() uint64 {
	var info [unix.SK_MEMINFO_DROPS + 1]uint32
	var fail unix.Errno
	err := s.raw.Control(func(fd uintptr) {
		size := uint32(unsafe.Sizeof(info))
		_, _, fail = unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	})
	if err != nil || fail != 0 {
		return 0
	}
	n := info[unix.SK_MEMINFO_DROPS] - s.seen
	s.seen += n
	return uint64(n)
}

// stop ends the waiting of receive.
func (s *socket) stop() { _ = s.c.SetReadDeadline(time.Unix(1, 0)) }

// close closes the socket and removes its file.
func (s *socket) close() error {
	err := s.c.Close()
	if s.file != "" {
		if gone := os.Remove(s.file); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

package auditd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"tallyman/pipeline/plugin"
)

// socketRoom is how much the kernel may hold of a socket that is not read, in
// bytes; a record takes about 1 KiB there, whatever its length.
const socketRoom = 16 << 20

// perReceive is how many datagrams are read before others may have the ring.
const perReceive = 64

// socket is a socket to the kernel's audit.
type socket struct {
	file *os.File
	raw  syscall.RawConn
	buf  []byte
	seen uint32 // drops as counted by the kernel at the last look
	seq  atomic.Uint32

	quit func() error // of stop, before reading ends; may be nil

	n    int
	from unix.RawSockaddrNetlink
	fail unix.Errno
}

// openSocket opens one that is a member of groups.
func openSocket(groups uint32) (*socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_AUDIT)
	if err != nil {
		return nil, fmt.Errorf("open the kernel's audit socket: %w", err)
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketRoom) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, socketRoom) // what the host allows is what there is
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		return nil, errors.Join(fmt.Errorf("bind the kernel's audit socket: %w", err), unix.Close(fd))
	}
	s := &socket{file: os.NewFile(uintptr(fd), "kernel audit"), buf: make([]byte, nlHeader+maxRecordText)}
	if s.raw, err = s.file.SyscallConn(); err != nil {
		return nil, errors.Join(fmt.Errorf("the kernel's audit socket: %w", err), s.file.Close())
	}
	return s, nil
}

// openMulticast joins the group of those who read beside auditd.
func openMulticast(context.Context, func(uint16, []byte)) (link, error) {
	s, err := openSocket(1) // AUDIT_NLGRP_READLOG, as a bit
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, plugin.Permanent(fmt.Errorf("%w (reading beside auditd takes CAP_AUDIT_READ in the host's user and network namespace)", err))
	case err != nil:
		return nil, plugin.Retry(err)
	}
	return s, nil
}

// receive implements link.
func (s *socket) receive(take func(typ uint16, text []byte)) error {
	for i := range perReceive {
		var err error
		if i == 0 {
			err = s.raw.Read(func(fd uintptr) bool { return s.one(fd) })
		} else {
			err = s.raw.Control(func(fd uintptr) { s.one(fd) })
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return s.drain(take)
		case err != nil:
			return fmt.Errorf("read the kernel's audit socket: %w", err)
		case s.fail == unix.EAGAIN:
			return nil
		case s.fail != 0:
			return fmt.Errorf("read the kernel's audit socket: %w", s.fail)
		}
		s.hand(take)
	}
	return nil
}

// drain hands on what is there after stop.
func (s *socket) drain(take func(typ uint16, text []byte)) error {
	for {
		err := s.raw.Control(func(fd uintptr) { s.one(fd) })
		switch {
		case err != nil:
			return fmt.Errorf("read the kernel's audit socket: %w", err)
		case s.fail == unix.ENOBUFS:
			return s.fail
		case s.fail != 0:
			return errStopped
		}
		s.hand(take)
	}
}

// one reads a datagram without waiting; false says that there is none.
func (s *socket) one(fd uintptr) bool {
	for {
		size := uint32(unix.SizeofSockaddrNetlink)
		n, _, fail := unix.Syscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&s.buf[0])), uintptr(len(s.buf)),
			unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&s.from)), uintptr(unsafe.Pointer(&size)))
		if fail == unix.EINTR {
			continue
		}
		s.n, s.fail = int(n), fail
		return fail != unix.EAGAIN
	}
}

// hand gives the datagram that was read to take. Only the kernel is believed: a
// process may send to the socket, with its own address.
func (s *socket) hand(take func(typ uint16, text []byte)) {
	if s.from.Pid != 0 || s.n < nlHeader {
		return
	}
	take(binary.NativeEndian.Uint16(s.buf[4:]), s.buf[nlHeader:s.n])
}

// drops implements link.
func (s *socket) drops() (uint64, bool) {
	var info [unix.SK_MEMINFO_DROPS + 1]uint32
	var fail unix.Errno
	err := s.raw.Control(func(fd uintptr) {
		size := uint32(unsafe.Sizeof(info))
		_, _, fail = unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	})
	if err != nil || fail != 0 {
		return 0, false
	}
	n := info[unix.SK_MEMINFO_DROPS] - s.seen
	s.seen += n
	return uint64(n), true
}

// stop implements link.
func (s *socket) stop() error {
	var err error
	if s.quit != nil {
		err = s.quit()
	}
	return errors.Join(err, s.file.SetReadDeadline(time.Unix(1, 0)))
}

// close implements link.
func (s *socket) close() error { return s.file.Close() }

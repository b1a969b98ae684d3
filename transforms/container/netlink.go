package container

// The process connector's socket: how it is opened, read, and closed.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// netlink is the process connector's socket.
type netlink struct {
	mu   sync.Mutex // held by next: guards what stands below
	shut atomic.Bool
	ring sync.Mutex // guards bell; taken after mu
	bell int        // an eventfd that ends a wait; -1 once closed
	fd   int        // -1 once closed
	msgs [perCall]mmsghdr
	iovs [perCall]unix.Iovec
	bufs [perCall][messageMax]byte
	from [perCall]unix.RawSockaddrNetlink
	n    int // datagrams of the last call
	wall wallClock
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
	_   [4]byte
}

// openNetlink opens the process connector. It is there in the host's network
// namespace alone.
func openNetlink() (*netlink, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_CONNECTOR)
	if err != nil {
		return nil, fmt.Errorf("%w: open a netlink socket: %w", errConnector, err)
	}
	if err := subscribe(fd); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: make an eventfd: %w", errConnector, err), unix.Close(fd))
	}
	n := &netlink{fd: fd, bell: bell}
	for i := range n.msgs {
		n.iovs[i].Base = &n.bufs[i][0]
		n.iovs[i].SetLen(messageMax)
		h := &n.msgs[i].hdr
		h.Iov = &n.iovs[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&n.from[i]))
	}
	return n, nil
}

// subscribe joins the connector's group and asks it to speak.
func subscribe(fd int) error {
	const room = 8 << 20 // a burst of some 10,000 changes
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, room) // what the host allows is what there is
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: cnIdxProc}); err != nil {
		return fmt.Errorf("%w: join its group: %w", errConnector, err)
	}
	var b [eventAt + 4]byte
	ne := binary.NativeEndian
	ne.PutUint32(b[0:], uint32(len(b)))
	ne.PutUint16(b[4:], unix.NLMSG_DONE)
	ne.PutUint32(b[nlHeader:], cnIdxProc)
	ne.PutUint32(b[nlHeader+4:], cnValProc)
	ne.PutUint16(b[nlHeader+16:], 4)
	ne.PutUint32(b[eventAt:], listen)
	if err := unix.Sendto(fd, b[:], 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("%w: subscribe: %w", errConnector, err)
	}
	return nil
}

// next implements connector. It waits in the kernel and not in the runtime's
// poller, so that the thread that waits is the one that is woken.
func (n *netlink) next(dst []change) ([]change, int64, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for {
		if n.shut.Load() || n.fd < 0 {
			return dst, 0, os.ErrClosed
		}
		begin := time.Now()
		switch err := n.receive(); {
		case errors.Is(err, unix.EAGAIN):
			rung, err := n.sleep()
			switch {
			case err != nil:
				return dst, 0, err
			case rung:
				return n.drain(dst)
			}
			continue
		case err != nil:
			return dst, 0, broken(err)
		}
		if dst = n.parse(dst); len(dst) > 0 {
			if n.n < perCall {
				return dst, begin.UnixNano(), nil
			}
			return dst, 0, nil
		}
	}
}

// drain reads what is there, without waiting.
func (n *netlink) drain(dst []change) ([]change, int64, error) {
	for {
		begin := time.Now()
		switch err := n.receive(); {
		case errors.Is(err, unix.EAGAIN):
			return dst, begin.UnixNano(), nil
		case err != nil:
			return dst, 0, broken(err)
		}
		dst = n.parse(dst)
	}
}

// broken names an error of the socket.
func broken(err error) error {
	if errors.Is(err, unix.ENOBUFS) {
		return errOverrun
	}
	return fmt.Errorf("read the process connector: %w", err)
}

// sleep waits for a datagram or for the bell, and says whether that rang.
func (n *netlink) sleep() (rung bool, err error) {
	fds := [2]unix.PollFd{{Fd: int32(n.fd), Events: unix.POLLIN}, {Fd: int32(n.bell), Events: unix.POLLIN}}
	if _, err := unix.Poll(fds[:], -1); err != nil && !errors.Is(err, unix.EINTR) {
		return false, fmt.Errorf("wait for the process connector: %w", err)
	}
	if fds[1].Revents == 0 {
		return false, nil
	}
	var b [8]byte
	_, err = unix.Read(n.bell, b[:])
	if err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
		return false, fmt.Errorf("wait for the process connector: %w", err)
	}
	return true, nil
}

// receive reads as many datagrams as there are, without waiting.
func (n *netlink) receive() error {
	for i := range n.msgs {
		n.msgs[i].hdr.Namelen = unix.SizeofSockaddrNetlink
	}
	for {
		got, _, fail := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(n.fd), uintptr(unsafe.Pointer(&n.msgs[0])), perCall, unix.MSG_DONTWAIT, 0, 0)
		switch fail {
		case 0:
			n.n = int(got)
			return nil
		case unix.EINTR:
		default:
			n.n = 0
			return fail
		}
	}
}

// wallClock is how far the wall clock is ahead of the kernel's monotonic one. It
// stands still until the two have moved apart, so that what is read at different
// times, or from different sources, keeps its order.
type wallClock struct{ ahead int64 }

func (w *wallClock) shift() int64 {
	const apart = int64(time.Millisecond)
	if now := shift(); now > w.ahead+apart || now < w.ahead-apart {
		w.ahead = now
	}
	return w.ahead
}

// shift returns what the wall clock is ahead of the kernel's monotonic one. A
// reader that is stopped between the two clocks would be wrong by as long, so
// they are read until they are close to each other.
func shift() int64 {
	best, least := int64(0), int64(never)
	for range 5 {
		var mono unix.Timespec
		before := time.Now().UnixNano()
		if unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) != nil {
			continue // it is there on every Linux
		}
		after := time.Now().UnixNano()
		if after-before < least {
			best, least = before+(after-before)/2-mono.Nano(), after-before
		}
		if least < int64(100*time.Microsecond) {
			break
		}
	}
	return best
}

// parse appends the changes that were received. Only the kernel is believed: any
// process may send to the socket, with its own address.
func (n *netlink) parse(dst []change) []change {
	shift := n.wall.shift()
	for i := range n.n {
		m := &n.msgs[i]
		if n.from[i].Pid != 0 || m.hdr.Flags&unix.MSG_TRUNC != 0 {
			continue
		}
		if c, ok := parseProcEvent(n.bufs[i][:min(int(m.len), messageMax)]); ok {
			c.t += shift
			dst = append(dst, c)
		}
	}
	return dst
}

// kick implements connector.
func (n *netlink) kick() {
	one := [8]byte{}
	binary.NativeEndian.PutUint64(one[:], 1)
	n.ring.Lock()
	defer n.ring.Unlock()
	if n.bell >= 0 {
		_, _ = unix.Write(n.bell, one[:]) // full is rung as well
	}
}

// close implements connector; it ends a next that waits.
func (n *netlink) close() error {
	n.shut.Store(true)
	n.kick()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fd < 0 {
		return os.ErrClosed
	}
	n.ring.Lock()
	defer n.ring.Unlock()
	err := errors.Join(unix.Close(n.fd), unix.Close(n.bell))
	n.fd, n.bell = -1, -1
	return err
}

package syslog

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// unacknowledged returns how many written bytes the other side has not taken: not
// acknowledged by its TCP, not read from a Unix socket. A closed socket has none.
func unacknowledged(raw syscall.RawConn) int {
	left := 0
	// On an error the socket is closed, and alive says so.
	_ = raw.Control(func(fd uintptr) {
		if n, err := unix.IoctlGetInt(int(fd), unix.TIOCOUTQ); err == nil {
			left = n
		}
	})
	return left
}

// hungUp reports whether the peer has closed its side or the connection is broken.
func hungUp(raw syscall.RawConn) bool {
	gone := false
	err := raw.Control(func(fd uintptr) {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		if n, err := unix.Poll(p, 0); err == nil && n > 0 {
			gone = p[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0
		}
	})
	return gone || err != nil
}

// broken reports whether the connection was reset; the kernel says it once.
func broken(raw syscall.RawConn) bool {
	reset := true
	err := raw.Control(func(fd uintptr) {
		n, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		reset = n != 0 || err != nil
	})
	return reset || err != nil
}

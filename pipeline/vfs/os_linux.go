package vfs

import "syscall"

func allocate(fd int, size int64) error {
	for {
		if err := syscall.Fallocate(fd, 0, 0, size); err != syscall.EINTR {
			return err
		}
	}
}

// datasync is repeated after EINTR only: an interrupted call has written
// nothing off, a failed one has.
func datasync(fd int) error {
	for {
		if err := syscall.Fdatasync(fd); err != syscall.EINTR {
			return err
		}
	}
}

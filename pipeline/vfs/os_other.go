//go:build unix && !linux

package vfs

import "syscall"

func allocate(int, int64) error { return syscall.ENOSYS }

func datasync(fd int) error { return syscall.Fsync(fd) }

//go:build !linux

package syslog

import "syscall"

// unacknowledged cannot be asked here: what was written counts as taken.
func unacknowledged(syscall.RawConn) int { return 0 }

// hungUp cannot be asked here: the reader finds out a little later.
func hungUp(syscall.RawConn) bool { return false }

// broken cannot be asked here, and nothing is believed.
func broken(syscall.RawConn) bool { return true }

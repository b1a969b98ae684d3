//go:build amd64 || arm64 || riscv64 || ppc64le

package vfs

import "syscall"

// dontNeed is POSIX_FADV_DONTNEED of posix_fadvise(2).
const dontNeed = 4

// uncache is a wish; whether it came true is not asked.
func uncache(fd int) {
	_, _, _ = syscall.Syscall6(syscall.SYS_FADVISE64, uintptr(fd), 0, 0, dontNeed, 0, 0)
}

//go:build amd64 || arm64 || riscv64 || ppc64le

package vfs

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestUncache: of a file that is on the disk no page stays in memory.
func TestUncache(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil || st.Type == unix.TMPFS_MAGIC {
		t.Skipf("NOT RUN: %s is not on a disk: %v", path, err)
	}
	if _, err := f.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if n := resident(t, f); n == 0 {
		t.Fatal("what was written just now is not in memory: this shows nothing")
	}
	osFile{f}.Uncache()
	if n := resident(t, f); n != 0 {
		t.Errorf("%d pages are in memory", n)
	}
}

// resident is how many pages of a file are in memory, see mincore(2).
func resident(t *testing.T, f *os.File) (n int) {
	t.Helper()
	m, err := unix.Mmap(int(f.Fd()), 0, 1<<20, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(m) }()
	in := make([]byte, len(m)/os.Getpagesize())
	if _, _, e := syscall.Syscall(syscall.SYS_MINCORE, uintptr(unsafe.Pointer(&m[0])), uintptr(len(m)), uintptr(unsafe.Pointer(&in[0]))); e != 0 {
		t.Fatal(e)
	}
	for _, page := range in {
		n += int(page & 1)
	}
	return n
}

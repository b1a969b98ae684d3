package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"syscall"
)

// memFile is an open file of a Mem.
type memFile struct {
	m      *Mem
	n      *node
	name   string
	write  bool
	closed bool // guarded by m.mu
	holds  bool // guarded by m.mu: it has the lock
}

func (f *memFile) begin(kind string) error {
	if err := f.m.begin(kind, f.name); err != nil {
		return err
	}
	if err := f.open(kind); err != nil {
		return err
	}
	if !f.write && kind != "read" && kind != "lock" {
		return &fs.PathError{Op: kind, Path: f.name, Err: syscall.EBADF}
	}
	return nil
}

// open returns an error once the file is closed; m.mu is held.
func (f *memFile) open(kind string) error {
	if f.closed {
		return &fs.PathError{Op: kind, Path: f.name, Err: fs.ErrClosed}
	}
	return nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	err := f.begin("read")
	defer f.m.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, fmt.Errorf("read %s: negative offset", f.name)
	}
	if off >= int64(len(f.n.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.n.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	err := f.begin("write")
	defer f.m.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, fmt.Errorf("write %s: negative offset", f.name)
	}
	if len(p) == 0 {
		return 0, nil // which does not lengthen a file
	}
	if err := f.grow("write", off+int64(len(p))); err != nil {
		return 0, err
	}
	n := copy(f.n.data[off:], p)
	f.mark(off, off+int64(n))
	return n, nil
}

// mark remembers the sectors of a range as not on the disk yet.
func (f *memFile) mark(from, to int64) {
	if f.n.dirty == nil {
		f.n.dirty = map[int64]struct{}{}
	}
	for s := from / sector; s*sector < to; s++ {
		f.n.dirty[s] = struct{}{}
	}
}

func (f *memFile) grow(kind string, size int64) error {
	more := size - int64(len(f.n.data))
	if more <= 0 {
		return nil
	}
	if f.m.space > 0 && used(f.m.root)+more > f.m.space {
		return &fs.PathError{Op: kind, Path: f.name, Err: syscall.ENOSPC}
	}
	f.n.data = append(f.n.data, make([]byte, more)...)
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	return int64(len(f.n.data)), f.open("size")
}

func (f *memFile) Truncate(size int64) error {
	err := f.begin("truncate")
	defer f.m.mu.Unlock()
	if err != nil {
		return err
	}
	if size < 0 {
		return &fs.PathError{Op: "truncate", Path: f.name, Err: syscall.EINVAL}
	}
	if size >= int64(len(f.n.data)) {
		return f.grow("truncate", size)
	}
	clear(f.n.data[size:])
	f.mark(size, int64(len(f.n.data)))
	f.n.data = f.n.data[:size]
	return nil
}

func (f *memFile) Allocate(size int64) error {
	err := f.begin("allocate")
	defer f.m.mu.Unlock()
	if err != nil {
		return err
	}
	return f.grow("allocate", size)
}

// Uncache does nothing: what the file holds lies in memory in any case.
func (f *memFile) Uncache() {}

func (f *memFile) Datasync() error {
	err := f.m.begin("datasync", f.name)
	defer f.m.mu.Unlock()
	if closed := f.open("datasync"); closed != nil {
		return closed
	}
	if err != nil {
		// The pages count as clean now and are never written: that is what a
		// failed fsync leaves behind.
		clear(f.n.dirty)
		return err
	}
	n := f.n
	n.disk = resize(n.disk, len(n.data))
	for s := range n.dirty {
		from := min(s*sector, int64(len(n.data)))
		to := min(from+sector, int64(len(n.data)))
		copy(n.disk[from:to], n.data[from:to])
	}
	clear(n.dirty)
	return nil
}

// resize returns b with length n; what is new is zero.
func resize(b []byte, n int) []byte {
	if n <= len(b) {
		return b[:n]
	}
	if n <= cap(b) {
		old := len(b)
		b = b[:n]
		clear(b[old:])
		return b
	}
	out := make([]byte, n)
	copy(out, b)
	return out
}

func (f *memFile) TryLock() (bool, error) {
	err := f.begin("lock")
	defer f.m.mu.Unlock()
	if err != nil {
		return false, err
	}
	if f.n.locked && !f.holds {
		return false, nil
	}
	f.n.locked, f.holds = true, true
	return true, nil
}

func (f *memFile) Linked() (bool, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	return f.n.links > 0, f.open("linked")
}

func (f *memFile) Close() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.closed {
		return &fs.PathError{Op: "close", Path: f.name, Err: fs.ErrClosed}
	}
	f.closed = true
	if f.holds {
		f.n.locked = false
	}
	return nil
}

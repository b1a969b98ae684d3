//go:build unix

package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

type osFS struct{}

// OS returns the real file system.
func OS() FS { return osFS{} }

func (osFS) MkdirAll(dir string) error {
	dir = filepath.Clean(dir)
	var missing []string
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err == nil {
			if !info.IsDir() {
				return &fs.PathError{Op: "mkdir", Path: at, Err: syscall.ENOTDIR}
			}
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		missing = append(missing, at)
	}
	for i := len(missing) - 1; i >= 0; i-- {
		if err := os.Mkdir(missing[i], 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := os.Chmod(missing[i], 0o700); err != nil {
			return err
		}
		if err := syncDir(filepath.Dir(missing[i])); err != nil {
			return err
		}
	}
	return tighten(dir)
}

// tighten gives dir mode 0700. A folder with the sticky bit is everybody's, like
// /tmp, and shutting it would hurt others.
func tighten(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return err
	case info.Mode()&fs.ModeSticky != 0:
		return fmt.Errorf("mkdir %s: %w", dir, ErrShared)
	case info.Mode().Perm() == 0o700:
		return nil
	}
	err = os.Chmod(dir, 0o700)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: the folder belongs to another user, so name one below it", err)
	}
	return err
}

func (osFS) Open(name string, mode Mode) (File, error) {
	// Without O_NONBLOCK a pipe that somebody planted would hold the open.
	flag := syscall.O_NOFOLLOW | syscall.O_NONBLOCK
	switch mode {
	case Read:
		flag |= os.O_RDONLY
	case Write:
		flag |= os.O_RDWR
	case Create:
		flag |= os.O_RDWR | os.O_CREATE
	case CreateNew:
		flag |= os.O_RDWR | os.O_CREATE | os.O_EXCL
	}
	f, err := os.OpenFile(name, flag, 0o600)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("open %s: a symbolic link: %w", name, ErrNotRegular)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open %s: %w", name, ErrNotRegular)
	}
	if err == nil && mode >= Create && info.Mode().Perm() != 0o600 {
		err = f.Chmod(0o600)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return osFile{f}, nil
}

func (osFS) Remove(name string) error {
	// Not os.Remove, which takes an empty folder too.
	if err := syscall.Unlink(name); err != nil {
		return &fs.PathError{Op: "unlink", Path: name, Err: err}
	}
	return nil
}

func (osFS) ReadDir(dir string) ([]Info, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	out := make([]Info, 0, len(list))
	for _, e := range list {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // gone since it was listed
		}
		if err != nil {
			return nil, err
		}
		out = append(out, Info{Name: e.Name(), Size: info.Size(), Regular: info.Mode().IsRegular()})
	}
	return out, nil
}

func (osFS) SyncDir(dir string) error { return syncDir(dir) }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (osFS) Free(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return product(s.Bavail, s.Bsize), nil
}

// product multiplies the fields of Statfs_t, which every system and processor
// gives other types.
func product[A, B ~int32 | ~int64 | ~uint32 | ~uint64](a A, b B) int64 { return int64(a) * int64(b) }

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f osFile) Allocate(size int64) error {
	if size <= 0 {
		return nil
	}
	err := allocate(int(f.Fd()), size)
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		// This file system cannot: a full disk will show at a write instead.
		return f.lengthen(size)
	}
	if err != nil {
		return &fs.PathError{Op: "fallocate", Path: f.Name(), Err: err}
	}
	return nil
}

// lengthen makes the file at least size bytes long and never shorter.
func (f osFile) lengthen(size int64) error {
	if now, err := f.Size(); err != nil || now >= size {
		return err
	}
	return f.Truncate(size)
}

func (f osFile) Datasync() error {
	if err := datasync(int(f.Fd())); err != nil {
		return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	return nil
}

func (f osFile) Uncache() { uncache(int(f.Fd())) }

func (f osFile) TryLock() (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	if err != nil {
		return false, &fs.PathError{Op: "flock", Path: f.Name(), Err: err}
	}
	return true, nil
}

func (f osFile) Linked() (bool, error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	return !ok || s.Nlink > 0, nil
}

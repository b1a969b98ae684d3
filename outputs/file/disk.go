package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// handle is what is done with an open file; *os.File is one.
type handle interface {
	io.Writer
	io.ReaderAt
	Truncate(size int64) error
	Stat() (fs.FileInfo, error)
	Chmod(mode fs.FileMode) error
	Chown(uid, gid int) error
	Sync() error
	Close() error
}

// disk is every operation that changes what is on the disk, so that a test can
// end the process at each.
type disk interface {
	// open opens or makes the regular file at path for appending, follows no
	// symbolic link and takes its lock.
	open(path string, own owner) (f handle, fresh bool, err error)

	// create makes a file that must not exist.
	create(path string) (handle, error)

	// rename gives a file another name, which nobody has.
	rename(from, to string) error

	remove(path string) error

	// syncDir puts the names of a folder on stable storage.
	syncDir(dir string) error
}

type osDisk struct{}

func (osDisk) open(path string, own owner) (handle, bool, error) {
	fresh := false
	f, err := openOld(path)
	if errors.Is(err, fs.ErrNotExist) {
		fresh = true
		f, err = os.OpenFile(path, flags|os.O_CREATE|os.O_EXCL, own.mode)
	}
	if err != nil {
		return nil, false, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("it is %s and not a regular file", kind(info.Mode()))
	case fresh:
		if err = own.give(f); err != nil { // or the next attempt would take it as it is
			err = errors.Join(err, os.Remove(path))
		}
	}
	if err == nil {
		err = lock(f)
	}
	if err != nil {
		return nil, false, errors.Join(err, f.Close())
	}
	return f, fresh, nil
}

// give makes a new file the owner's, with its permissions: the umask may have
// taken some of them.
func (own owner) give(f handle) error {
	if own.uid >= 0 || own.gid >= 0 {
		if err := f.Chown(own.uid, own.gid); err != nil {
			return fmt.Errorf("give it to its owner (CAP_CHOWN, or a group that tallyman is in, is needed): %w", err)
		}
	}
	return f.Chmod(own.mode)
}

func (osDisk) create(path string) (handle, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err // not f: a nil pointer in an interface is no nil
	}
	return f, nil
}

func (osDisk) rename(from, to string) error { return renameNew(from, to) }
func (osDisk) remove(path string) error     { return os.Remove(path) }
func (osDisk) syncDir(dir string) error     { return syncDir(dir) }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// renameChecked is renameNew for file systems that cannot refuse by themselves.
func renameChecked(from, to string) error {
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: syscall.EEXIST}
	}
	return os.Rename(from, to)
}

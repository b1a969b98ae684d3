// Package vfs is the file system as the journal needs it: an interface, the
// real one (OS) and one in memory (Mem) that can crash as a disk does and fail
// when a test says so. It knows folders, files and what is on stable storage;
// it does not know what is written.
package vfs

import (
	"errors"
	"io"
)

// ErrNotRegular says that a name that should be a plain file is a link, a
// folder or a device.
var ErrNotRegular = errors.New("not a regular file")

// ErrShared says that a folder is everybody's, so that it cannot be made ours.
var ErrShared = errors.New("the folder is shared with other programs; name one below it")

// Mode says how Open treats a name.
type Mode uint8

// The modes of Open.
const (
	Read      Mode = iota // for reading; it must exist
	Write                 // for reading and writing; it must exist
	Create                // for reading and writing; it is made when absent
	CreateNew             // for reading and writing; it must not exist
)

// FS is a file system. Names are paths as the operating system writes them. Its
// methods may be called from several goroutines.
type FS interface {
	// MkdirAll makes dir and what is missing above it, each with mode 0700
	// whatever the umask, and each on stable storage when it returns. A dir that
	// exists gets mode 0700; one with the sticky bit, like /tmp, is ErrShared.
	MkdirAll(dir string) error

	// Open opens a regular file; a symbolic link is refused. A file that is made
	// has mode 0600 whatever the umask. Its name is on stable storage only after
	// SyncDir.
	Open(name string, mode Mode) (File, error)

	// Remove removes a file, not a folder; that is on stable storage only after SyncDir.
	Remove(name string) error

	// ReadDir lists a folder by name, links not followed.
	ReadDir(dir string) ([]Info, error)

	// SyncDir puts the names of a folder on stable storage.
	SyncDir(dir string) error

	// Free returns the bytes that an unprivileged process may still use.
	Free(dir string) (int64, error)
}

// Info is one name in a folder.
type Info struct {
	Name    string
	Size    int64 // bytes
	Regular bool  // a plain file
}

// File is an open file. ReadAt and WriteAt may be called from several
// goroutines; ReadAt returns io.EOF past the end as io.ReaderAt says.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer

	// Size returns the length in bytes.
	Size() (int64, error)

	// Truncate sets the length in bytes.
	Truncate(size int64) error

	// Allocate makes the file at least size bytes long and takes the room on the
	// disk, so that a full disk shows here and not at a write.
	Allocate(size int64) error

	// Datasync puts what was written, and the length, on stable storage. After an
	// error nothing is known about what was written since the last success, and a
	// second Datasync on the same File proves nothing.
	Datasync() error

	// Uncache tells the operating system that nobody will read soon what the file holds,
	// so that it keeps no other's memory for it. What is not on stable storage it keeps. It is a
	// wish: where it is not granted, nothing is lost but room.
	Uncache()

	// TryLock takes the one exclusive lock of the file, which Close gives back.
	// It returns false when another holder has it.
	TryLock() (bool, error)

	// Linked reports whether the file still has a name in some folder.
	Linked() (bool, error)
}

package engine

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"tallyman/pipeline/journal"
	"tallyman/pipeline/vfs"
)

// The names of the dead letters in the journal's folder.
const (
	deadDir  = "deadletter"
	deadExt  = ".jsonl"
	deadTemp = ".jsonl.new" // a rewrite that is not finished
	deadLock = "lock"       // held for a moment by whoever changes a file
)

// ErrDeadBusy says that another process changes the dead letters.
var ErrDeadBusy = errors.New("the dead letters are being changed")

// deadFS is the file system of the dead letters: that of the journal, and what
// it takes to put one file in the place of another.
type deadFS interface {
	vfs.FS

	// Rename puts a file in the place of another; a crash leaves the one or the
	// other. That is on stable storage only after SyncDir.
	Rename(from, to string) error

	// Give makes the owner of a file's folder its owner, so that what root wrote
	// stays the service's.
	Give(name string) error
}

type osDead struct{ vfs.FS }

func (osDead) Rename(from, to string) error { return os.Rename(from, to) }

func (osDead) Give(name string) error {
	info, err := os.Stat(filepath.Dir(name))
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(st.Uid) == os.Geteuid() {
		return nil
	}
	return os.Lchown(name, int(st.Uid), int(st.Gid))
}

// lockDead takes the lock of the folder dir, which exists. With an owner others
// are told who has it.
func lockDead(fs deadFS, dir, owner string) (vfs.File, error) {
	name := filepath.Join(dir, deadLock)
	f, err := fs.Open(name, vfs.Create)
	if err != nil {
		return nil, fmt.Errorf("lock the dead letters: %w", err)
	}
	if err = fs.Give(name); err == nil {
		err = take(f, owner, ErrDeadBusy, dir)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// take locks a file and writes the owner to it; busy is the error when another
// has it.
func take(f vfs.File, owner string, busy error, dir string) error {
	got, err := f.TryLock()
	if err != nil {
		return err
	}
	if !got {
		text := make([]byte, 256)
		n, err := f.ReadAt(text, 0)
		if err != nil && !errors.Is(err, io.EOF) {
			n = 0 // the message only says less
		}
		holder := strings.ToValidUTF8(string(text[:n]), "?")
		if holder == "" {
			holder = "another process"
		}
		return fmt.Errorf("%w: %s is held by %s", busy, dir, holder)
	}
	if size, err := f.Size(); err != nil || size == 0 && owner == "" {
		return err
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(owner), 0)
	return err
}

// LockJournal takes the lock of the journal in dir, so that no process delivers
// from it meanwhile; owner is what one that is started is told. An error that is
// journal.ErrLocked says who has it. Close gives it back.
func LockJournal(dir, owner string) (io.Closer, error) {
	// A journal that was never opened has no lock, and none is made.
	f, err := vfs.OS().Open(filepath.Join(dir, "lock"), vfs.Write)
	if err != nil {
		return nil, fmt.Errorf("lock the journal: %w", err)
	}
	if err := take(f, owner, journal.ErrLocked, dir); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

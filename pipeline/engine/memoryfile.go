package engine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"tallyman/pipeline/keep"
)

// memoryFiles are the files of what transforms remember, two generations of
// each, in a folder of the journal. A file is
//
//	mark "TLYMEM" and version 1, type, name, sequence, snapshot
//
// as package keep writes them; the snapshot is the transform's own encoding.
type memoryFiles struct {
	dir string
	max int64 // bytes of all files
}

const (
	memoryMark    = "TLYMEM"
	memoryVersion = 1
	maxSnapshot   = 64 << 20 // bytes of one
	previous      = ".previous"
	unfinished    = ".new"
)

var errMemoryFull = errors.New("what is remembered takes more room than it may")

func newMemoryFiles(dir string, limit int64) memoryFiles {
	return memoryFiles{dir: filepath.Join(dir, "memory"), max: limit}
}

func (f *memoryFiles) path(name string) string { return filepath.Join(f.dir, name) }

// write puts a snapshot in the place of the last one, which becomes the
// previous one. At every moment one of them is whole.
func (f *memoryFiles) write(name, typ string, seq uint64, snapshot []byte) error {
	w := keep.NewWriter(make([]byte, 0, len(snapshot)+256), memoryMark, memoryVersion)
	w.Str(typ)
	w.Str(name)
	w.Uint(seq)
	w.Bytes(snapshot)
	b := w.End()
	size, err := f.size()
	if err != nil {
		return err
	}
	if len(b) > maxSnapshot || size+int64(len(b)) > f.max {
		return fmt.Errorf("%s: %w: %d bytes, beside %d of %d in %s", name, errMemoryFull, len(b), size, f.max, f.dir)
	}
	fresh := f.path(name + unfinished)
	if err := writeWhole(fresh, b); err != nil {
		return errors.Join(err, ignoreAbsent(os.Remove(fresh)))
	}
	if err := ignoreAbsent(os.Rename(f.path(name), f.path(name+previous))); err != nil {
		return err
	}
	if err := os.Rename(fresh, f.path(name)); err != nil {
		return err
	}
	return syncDir(f.dir)
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// writeWhole makes a file and puts it on stable storage.
func writeWhole(path string, b []byte) error {
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	err = out.Chmod(0o600) // whatever the umask, and whoever made it
	if err == nil {
		_, err = out.Write(b)
	}
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// size makes the folder when it is missing and adds up what is in it.
func (f *memoryFiles) size() (int64, error) {
	list, err := os.ReadDir(f.dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.Mkdir(f.dir, 0o700); err == nil {
			err = errors.Join(os.Chmod(f.dir, 0o700), syncDir(filepath.Dir(f.dir)))
		}
		return 0, err
	}
	var size int64
	for _, e := range list {
		info, ierr := e.Info()
		if ierr != nil {
			return 0, ierr
		}
		size += info.Size()
	}
	return size, err
}

// load restores a transform from its newest snapshot that is whole, of its type,
// and not ahead of the journal, whose newest sequence is last. It returns the
// sequence that the snapshot stands for; ok is false when there was none.
func (f *memoryFiles) load(k *keeper, last uint64, log *slog.Logger) (seq uint64, ok bool) {
	refused := false
	for _, name := range [...]string{k.name, k.name + previous} {
		snapshot, seq, err := f.read(f.path(name), k, last)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = k.Restore(snapshot)
		}
		if err == nil {
			return seq, true
		}
		refused = true
		log.Warn("a snapshot of what a transform remembers cannot be used and is removed", "component", k.name, "file", name, "error", err)
		if err := os.Remove(f.path(name)); err != nil {
			log.Warn("it could not be removed", "file", name, "error", err)
		}
	}
	if refused {
		log.Error("a transform begins anew with nothing remembered", "component", k.name)
	}
	return 0, false
}

// read returns the snapshot in a file.
func (f *memoryFiles) read(path string, k *keeper, last uint64) (snapshot []byte, seq uint64, err error) {
	b, err := readWhole(path)
	if err != nil {
		return nil, 0, err
	}
	r, err := keep.NewReader(b, memoryMark, memoryVersion)
	if err != nil {
		return nil, 0, err
	}
	typ, name := r.Str(), r.Str()
	seq = r.Uint()
	snapshot = r.Bytes()
	switch err := r.Close(); {
	case err != nil:
		return nil, 0, err
	case typ != k.typ || name != k.name:
		return nil, 0, fmt.Errorf("it is of %s, a transform of type %s", name, typ)
	case seq > last:
		return nil, 0, fmt.Errorf("it stands for frame %d and the journal ends with %d", seq, last)
	}
	return snapshot, seq, nil
}

func readWhole(path string) ([]byte, error) {
	in, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := in.Stat()
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxSnapshot) {
		err = errors.New("it is no plain file, or too large")
	}
	var b []byte
	if err == nil {
		b, err = io.ReadAll(io.LimitReader(in, maxSnapshot+1))
	}
	return b, errors.Join(err, in.Close())
}

// keepOnly removes what no transform of the configuration remembers: should one
// come back later, it would have to learn from all of the journal.
func (f *memoryFiles) keepOnly(keepers []keeper, log *slog.Logger) {
	list, err := os.ReadDir(f.dir)
	if err != nil {
		return // not made yet; what else is wrong with it, the next save says
	}
	for _, e := range list {
		name := strings.TrimSuffix(e.Name(), previous)
		known := false
		for i := range keepers {
			known = known || keepers[i].name == name
		}
		if known {
			continue
		}
		if err := os.Remove(f.path(e.Name())); err != nil {
			log.Warn("a file of what no transform remembers could not be removed", "file", f.path(e.Name()), "error", err)
		}
	}
}

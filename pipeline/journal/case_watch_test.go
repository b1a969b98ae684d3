package journal

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"

	"tallyman/pipeline/vfs"
)

// watched is a file system that knows what the journal does by name ("frame
// write", "segment unlink") and calls at before, after and, of a write, in the
// middle of each. An error from at is the result of the operation.
type watched struct {
	vfs.FS
	at func(step, phase string) error

	mu      sync.Mutex
	removed bool            // the last change of a name in the folder was an unlink
	begun   map[string]bool // segments whose head is on stable storage, or that an earlier process made
	headed  map[string]bool // segments whose head was written
	failed  map[string]bool // segments of which a sync failed
	old     map[string]bool // segments that were opened to settle the tail
}

func watch(fs vfs.FS, at func(step, phase string) error) *watched {
	return &watched{FS: fs, at: at, begun: map[string]bool{}, headed: map[string]bool{}, failed: map[string]bool{}, old: map[string]bool{}}
}

// step names an operation; empty is one that is of no interest.
func (w *watched) step(kind, name string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	base := filepath.Base(name)
	switch {
	case filepath.Base(filepath.Dir(name)) == quarantineDir:
		return "quarantine " + kind
	case kind == "syncdir" && base == quarantineDir:
		return "quarantine folder sync"
	case base == "lock" || base == "state":
		return base + " " + kind
	case kind == "syncdir" && w.removed:
		return "folder sync after an unlink"
	case kind == "syncdir":
		return "folder sync after a create"
	case !strings.HasSuffix(base, ".seg"):
		return ""
	case kind == "create" || kind == "allocate" || kind == "unlink":
		return "segment " + kind
	case w.old[name]:
		return "tail " + kind
	case kind == "truncate" && w.failed[name]:
		return "abandoned segment truncate"
	case kind == "truncate":
		return "seal truncate"
	case kind == "write" && !w.headed[name], kind == "sync" && !w.begun[name]:
		return "head " + kind
	}
	return "frame " + kind
}

// note remembers what an operation changes in the names of those that follow.
func (w *watched) note(kind, name string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case kind == "sync" && err != nil:
		w.failed[name] = true
	case kind == "sync":
		w.begun[name] = true
	case kind == "write":
		w.headed[name] = true
	case kind == "create" || kind == "unlink":
		w.removed = kind == "unlink"
	}
}

func (w *watched) do(kind, name string, op func() error) error {
	step := w.step(kind, name)
	if err := w.at(step, "before"); err != nil {
		if !errors.Is(err, errCut) {
			w.note(kind, name, err)
		}
		return &fs.PathError{Op: kind, Path: name, Err: err}
	}
	err := op()
	w.note(kind, name, err)
	if err != nil {
		return err
	}
	if err := w.at(step, "after"); err != nil {
		return &fs.PathError{Op: kind, Path: name, Err: err}
	}
	return nil
}

// MkdirAll makes one folder after the other, so that a cut comes between them.
func (w *watched) MkdirAll(dir string) error {
	if up := filepath.Dir(dir); up != dir {
		if err := w.MkdirAll(up); err != nil {
			return err
		}
	}
	step := map[string]string{"var": "first ancestor mkdir", "lib": "ancestor mkdir", "tallyman": "folder mkdir", quarantineDir: "quarantine mkdir"}[filepath.Base(dir)]
	if err := w.at(step, "before"); err != nil {
		return err
	}
	if err := w.FS.MkdirAll(dir); err != nil {
		return err
	}
	return w.at(step, "after")
}

func (w *watched) Open(name string, mode vfs.Mode) (vfs.File, error) {
	var f vfs.File
	open := func() (err error) {
		f, err = w.FS.Open(name, mode)
		return err
	}
	kind := "open"
	if mode >= vfs.Create {
		kind = "create"
	}
	if err := w.do(kind, name, open); err != nil {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
		return nil, err
	}
	if mode == vfs.Write {
		w.mu.Lock()
		w.old[name] = true
		w.mu.Unlock()
	}
	return &watchedFile{File: f, w: w, name: name}, nil
}

func (w *watched) Remove(name string) error {
	return w.do("unlink", name, func() error { return w.FS.Remove(name) })
}

func (w *watched) SyncDir(dir string) error {
	return w.do("syncdir", dir, func() error { return w.FS.SyncDir(dir) })
}

type watchedFile struct {
	vfs.File
	w    *watched
	name string
}

func (f *watchedFile) WriteAt(b []byte, off int64) (n int, err error) {
	err = f.w.do("write", f.name, func() error {
		half := len(b) / 2
		if _, err := f.File.WriteAt(b[:half], off); err != nil {
			return err
		}
		if err := f.w.at(f.w.step("write", f.name), "amid"); err != nil {
			return err
		}
		_, err := f.File.WriteAt(b[half:], off+int64(half))
		return err
	})
	if err != nil {
		return 0, err
	}
	return len(b), nil
}

func (f *watchedFile) Truncate(n int64) error {
	return f.w.do("truncate", f.name, func() error { return f.File.Truncate(n) })
}

func (f *watchedFile) Allocate(n int64) error {
	return f.w.do("allocate", f.name, func() error { return f.File.Allocate(n) })
}

func (f *watchedFile) Datasync() error {
	return f.w.do("sync", f.name, f.File.Datasync)
}

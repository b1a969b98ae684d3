package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/vfs"
)

// faulty is a disk in memory on which the nth operation of all fails, and with
// dead every one after it: the process is gone then.
type faulty struct {
	*vfs.Mem
	n    int // counts from 1; 0 fails nothing
	err  error
	part bool // a write that fails has written half
	dead bool

	seen int
	hits int

	unsynced map[string]bool // files that were written to since their last sync
}

func newFaulty(m *vfs.Mem) *faulty { return &faulty{Mem: m, unsynced: map[string]bool{}} }

// arm lets the nth operation from now on fail.
func (f *faulty) arm(n int, err error) {
	f.n, f.err, f.seen, f.hits = n, err, 0, 0
	f.SetHook(func(vfs.Op) error { return f.strike() })
}

func (f *faulty) disarm() { f.SetHook(nil); f.n = 0 }

func (f *faulty) strike() error {
	if f.n == 0 {
		return nil
	}
	f.seen++
	if f.seen == f.n || f.dead && f.seen > f.n {
		f.hits++
		return f.err
	}
	return nil
}

// Rename does what a rename does to who looks; for a crash it is whole and
// durable, or not done.
func (f *faulty) Rename(from, to string) error {
	if err := f.strike(); err != nil {
		return err
	}
	if f.unsynced[from] {
		return fmt.Errorf("%s is renamed before it is durable", from)
	}
	f.SetHook(nil)
	defer f.SetHook(func(vfs.Op) error { return f.strike() })
	text, err := contentOf(f.Mem, from)
	if err != nil {
		return err
	}
	if err := f.Remove(to); err != nil {
		return err
	}
	w, err := f.Mem.Open(to, vfs.CreateNew)
	if err != nil {
		return err
	}
	_, err = w.WriteAt(text, 0)
	return errors.Join(err, w.Datasync(), w.Close(), f.Remove(from), f.SyncDir(filepath.Dir(to)))
}

func (f *faulty) Give(string) error { return nil }

func (f *faulty) Open(name string, mode vfs.Mode) (vfs.File, error) {
	file, err := f.Mem.Open(name, mode)
	if err != nil {
		return nil, err
	}
	return &faultyFile{file, f, name}, nil
}

type faultyFile struct {
	vfs.File
	f    *faulty
	name string
}

func (w *faultyFile) Datasync() error {
	err := w.File.Datasync()
	if err == nil {
		delete(w.f.unsynced, w.name)
	}
	return err
}

// WriteAt leaves half of what it was to write when it fails and part is set.
func (w *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	w.f.unsynced[w.name] = true
	n, err := w.File.WriteAt(p, off)
	if err == nil || !w.f.part {
		return n, err
	}
	w.f.SetHook(nil)
	defer w.f.SetHook(func(vfs.Op) error { return w.f.strike() })
	n, herr := w.File.WriteAt(p[:len(p)/2], off)
	return n, errors.Join(err, herr)
}

func contentOf(m *vfs.Mem, name string) ([]byte, error) {
	r, err := m.Open(name, vfs.Read)
	if err != nil {
		return nil, err
	}
	size, err := r.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	return b, errors.Join(readFull(r, b, 0), r.Close())
}

// letterbox is a writer and a reader over one disk.
type letterbox struct {
	*deadLetters
	disk *faulty
	log  strings.Builder
}

func newLetterbox(t *testing.T, limit int64) *letterbox {
	t.Helper()
	b := &letterbox{disk: newFaulty(vfs.NewMem())}
	b.reopen()
	b.max = limit
	return b
}

// reopen is the next process.
func (b *letterbox) reopen() {
	limit := int64(1 << 20)
	if b.deadLetters != nil {
		limit = b.max
	}
	b.deadLetters = newDeadLetters("/j", limit, func() time.Time { return time.Unix(1000, 0) }, slog.New(slog.NewTextHandler(&b.log, nil)))
	b.fs = b.disk
}

func letterOf(name string) *event.Event {
	return &event.Event{ID: event.NewID([]byte(name)), Dataset: "test", Raw: name, Records: 1, Time: time.Unix(7, 0)}
}

var errRefused = errors.New("400 bad field")

// held returns the source texts of the letters of output a.
func (b *letterbox) held(t *testing.T) []string {
	t.Helper()
	f := b.read(t)
	var raws []string
	for i := range f.Letters {
		e, err := f.Letters[i].Decode()
		if err != nil {
			t.Fatal(err)
		}
		raws = append(raws, e.Raw)
	}
	return raws
}

func (b *letterbox) reader() *DeadLetters { return &DeadLetters{fs: b.disk, dir: "/j"} }

func (b *letterbox) read(t *testing.T) *DeadLetterFile {
	t.Helper()
	f, err := b.reader().Read("a")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

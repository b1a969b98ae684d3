package tail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	// errReplaced says that a file is shorter than what was read of it.
	errReplaced = errors.New("the file is shorter than before")
	// errOther says that a file has another content than what was read of it.
	errOther = errors.New("the file has another content than before")
	// errMoved says that a path leads to another file than a moment before.
	errMoved = errors.New("the file was moved")
)

// file is one file that is held open. Only Read uses what lies below id.
type file struct {
	path string // where it was found, for messages
	f    *os.File
	read func(p []byte, off int64) (int, error) // ReadAt of f; tests fail it
	open *atomic.Int64                          // counts the files that are open
	seen *seenFiles                             // of a Set, where it is claimed
	id   identity
	at   position // where reading it begins, as it was then

	off     int64     // of the next byte to read
	rest    string    // read and not yet cut into lines; it ends at off
	chunk   *chunk    // that rest is a view of; nil: of none
	prev    []byte    // the bytes before off, up to prevBytes
	started bool      // it is the one that lines are cut from
	final   bool      // it was read to its end after its successor had content
	marked  bool      // its position was given
	short   bool      // it was shorter than off when last looked at
	gone    time.Time // when it was last found deleted; zero: it has a name
}

// openFile opens what was found, unless something else is there by now.
func (t *Tail) openFile(e entry) (*file, error) {
	// What takes the place of the file in this moment, a pipe, must not block.
	f, err := os.OpenFile(e.path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	id, err := identify(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("identify %s: %w", e.path, err), f.Close())
	}
	if !id.same(e.id) {
		return nil, errors.Join(errMoved, f.Close())
	}
	one := &file{path: e.path, f: f, read: f.ReadAt, open: new(atomic.Int64), id: id, at: position{identity: id}}
	if t.o.set != nil {
		if err := t.o.set.s.confined(f, e.path); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		one.open = &t.o.set.s.open
	}
	one.open.Add(1)
	one.at.mark(f, 0)
	return one, nil
}

func (f *file) close() error {
	f.open.Add(-1)
	if f.seen != nil {
		f.seen.release(f)
	}
	return f.f.Close()
}

// seek lets reading begin at off.
func (f *file) seek(off int64) error {
	n := min(off, prevBytes)
	prev := make([]byte, n, prevBytes)
	if got, err := f.f.ReadAt(prev, off-n); int64(got) < n {
		return fmt.Errorf("read %s: %w", f.path, err)
	}
	f.off, f.prev = off, prev
	f.at.mark(f.f, off)
	return nil
}

// again begins the file anew: its content is another one.
func (f *file) again() {
	f.off, f.rest, f.prev = 0, "", f.prev[:0]
	f.started, f.final, f.marked, f.short = false, false, false, false
	f.at = position{identity: f.id}
	f.at.mark(f.f, 0)
}

// fill reads the next chunk into f.rest and returns its length, 0 at the end of the
// file. The bytes before it are read with it, so that a file that was truncated is
// seen even when it has grown past the offset again.
func (f *file) fill(c *chunks) (int, error) {
	k, buf := len(f.prev), c.next().buf
	n, err := f.read(buf, f.off-int64(k))
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return 0, fmt.Errorf("read %s: %w", f.path, err)
	case n < k:
		return 0, errReplaced
	case !bytes.Equal(buf[:k], f.prev):
		return 0, errOther
	}
	f.rest = c.text(f, buf[k:n])
	f.off += int64(n - k)
	f.prev = append(f.prev[:0], buf[max(0, n-prevBytes):n]...)
	return n - k, nil
}

func (f *file) hasBytes() bool {
	info, err := f.f.Stat()
	return err == nil && info.Size() > 0
}

package file

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"tallyman/outputs/format"
	"tallyman/pipeline/plugin"
)

// leads are the first bytes of the lines of each format; a line of text begins
// with the digit of a year, or with "-", and one of raw with anything, so that it
// is never known to be ours.
var leads = map[string]byte{format.JSON: '{', format.Splunk: '{', format.OCSF: '{', format.CEF: 'C', format.LEEF: 'L',
	format.RFC5424: '<', format.RFC3164: '<', format.Text: 0, format.Raw: '\n'}

// ready sees to it that the file at the path is open and ends with a whole line.
func (t *target) ready() error {
	if t.file != nil {
		info, err := t.look()
		if err == nil && os.SameFile(info, t.info) {
			return nil
		}
		if t.pending { // of the one that was moved away
			return plugin.ErrSyncFirst
		}
		t.o.log.Info("the file was moved away or removed; a new one is begun", "output", "file", "path", t.path)
		if err := t.close(); err != nil {
			return plugin.Retry(err)
		}
	}
	if err := t.start(); err != nil {
		return plugin.Retry(fmt.Errorf("file: open %s: %w", t.path, explain(err)))
	}
	return nil
}

// look says what stands at the path.
func (t *target) look() (fs.FileInfo, error) {
	if t.o.follow {
		return os.Stat(t.path)
	}
	return os.Lstat(t.path)
}

// mostLinks is how many links in a row are followed, as the kernel has it.
const mostLinks = 40

// resolve finds the file itself behind the path, which need not be there yet: a
// rotation has moved it away.
func (t *target) resolve() error {
	t.real = t.path
	for range mostLinks {
		if info, err := os.Lstat(t.real); !t.o.follow || err != nil || info.Mode()&fs.ModeSymlink == 0 {
			return nil // what else is wrong with it, the open will say
		}
		to, err := os.Readlink(t.real)
		if err != nil {
			return err
		}
		dir, err := filepath.EvalSymlinks(filepath.Dir(t.real))
		if err != nil {
			return err
		}
		t.real = absolute(to, dir)
	}
	return syscall.ELOOP
}

func (t *target) start() error {
	if err := t.resolve(); err != nil {
		return err
	}
	if t.unsynced { // the name that a rotation gave must be there before its old one is used again
		if err := t.o.disk.syncDir(filepath.Dir(t.real)); err != nil {
			return err
		}
		t.unsynced = false
	}
	if err := t.o.place.folders(t.path, t.o.own, t.o.sync); err != nil {
		return err
	}
	f, fresh, err := t.o.disk.open(t.real, t.o.own)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		err = t.mend(f, info.Size())
	}
	// A file that is there and empty may be one that a failure here has left.
	if err == nil && (fresh || info.Size() == 0) && t.o.sync {
		err = t.o.disk.syncDir(filepath.Dir(t.real))
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	t.file, t.info, t.last = f, info, info.ModTime()
	t.o.opened.Inc()
	if t.o.tender != nil {
		t.o.tender.add(t.real)
	}
	return nil
}

// mend sees to the unfinished line that a crash may have left at the end. One
// that this output began is cut off: it was never acknowledged and comes again.
// Whatever else stands there is not ours to remove; it gets a line end.
func (t *target) mend(f handle, size int64) error {
	begin, first, err := lastLine(f, size)
	if err != nil || begin == size {
		return err
	}
	t.o.torn.Inc()
	if t.o.ours(first) {
		t.o.log.Warn("the last line of the file was unfinished; its event is sent again", "path", t.path, "bytes", size-begin)
		if err := f.Truncate(begin); !errors.Is(err, syscall.EPERM) {
			return err
		}
		// The file is append-only (chattr +a): the line stays, ended.
	}
	t.o.log.Warn("the file did not end with a line end; one is added", "path", t.path)
	_, err = f.Write([]byte{'\n'})
	return err
}

// ours reports whether a line of our format may begin with c. A crash of the
// system can leave zeros.
func (o *output) ours(c byte) bool {
	if o.lead != 0 {
		return c == o.lead || c == 0
	}
	return c == 0 || c == '-' || c >= '0' && c <= '9'
}

// lastLine returns where the last line of f begins and its first byte; begin is
// size where f ends with a line end or is empty.
func lastLine(f handle, size int64) (begin int64, first byte, err error) {
	block := make([]byte, 64<<10)
	for end := size; end > 0; {
		b := block[:min(int64(len(block)), end)]
		end -= int64(len(b))
		if _, err := f.ReadAt(b, end); err != nil {
			return 0, 0, fmt.Errorf("read its end: %w", err)
		}
		at := bytes.LastIndexByte(b, '\n') + 1
		if at < len(b) {
			first = b[at]
		}
		if at > 0 {
			return end + int64(at), first, nil
		}
	}
	return 0, first, nil
}

// try finds out whether start would work: the file can be opened and locked, or
// its folder takes a new one.
func (t *target) try() error {
	if t.file != nil {
		return nil // its lock is ours
	}
	if err := t.resolve(); err != nil {
		return err
	}
	_, err := os.Lstat(t.real)
	if errors.Is(err, fs.ErrNotExist) {
		return writable(filepath.Dir(t.real))
	}
	if err != nil {
		return err
	}
	f, err := openOld(t.real)
	if err != nil {
		return err
	}
	return errors.Join(lock(f), f.Close())
}

// writable finds out whether a folder takes a new file.
func writable(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return syscall.ENOTDIR
	}
	return unix.Access(dir, unix.W_OK|unix.X_OK)
}

// openOld opens the regular file at path for appending and makes none.
func openOld(path string) (*os.File, error) {
	// Asked before, because opening a device or a pipe can do something by itself.
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("it is %s and not a regular file", kind(info.Mode()))
	}
	return os.OpenFile(path, flags, 0)
}

// flags are how the file is opened.
const flags = os.O_RDWR | os.O_APPEND | syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// errLocked says that two outputs would write into each other's lines.
var errLocked = errors.New("another process, or another output of this one, writes to it")

func lock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return errLocked
	case errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOSYS), errors.Is(err, syscall.ENOLCK):
		return nil // a file system without locks is no reason to lose events
	}
	return err
}

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
// with the digit of a year, or with "-".
var leads = map[string]byte{format.JSON: '{', format.Splunk: '{', format.OCSF: '{', format.CEF: 'C', format.LEEF: 'L',
	format.RFC5424: '<', format.RFC3164: '<', format.Text: 0}

// ready sees to it that the file at the path is open and ends with a whole line.
func (o *output) ready() error {
	if o.file != nil {
		info, err := os.Lstat(o.path)
		if err == nil && os.SameFile(info, o.info) {
			return nil
		}
		o.log.Info("the file was moved away or removed; a new one is begun", "output", "file", "path", o.path)
		if err := o.Close(); err != nil {
			return plugin.Retry(err)
		}
	}
	if err := o.start(); err != nil {
		return plugin.Retry(fmt.Errorf("file: open %s: %w", o.path, explain(err)))
	}
	return nil
}

func (o *output) start() error {
	f, fresh, err := o.open(o.path, o.mode)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		err = o.mend(f, info.Size())
	}
	if err == nil && fresh && o.sync {
		err = syncDir(filepath.Dir(o.path))
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	o.file, o.info = f, info
	o.opened.Inc()
	return nil
}

// mend sees to the unfinished line that a crash may have left at the end. One
// that this output began is cut off: it was never acknowledged and comes again.
// Whatever else stands there is not ours to remove; it gets a line end.
func (o *output) mend(f handle, size int64) error {
	begin, first, err := lastLine(f, size)
	if err != nil || begin == size {
		return err
	}
	o.torn.Inc()
	if o.ours(first) {
		o.log.Warn("the last line of the file was unfinished; its event is sent again", "path", o.path, "bytes", size-begin)
		if err := f.Truncate(begin); !errors.Is(err, syscall.EPERM) {
			return err
		}
		// The file is append-only (chattr +a): the line stays, ended.
	}
	o.log.Warn("the file did not end with a line end; one is added", "path", o.path)
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
func (o *output) try() error {
	if o.file != nil {
		return nil // its lock is ours
	}
	_, err := os.Lstat(o.path)
	if errors.Is(err, fs.ErrNotExist) {
		dir := filepath.Dir(o.path)
		if info, err := os.Stat(dir); err != nil {
			return err
		} else if !info.IsDir() {
			return syscall.ENOTDIR
		}
		return unix.Access(dir, unix.W_OK|unix.X_OK)
	}
	if err != nil {
		return err
	}
	f, err := openOld(o.path)
	if err != nil {
		return err
	}
	return errors.Join(lock(f), f.Close())
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

// open opens or makes the regular file at path for appending, follows no
// symbolic link and takes its lock.
func open(path string, mode fs.FileMode) (file handle, fresh bool, err error) {
	f, err := openOld(path)
	if errors.Is(err, fs.ErrNotExist) {
		fresh = true
		f, err = os.OpenFile(path, flags|os.O_CREATE|os.O_EXCL, mode)
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
		err = f.Chmod(mode) // the process's umask may have taken some of it
	}
	if err == nil {
		err = lock(f)
	}
	if err != nil {
		return nil, false, errors.Join(err, f.Close())
	}
	return f, fresh, nil
}

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

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// kind names what a path leads to.
func kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&fs.ModeSymlink != 0:
		return "a symbolic link"
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	case m.IsRegular():
		return "a regular file"
	}
	return "something else"
}

// explain adds what the operator can do, and takes away the operation and the
// path, which the caller names.
func explain(err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) && err.Error() == pe.Error() {
		err = pe.Err
	}
	hint := ""
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		hint = "make room on its disk; events wait in the journal meanwhile"
	case errors.Is(err, syscall.EROFS):
		hint = "its file system is mounted read-only"
	case errors.Is(err, fs.ErrPermission):
		hint = "let the user that tallyman runs as write there"
	case errors.Is(err, fs.ErrNotExist):
		hint = "its folder does not exist; make it, tallyman makes no folders here"
	case errors.Is(err, syscall.ELOOP):
		hint = "it is a symbolic link, and none is followed; name the file itself"
	case errors.Is(err, syscall.ENOTDIR):
		hint = "a part of its path is a file and no folder"
	default:
		return err
	}
	return fmt.Errorf("%w (%s)", err, hint)
}

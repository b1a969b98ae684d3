package file

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

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
		hint = "it is a symbolic link; name the file itself, or set symlink: true where the link is yours"
	case errors.Is(err, syscall.ENOTDIR):
		hint = "a part of its path is a file and no folder"
	default:
		return err
	}
	return fmt.Errorf("%w (%s)", err, hint)
}

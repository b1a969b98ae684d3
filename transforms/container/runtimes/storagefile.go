package runtimes

// The reading of files that may be a stranger's.

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// stamp tells one state of a file from another.
type stamp struct {
	mod  time.Time
	size int64
	node uint64
}

// maxFile bounds a file of the storage.
const maxFile = 32 << 20

func same(a, b map[string]stamp) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || w.node != v.node || w.size != v.size || !w.mod.Equal(v.mod) {
			return false
		}
	}
	return true
}

// ownerOf returns who owns a folder. A link is no folder: it could be anyone's.
func ownerOf(path string) (uint32, bool) {
	st, err := os.Lstat(path)
	if err != nil || !st.IsDir() {
		return 0, false
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return sys.Uid, true
}

func stampOf(st fs.FileInfo) stamp {
	out := stamp{mod: st.ModTime(), size: st.Size()}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		out.node = sys.Ino
	}
	return out
}

// read reads a file below root. It may be a user's: it is not followed out of
// there, not waited for where it is a pipe, and not read without an end.
func read(root *os.Root, name string) ([]byte, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > maxFile {
		return nil, fmt.Errorf("%s is no file of at most %d bytes", name, maxFile)
	}
	var b bytes.Buffer
	_, err = io.Copy(&b, io.LimitReader(f, maxFile))
	return b.Bytes(), err
}

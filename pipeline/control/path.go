package control

import (
	"fmt"
	"os"
	"path/filepath"
)

// maxPath is the longest path that the address of a socket holds on Linux,
// without its closing zero.
const maxPath = 107

// short calls fn with a path for the socket that fits into an address. Where
// path itself is too long, it is one by way of an open folder.
func short(path string, fn func(path string) error) error {
	if len(path) <= maxPath {
		return fn(path)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }() // nothing was written
	return fn(fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)))
}

//go:build !linux

package stdout

import "os"

// terminal reports whether f is a character device, which a terminal is.
func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

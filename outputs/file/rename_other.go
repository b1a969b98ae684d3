//go:build !linux

package file

// renameNew gives a file another name, which nobody has.
func renameNew(from, to string) error { return renameChecked(from, to) }

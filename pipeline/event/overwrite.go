//go:build !race

package event

// overwrite does nothing: what is left in memory that is used again is never read.
func overwrite([]byte) {}

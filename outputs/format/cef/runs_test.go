package cef

import (
	"testing"

	"pgregory.net/rapid"
)

// What is found eight bytes at a time is what is found one by one.
func TestRunsAreThoseOfSingleBytes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := string(rapid.SliceOfN(rapid.OneOf(rapid.ByteRange(' ', '~'), rapid.Byte()), 0, 40).Draw(r, "s"))
		n := 0
		for n < len(s) && asIs[s[n]] {
			n++
		}
		if got := run(s); got != n {
			t.Fatalf("%q: %d, want %d", s, got, n)
		}
		hex := false
		for i := 0; i < len(s); {
			size, h := unit(s[i:])
			hex = hex || h
			i += size
		}
		if dirty(s) != hex {
			t.Fatalf("%q: dirty is %v", s, !hex)
		}
	})
}

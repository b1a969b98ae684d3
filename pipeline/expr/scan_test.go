package expr

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestScanFindsWhatContainsFinds compares the automaton with a search for one word
// after the other.
func TestScanFindsWhatContainsFinds(t *testing.T) {
	letters := rapid.StringMatching(`[aAbBc/\xffé]{1,4}`)
	rapid.Check(t, func(t *rapid.T) {
		needs := rapid.SliceOfN(rapid.SliceOfN(letters, 1, 4), 1, 70).Draw(t, "needs")
		s := &scanner{}
		for _, words := range needs {
			s.need(words)
		}
		a := s.has()
		text := strings.Join(rapid.SliceOfN(letters, 0, 12).Draw(t, "text"), "")
		bits := make([]uint64, (len(needs)+63)/64)
		wide := a.scan(text, bits)
		if want := strings.ContainsFunc(text, func(r rune) bool { return r >= 0x80 }); wide != want {
			t.Errorf("%q: beyond ASCII %v, want %v", text, wide, want)
		}
		for p, words := range needs {
			want := false
			for _, w := range words {
				want = want || strings.Contains(lowerASCII(text), lowerASCII(w))
			}
			if got := bits[p/64]>>(p%64)&1 != 0; got != want {
				t.Errorf("%q holds one of %q: %v, want %v", text, words, got, want)
			}
		}
	})
}

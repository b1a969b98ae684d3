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
		word := rapid.Custom(func(t *rapid.T) needle {
			return needle{letters.Draw(t, "word"), rapid.Bool().Draw(t, "left"), rapid.Bool().Draw(t, "right")}
		})
		needs := rapid.SliceOfN(rapid.SliceOfN(word, 1, 4), 1, 70).Draw(t, "needs")
		s := &Scanner{}
		at := make([]int, len(needs)) // equal ones have one number
		for i, words := range needs {
			at[i] = s.need(words)
		}
		a := s.has()
		text := strings.Join(rapid.SliceOfN(letters, 0, 12).Draw(t, "text"), "")
		bits := make([]uint64, (len(needs)+63)/64)
		wide := a.scan(text, bits)
		if want := strings.ContainsFunc(text, func(r rune) bool { return r >= 0x80 }); wide != want {
			t.Errorf("%q: beyond ASCII %v, want %v", text, wide, want)
		}
		for i, words := range needs {
			p, want := at[i], false
			for _, w := range words {
				want = want || holdsNeedle(lowerASCII(text), lowerASCII(w.text), w.left, w.right)
			}
			if got := bits[p/64]>>(p%64)&1 != 0; got != want {
				t.Errorf("%q holds one of %+v: %v, want %v", text, words, got, want)
			}
		}
	})
}

// holdsNeedle looks for a word at each place.
func holdsNeedle(text, word string, left, right bool) bool {
	for i := range len(text) {
		rest, ok := strings.CutPrefix(text[i:], word)
		begun := left && i > 0 && inWord(text[i-1])
		goesOn := right && rest != "" && inWord(rest[0])
		if ok && !begun && !goesOn {
			return true
		}
	}
	return false
}

package config

import (
	"strings"

	"github.com/agnivade/levenshtein"
)

// nearest returns the known word that was probably meant, or "". The distance
// that is allowed grows with the word: one letter in a short word makes another
// word, while a long one stays recognisable.
func nearest(word string, known []string) string {
	if len(word) > 64 {
		return ""
	}
	best, least := "", 2+min(2, len(word)/4)
	for _, k := range known {
		far := levenshtein.ComputeDistance(fold(word), fold(k))
		if far < least {
			best, least = k, far
		}
	}
	return best
}

// fold makes words equal that differ only in case and in how they are joined.
func fold(s string) string {
	return strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.ToLower(s))
}

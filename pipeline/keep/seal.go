package keep

import (
	"crypto/rand"
	"crypto/sha256"
)

// Sum stands for a text that is only ever compared. What is remembered is saved to
// disk, and the text may be a command line with a secret in it.
type Sum [16]byte

// Seal makes sums. Its seed is saved with them, so that they stay comparable over
// restarts and tell nothing without a guess at the whole text.
type Seal struct{ Seed [32]byte }

// NewSeal returns a Seal of its own.
func NewSeal() *Seal {
	s := &Seal{}
	_, _ = rand.Read(s.Seed[:]) // never fails
	return s
}

// Of returns the sum of a text.
func (s *Seal) Of(text []byte) Sum {
	inner := sha256.Sum256(text)
	var both [64]byte
	copy(both[:32], s.Seed[:])
	copy(both[32:], inner[:])
	outer := sha256.Sum256(both[:])
	return Sum(outer[:16])
}

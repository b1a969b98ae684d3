package rules

import (
	"crypto/rand"
	"crypto/sha256"
)

// sum stands for a key or a value in state. State is saved to disk, and what it
// is kept by may be a command line with a secret in it.
type sum [16]byte

// seal makes sums. Its seed is saved with them, so that they stay comparable over
// restarts and tell nothing without a guess at the whole key.
type seal struct{ seed [32]byte }

func newSeal() *seal {
	s := &seal{}
	_, _ = rand.Read(s.seed[:]) // never fails
	return s
}

// of returns the sum of a key.
func (s *seal) of(key []byte) sum {
	inner := sha256.Sum256(key)
	var both [64]byte
	copy(both[:32], s.seed[:])
	copy(both[32:], inner[:])
	outer := sha256.Sum256(both[:])
	return sum(outer[:16])
}

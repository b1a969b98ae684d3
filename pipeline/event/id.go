package event

import (
	"crypto/sha256"
	"encoding/binary"
)

// ID is a stable event id: the first 128 bits of a SHA-256 (SCHEMA event.id).
// The zero ID is none.
type ID [16]byte

// crockford is the alphabet of Crockford's base32.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// NewID returns the id of what is hashed in seed. Parts that could run into
// each other must be parted by the caller, by 0x00 as everywhere in tallyman.
func NewID(seed []byte) ID {
	sum := sha256.Sum256(seed)
	return ID(sum[:16])
}

// IsZero reports whether there is no id.
func (id ID) IsZero() bool { return id == ID{} }

// pairs are all numbers of two digits.
var pairs = func() (t [1 << 10][2]byte) {
	for i := range t {
		t[i] = [2]byte{crockford[i>>5], crockford[i&31]}
	}
	return t
}()

// Append appends the 26 characters of id in Crockford base32.
func (id ID) Append(b []byte) []byte {
	var text [26]byte // 128 bits are 26 digits of 5 bits with two zero bits before them
	high, low := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	for i := len(text) - 2; i >= 0; i -= 2 {
		*(*[2]byte)(text[i:]) = pairs[low%(1<<10)]
		low, high = low>>10|high<<54, high>>10
	}
	return append(b, text[:]...)
}

// String returns id in Crockford base32, "" for none.
func (id ID) String() string {
	if id.IsZero() {
		return ""
	}
	return string(id.Append(make([]byte, 0, 26)))
}

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
	var text [26]byte
	id.Put(&text)
	return append(b, text[:]...)
}

// Put writes the 26 characters that Append appends. 128 bits are 26 digits of 5 bits with two zero bits
// before them.
func (id ID) Put(text *[26]byte) {
	high, low := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	pair := func(n uint64) [2]byte { return pairs[n&(1<<10-1)] }
	*(*[2]byte)(text[0:]) = pair(high >> 56)
	*(*[2]byte)(text[2:]) = pair(high >> 46)
	*(*[2]byte)(text[4:]) = pair(high >> 36)
	*(*[2]byte)(text[6:]) = pair(high >> 26)
	*(*[2]byte)(text[8:]) = pair(high >> 16)
	*(*[2]byte)(text[10:]) = pair(high >> 6)
	*(*[2]byte)(text[12:]) = pair(high<<4 | low>>60)
	*(*[2]byte)(text[14:]) = pair(low >> 50)
	*(*[2]byte)(text[16:]) = pair(low >> 40)
	*(*[2]byte)(text[18:]) = pair(low >> 30)
	*(*[2]byte)(text[20:]) = pair(low >> 20)
	*(*[2]byte)(text[22:]) = pair(low >> 10)
	*(*[2]byte)(text[24:]) = pair(low)
}

// String returns id in Crockford base32, "" for none.
func (id ID) String() string {
	if id.IsZero() {
		return ""
	}
	return string(id.Append(make([]byte, 0, 26)))
}

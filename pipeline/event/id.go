package event

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"

	"tallyman/pipeline/schema"
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

// Identify gives an event that has no id one from its place in its source and its text; host
// is the id of this host, input the name of the input. index tells apart the events of one
// batch that we made ourselves. It returns buf, the memory that it used.
func (e *Event) Identify(buf []byte, host, input string, index int) []byte {
	b := append(append(buf[:0], host...), 0)
	b = append(append(b, e.Dataset...), 0)
	b = append(append(b, input...), 0)
	b = append(append(b, e.Get(schema.LogFilePath).Str()...), 0)
	if e.Offset == 0 && e.Records == 0 { // we made it: it has no place
		b = strconv.AppendInt(append(b, "made\x00"...), e.Seen.UnixNano(), 10)
		b = strconv.AppendInt(append(b, 0), int64(index), 10)
	} else {
		b = strconv.AppendInt(b, e.Offset, 10)
	}
	b = append(append(b, 0), e.Raw...) // last, since it may hold anything
	e.ID = NewID(b)
	return b
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

package event

import (
	"crypto/rand"
	"encoding/binary"
)

// counted is how many bits of an id of a Series count.
const counted = 48

// Series gives ids to records that nobody can read again, so that none of them has
// to be found from what a record says: 80 bits stand for the series, which are a part of a
// SHA-256 over where it comes from and 16 random bytes, and 48 count. So no two
// have one id, whatever clocks, senders and other hosts do. It belongs to one goroutine.
type Series struct {
	from      string
	high, low uint64
}

// NewSeries begins a series; each start of an input begins one. from says where the
// records come from: the host and the name of the input.
func NewSeries(from ...string) *Series {
	s := &Series{}
	for _, part := range from {
		s.from += part + "\x00"
	}
	s.begin()
	return s
}

func (s *Series) begin() {
	var salt [16]byte
	_, _ = rand.Read(salt[:]) // never fails
	id := NewID(append([]byte(s.from), salt[:]...))
	s.high, s.low = binary.BigEndian.Uint64(id[:]), binary.BigEndian.Uint64(id[8:])>>counted<<counted
}

// Next returns the id of the next record, which is never zero.
func (s *Series) Next() (id ID) {
	if s.low++; s.low<<(64-counted) == 0 {
		s.begin()
		s.low++
	}
	binary.BigEndian.PutUint64(id[:8], s.high)
	binary.BigEndian.PutUint64(id[8:], s.low)
	return id
}

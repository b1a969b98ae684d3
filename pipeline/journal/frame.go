package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/bits"
)

// castagnoli is the polynomial of CRC32C.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// headerSize is the length of a frame's header in bytes.
const headerSize = 64

// The kinds of frame.
const (
	kindBatch    = 1 // marks and a payload
	kindSnapshot = 2 // the marks and the state as of the segment's start; no sequence of its own
)

// frameMagic opens every frame; its last byte is the version of the format.
var frameMagic = [4]byte{'T', 'L', 'Y', 1}

// header is what stands before a frame's body, in the order of the bytes, all
// little-endian:
//
//	0 magic  4 kind  5 flags (bit 0: zstd)  6 0  8 length  12 marks  16 seq  24 synced
//	32 records before  40 generated before  48 records  52 generated
//	56 CRC32C of the body  60 CRC32C of the 60 bytes before
//
// Both sums start with the random id of the segment, so that bytes which an
// attacker writes into a log never pass for a frame.
type header struct {
	kind      byte
	flags     byte
	length    uint32 // of the body: marks, then payload
	marks     uint32 // the part of the body that is marks
	seq       uint64
	synced    uint64 // the newest sequence that was durable before this frame was written
	before    totals // of all frames before this one
	records   uint32
	generated uint32
	sum       uint32 // of the body
}

func (h *header) size() int64 { return headerSize + int64(h.length) }

// key is what the sums of one segment start with.
type key uint32

func newKey(id uint64) key {
	return key(crc32.Checksum(binary.LittleEndian.AppendUint64(nil, id), castagnoli))
}

func (k key) sum(b []byte) uint32 { return crc32.Update(uint32(k), castagnoli, b) }

// put writes h into the first headerSize bytes of b.
func (h *header) put(b []byte, k key) {
	le := binary.LittleEndian
	copy(b, frameMagic[:])
	b[4], b[5], b[6], b[7] = h.kind, h.flags, 0, 0
	le.PutUint32(b[8:], h.length)
	le.PutUint32(b[12:], h.marks)
	le.PutUint64(b[16:], h.seq)
	le.PutUint64(b[24:], h.synced)
	le.PutUint64(b[32:], h.before.records)
	le.PutUint64(b[40:], h.before.generated)
	le.PutUint32(b[48:], h.records)
	le.PutUint32(b[52:], h.generated)
	le.PutUint32(b[56:], h.sum)
	le.PutUint32(b[60:], k.sum(b[:60]))
}

// get reads a header and reports whether its sum is right and its numbers are
// possible.
func (h *header) get(b []byte, k key) bool {
	le := binary.LittleEndian
	if len(b) < headerSize || !bytes.Equal(b[:4], frameMagic[:]) || le.Uint32(b[60:]) != k.sum(b[:60]) {
		return false
	}
	*h = header{
		kind: b[4], flags: b[5], length: le.Uint32(b[8:]), marks: le.Uint32(b[12:]),
		seq: le.Uint64(b[16:]), synced: le.Uint64(b[24:]),
		before:  totals{le.Uint64(b[32:]), le.Uint64(b[40:])},
		records: le.Uint32(b[48:]), generated: le.Uint32(b[52:]), sum: le.Uint32(b[56:]),
	}
	return h.marks <= h.length && (h.kind == kindBatch || h.kind == kindSnapshot) && h.flags&^flagZstd == 0
}

var errMarks = errors.New("marks do not parse")

// appendMarks appends the marks of a frame: key length, key, value length,
// value, each length as an unsigned varint.
func appendMarks(b []byte, marks []Mark) []byte {
	for _, m := range marks {
		b = append(binary.AppendUvarint(b, uint64(len(m.Key))), m.Key...)
		b = append(binary.AppendUvarint(b, uint64(len(m.Value))), m.Value...)
	}
	return b
}

// marksSize is how many bytes appendMarks appends.
func marksSize(marks []Mark) int {
	n := 0
	for i := range marks {
		k, v := len(marks[i].Key), len(marks[i].Value)
		n += varintSize(k) + k + varintSize(v) + v
	}
	return n
}

// varintSize is how many bytes a length takes as an unsigned varint.
func varintSize(n int) int { return (bits.Len64(uint64(n)|1) + 6) / 7 }

// eachMark calls fn with the marks in b, whose value is a view.
func eachMark(b []byte, fn func(key string, value []byte)) error {
	for len(b) > 0 {
		k, rest, ok := cutBytes(b)
		if !ok {
			return errMarks
		}
		v, rest, ok := cutBytes(rest)
		if !ok {
			return errMarks
		}
		fn(string(k), v)
		b = rest
	}
	return nil
}

// cutBytes cuts a length and as many bytes from b.
func cutBytes(b []byte) (v, rest []byte, ok bool) {
	n, w := binary.Uvarint(b)
	if w <= 0 || n > uint64(len(b)-w) {
		return nil, nil, false
	}
	return b[w : w+int(n)], b[w+int(n):], true
}

// applyMarks puts the marks of a frame's body into m. What stood there is left as it is:
// another map may have it too.
func applyMarks(m map[string][]byte, b []byte) error {
	return eachMark(b, func(key string, value []byte) {
		if len(value) == 0 {
			delete(m, key)
			return
		}
		m[key] = append([]byte(nil), value...)
	})
}

// replaceMarks is applyMarks where no other map has what m has: it writes over it, but
// where that is far larger than what is to be kept.
func replaceMarks(m map[string][]byte, b []byte) error {
	return eachMark(b, func(key string, value []byte) {
		was := m[key]
		switch {
		case len(value) == 0:
			delete(m, key)
		case cap(was) > 4*len(value)+1024:
			m[key] = append([]byte(nil), value...)
		default:
			m[key] = append(was[:0], value...)
		}
	})
}

package kafka

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"
)

// A batch of records as brokers store it (KIP-98, magic 2):
//
//	offset  0  base offset             8, given by the broker
//	        8  length of what follows  4
//	       12  leader's epoch          4, -1
//	       16  magic                   1, 2
//	       17  CRC32C of what follows  4
//	       21  attributes              2, the low three bits are the compression
//	       23  last offset, relative   4
//	       27  first timestamp         8, ms
//	       35  largest timestamp       8, ms
//	       43  producer id             8, -1
//	       51  producer's epoch        2, -1
//	       53  base sequence           4, -1
//	       57  number of records       4
//	       61  records, together packed where a compression is set
//
// A record: its length, attributes (0), timestamp and offset relative to the
// batch's, key, value, number of headers, each with its name and value; all
// numbers are zigzag varints, and -1 is the length of a key that is absent.
const headBytes = 61

// message is an event, rendered. Its bytes lie in the output's memory.
type message struct {
	topic  string
	key    []byte // of body; nil for none
	body   []byte // of the record, from the key's length to the last header
	millis int64  // since 1970
}

// leadBytes is the most that stands before the body of a record.
const leadBytes = 1 + 2*binary.MaxVarintLen32 + binary.MaxVarintLen64

// size is how many bytes a record of m takes at most.
func (m *message) size() int { return leadBytes + len(m.body) }

// appendBatch appends the batch of the messages that list names to dst.
func (p *packer) appendBatch(dst []byte, all []message, list []int32) ([]byte, error) {
	first, largest := all[list[0]].millis, all[list[0]].millis
	for _, i := range list {
		largest = max(largest, all[i].millis)
	}
	start := len(dst)
	dst = binary.BigEndian.AppendUint64(dst, 0)
	dst = binary.BigEndian.AppendUint32(dst, 0)
	dst = binary.BigEndian.AppendUint32(dst, ^uint32(0))
	dst = append(dst, 2, 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(p.codec))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(list)-1))
	dst = binary.BigEndian.AppendUint64(dst, uint64(first))
	dst = binary.BigEndian.AppendUint64(dst, uint64(largest))
	dst = append(dst, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(list)))
	dst, err := p.pack(dst, all, list, first)
	if err != nil {
		return dst[:start], err
	}
	b := dst[start:]
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
	return dst, nil
}

// pack appends the records as the compression has them.
func (p *packer) pack(dst []byte, all []message, list []int32, first int64) ([]byte, error) {
	if p.stream == nil {
		for n, i := range list {
			dst = append(all[i].lead(dst, all[i].millis-first, int64(n)), all[i].body...)
		}
		return dst, nil
	}
	p.packed.b = dst
	p.stream.Reset(&p.packed)
	err := p.write(all, list, first)
	if shut := p.stream.Close(); err == nil {
		err = shut
	}
	dst, p.packed.b = p.packed.b, nil
	if err != nil {
		return dst, fmt.Errorf("pack with %s: %w", p.codec, err)
	}
	return dst, nil
}

// write hands the records to the stream.
func (p *packer) write(all []message, list []int32, first int64) error {
	for n, i := range list {
		p.lead = all[i].lead(p.lead[:0], all[i].millis-first, int64(n))
		if _, err := p.stream.Write(p.lead); err != nil {
			return err
		}
		if _, err := p.stream.Write(all[i].body); err != nil {
			return err
		}
	}
	return nil
}

// lead appends what stands before the body of a record.
func (m *message) lead(dst []byte, millis, offset int64) []byte {
	size := 1 + lenVarint(millis) + lenVarint(offset) + len(m.body)
	dst = append(binary.AppendVarint(dst, int64(size)), 0)
	return binary.AppendVarint(binary.AppendVarint(dst, millis), offset)
}

// gap is room for a length that is known only when what it stands before is written.
const gap = "\x00\x00\x00\x00\x00"

var _ [binary.MaxVarintLen32]byte = [len(gap)]byte{}

// join puts the lengths of a key, which stands from key to end, and of a value, which
// stands from value to the end of b, each behind a gap, where they belong, and
// moves the key up to the value. The body of the record begins at what it returns; an empty
// key is none.
func join(b []byte, key, end, value int) (at int) {
	at = before(b, value, int64(len(b)-value))
	n := end - key
	if n == 0 {
		return before(b, at, -1)
	}
	at -= n
	copy(b[at:], b[key:end])
	return before(b, at, int64(n))
}

// before writes a varint that ends at the place at, and returns where it begins.
func before(b []byte, at int, n int64) int {
	var text [binary.MaxVarintLen64]byte
	size := binary.PutVarint(text[:], n)
	return at - copy(b[at-size:at], text[:size])
}

// appendHeader appends one header of a record.
func appendHeader[T []byte | string](dst []byte, name string, value T) []byte {
	dst = append(binary.AppendVarint(dst, int64(len(name))), name...)
	return append(binary.AppendVarint(dst, int64(len(value))), value...)
}

// lenVarint is how many bytes a zigzag varint takes.
func lenVarint(n int64) int {
	return (bits.Len64(uint64(n<<1)^uint64(n>>63)|1) + 6) / 7
}

// partition returns where Kafka's own producers put a key, so that everything
// with one key is in one partition whoever wrote it: murmur2 with their seed.
func partition(key []byte, n int) int {
	const m, r = uint32(0x5bd1e995), 24
	h := uint32(0x9747b28c) ^ uint32(len(key))
	for ; len(key) >= 4; key = key[4:] {
		k := binary.LittleEndian.Uint32(key) * m
		k = (k ^ k>>r) * m
		h = h*m ^ k
	}
	for i := len(key) - 1; i >= 0; i-- {
		h ^= uint32(key[i]) << (8 * i)
		if i == 0 {
			h *= m
		}
	}
	h = (h ^ h>>13) * m
	h ^= h >> 15
	return int(h&0x7fffffff) % n
}

// Package keep is how what a transform remembers becomes bytes and comes back:
// numbers, texts and times in a fixed order, between a mark with a version and a
// checksum. It does not know what is remembered, nor where the bytes are kept.
//
//	memory = mark version(1) … CRC32C(4, little-endian, of all before it)
//
// Numbers are varints, a text is its length and its bytes, a time is 0 for none,
// else 1 and nanoseconds since 1970.
package keep

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"time"
)

// ErrDamaged says that bytes are not what a Writer wrote. ErrVersion says that
// they are of another version.
var (
	ErrDamaged = errors.New("the bytes are damaged")
	ErrVersion = errors.New("written by another version")
)

func sum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// Writer appends values to bytes.
type Writer struct {
	b    []byte
	from int
}

// NewWriter returns a Writer that appends to dst, beginning with mark and
// version.
func NewWriter(dst []byte, mark string, version byte) *Writer {
	w := &Writer{b: dst, from: len(dst)}
	w.b = append(append(w.b, mark...), version)
	return w
}

// Uint appends a number that is not negative.
func (w *Writer) Uint(n uint64) { w.b = binary.AppendUvarint(w.b, n) }

// Int appends a number.
func (w *Writer) Int(n int64) { w.b = binary.AppendVarint(w.b, n) }

// Str appends a text, whatever its bytes.
func (w *Writer) Str(s string) {
	w.Uint(uint64(len(s)))
	w.b = append(w.b, s...)
}

// Bytes appends bytes as a text.
func (w *Writer) Bytes(b []byte) {
	w.Uint(uint64(len(b)))
	w.b = append(w.b, b...)
}

// Bool appends a truth value.
func (w *Writer) Bool(v bool) {
	if v {
		w.Uint(1)
		return
	}
	w.Uint(0)
}

// Time appends an instant between the years 1678 and 2262, or the zero time.
func (w *Writer) Time(t time.Time) {
	w.Bool(!t.IsZero())
	if !t.IsZero() {
		w.Int(t.UnixNano())
	}
}

// Grow makes room for n more bytes.
func (w *Writer) Grow(n int) { w.b = slices.Grow(w.b, n) }

// Len returns how many bytes were written since NewWriter.
func (w *Writer) Len() int { return len(w.b) - w.from }

// End appends the checksum and returns all bytes.
func (w *Writer) End() []byte {
	return binary.LittleEndian.AppendUint32(w.b, sum(w.b[w.from:]))
}

// Reader takes the values off bytes in the order in which they were written.
// Once one does not fit, every further one is zero and Close says so.
type Reader struct {
	b   []byte
	bad bool
}

// NewReader checks the mark, the version and the checksum of what a Writer
// gave. The errors are ErrDamaged and ErrVersion, with what was found.
func NewReader(b []byte, mark string, version byte) (*Reader, error) {
	head, n := len(mark)+1, len(b)-4
	if n < head || string(b[:len(mark)]) != mark || sum(b[:n]) != binary.LittleEndian.Uint32(b[n:]) {
		return nil, ErrDamaged
	}
	if got := b[len(mark)]; got != version {
		return nil, fmt.Errorf("%w: it is of version %d, this one reads %d", ErrVersion, got, version)
	}
	return &Reader{b: b[head:n]}, nil
}

func (r *Reader) fail() { r.b, r.bad = nil, true }

// Uint returns the next number.
func (r *Reader) Uint() uint64 {
	n, w := binary.Uvarint(r.b)
	if w <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[w:]
	return n
}

// Int returns the next number.
func (r *Reader) Int() int64 {
	n, w := binary.Varint(r.b)
	if w <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[w:]
	return n
}

// Below returns the next number, which must be smaller than limit.
func (r *Reader) Below(limit uint64) uint64 {
	n := r.Uint()
	if n >= limit {
		r.fail()
		return 0
	}
	return n
}

// Count returns how many things of at least size bytes follow. More than there
// is room for are refused before anything is made for them.
func (r *Reader) Count(size int) int {
	n := r.Uint()
	if n > uint64(len(r.b)/size) {
		r.fail()
		return 0
	}
	return int(n)
}

// Bytes returns the next text as a view of the bytes that are read.
func (r *Reader) Bytes() []byte {
	n := r.Count(1)
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

// Str returns the next text.
func (r *Reader) Str() string { return string(r.Bytes()) }

// Bool returns the next truth value.
func (r *Reader) Bool() bool { return r.Below(2) == 1 }

// Time returns the next instant, UTC.
func (r *Reader) Time() time.Time {
	if !r.Bool() {
		return time.Time{}
	}
	return time.Unix(0, r.Int()).UTC()
}

// Bad reports whether something did not fit.
func (r *Reader) Bad() bool { return r.bad }

// Close returns ErrDamaged unless everything fitted and nothing is left.
func (r *Reader) Close() error {
	if r.bad || len(r.b) > 0 {
		return ErrDamaged
	}
	return nil
}

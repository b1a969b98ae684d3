package kafkalink

import (
	"encoding/binary"
	"errors"
)

// ErrShort says that an answer ends before what it announces.
var ErrShort = errors.New("the broker's answer ends too soon")

// Reader reads the numbers and texts of an answer. What is not there reads as
// nothing, and Err then says so; no number in an answer makes it take memory, or
// makes a loop over Count longer than the answer is.
type Reader struct {
	b     []byte
	short bool
}

// NewReader returns a Reader of an answer, which it does not change.
func NewReader(b []byte) *Reader { return &Reader{b: b} }

// Err returns ErrShort where more was read than there is.
func (r *Reader) Err() error {
	if r.short {
		return ErrShort
	}
	return nil
}

// Skip returns the next n bytes, a view.
func (r *Reader) Skip(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.b, r.short = nil, true
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

// Int16 reads an INT16.
func (r *Reader) Int16() int16 {
	if b := r.Skip(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

// Int32 reads an INT32.
func (r *Reader) Int32() int32 {
	if b := r.Skip(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

// Int64 reads an INT64.
func (r *Reader) Int64() int64 {
	if b := r.Skip(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// Count reads the length of an ARRAY, 0 for one that is null. An element takes a
// byte at least, so an array is never longer than what is left.
func (r *Reader) Count() int {
	n := int(r.Int32())
	if n > len(r.b) {
		r.b, r.short = nil, true
	}
	if r.short {
		return 0
	}
	return max(n, 0)
}

// Text reads a STRING or a NULLABLE_STRING, "" for one that is null.
func (r *Reader) Text() string { return string(r.Skip(max(0, int(r.Int16())))) }

// Bytes reads BYTES or NULLABLE_BYTES, a view, nothing for those that are null.
func (r *Reader) Bytes() []byte { return r.Skip(max(0, int(r.Int32()))) }

// AppendText appends a STRING.
func AppendText(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(s))), s...)
}

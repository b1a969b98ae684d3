package event

import (
	"encoding/binary"
	"math"
	"math/bits"
	"net/netip"
	"strconv"
	"time"
	"unsafe"
)

// Kind says which type a Value holds.
type Kind uint8

// The kinds of value. The zero Kind is no value.
const (
	KindNone Kind = iota
	KindString
	KindInt
	KindUint
	KindFloat
	KindBool
	KindTime
	KindIP
)

// Value is one typed value without boxing: 24 bytes, no pointer but the string's.
// The zero Value is absent. Values are compared by Equal, not by ==, which would
// compare where their texts lie.
type Value struct {
	_    [0]func()
	text unsafe.Pointer // to the first byte of a string or an address, else nil
	num  uint64         // the length of text, or the bits of every other kind
	kind Kind
}

func textual(k Kind, s string) Value {
	return Value{text: unsafe.Pointer(unsafe.StringData(s)), num: uint64(len(s)), kind: k}
}

// String returns a string value; the bytes are kept as they are, valid UTF-8 or not.
func String(s string) Value { return textual(KindString, s) }

// Int returns a signed integer value.
func Int(i int64) Value { return Value{kind: KindInt, num: uint64(i)} }

// Uint returns an unsigned integer value.
func Uint(u uint64) Value { return Value{kind: KindUint, num: u} }

// Float returns a floating-point value.
func Float(f float64) Value { return Value{kind: KindFloat, num: math.Float64bits(f)} }

// Bool returns a boolean value.
func Bool(b bool) Value {
	if b {
		return Value{kind: KindBool, num: 1}
	}
	return Value{kind: KindBool}
}

// Time returns an instant; it must lie between the years 1678 and 2262, the
// range of 64-bit nanoseconds.
func Time(t time.Time) Value { return Value{kind: KindTime, num: uint64(t.UnixNano())} }

// IP returns an address value in canonical form and true, or the zero Value and
// false where s is no IPv4 or IPv6 address.
func IP(s string) (Value, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return Value{}, false
	}
	if c := a.String(); c != s {
		s = c
	}
	return textual(KindIP, s), true
}

// Kind returns the type that v holds.
func (v Value) Kind() Kind { return v.kind }

// IsZero reports whether v is absent.
func (v Value) IsZero() bool { return v.kind == KindNone }

// Str returns the text of a string or address value, "" for every other kind.
func (v Value) Str() string {
	if v.text == nil { // of no text, or of none that has a byte
		return ""
	}
	return unsafe.String((*byte)(v.text), v.num)
}

// Place says where the first byte of s lies. Of two texts that both are held on to, those of
// one place and one length are the same.
func Place(s string) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.StringData(s)))) }

// Equal reports whether v and w are of one kind and say the same; of two floats
// that are no numbers it reports that they do.
func (v Value) Equal(w Value) bool {
	if v.kind != w.kind || v.num != w.num {
		return false
	}
	return v.Str() == w.Str()
}

// String is Append as a string, for messages.
func (v Value) String() string { return string(v.Append(nil)) }

// Int64 returns an integer value and whether it fits a signed 64-bit integer.
func (v Value) Int64() (int64, bool) {
	switch v.kind {
	case KindInt:
		return int64(v.num), true
	case KindUint:
		return int64(v.num), v.num <= math.MaxInt64
	}
	return 0, false
}

// Uint64 returns an integer value and whether it fits an unsigned 64-bit integer.
func (v Value) Uint64() (uint64, bool) {
	switch v.kind {
	case KindInt:
		return v.num, int64(v.num) >= 0
	case KindUint:
		return v.num, true
	}
	return 0, false
}

// Float64 returns a float value; 0 for every other kind.
func (v Value) Float64() float64 {
	if v.kind != KindFloat {
		return 0
	}
	return math.Float64frombits(v.num)
}

// True reports whether v is the boolean true.
func (v Value) True() bool { return v.kind == KindBool && v.num == 1 }

// Instant returns a time value in UTC; the zero time for every other kind.
func (v Value) Instant() time.Time {
	if v.kind != KindTime {
		return time.Time{}
	}
	return time.Unix(0, int64(v.num)).UTC()
}

// Append appends v as plain text, a time as RFC 3339 with nanoseconds.
// An absent value appends nothing.
func (v Value) Append(b []byte) []byte {
	switch v.kind {
	case KindString, KindIP:
		return append(b, v.Str()...)
	case KindInt:
		return AppendInt(b, int64(v.num))
	case KindUint:
		return AppendUint(b, v.num)
	case KindFloat:
		return strconv.AppendFloat(b, v.Float64(), 'g', -1, 64)
	case KindBool:
		return strconv.AppendBool(b, v.num == 1)
	case KindTime:
		return v.Instant().AppendFormat(b, time.RFC3339Nano)
	}
	return b
}

// AppendInt appends a decimal number, in half of the time of strconv: most are pids
// and offsets, and an event has ten of them.
func AppendInt(b []byte, n int64) []byte {
	if n < 0 {
		return AppendUint(append(b, '-'), -uint64(n))
	}
	return AppendUint(b, uint64(n))
}

// AppendUint appends a decimal number.
func AppendUint(b []byte, n uint64) []byte {
	if n < 10 {
		return append(b, byte('0'+n))
	}
	const full = 1e8 // eight digits are found at once
	var text [24]byte
	end, high := 8, n
	if n >= full {
		end += 8
		if high = n / full; high >= full {
			binary.LittleEndian.PutUint64(text[16:], Digits(uint32(n%full)))
			n, high, end = high, high/full, end+8
		}
		binary.LittleEndian.PutUint64(text[8:], Digits(uint32(n%full)))
	}
	first := Digits(uint32(high))
	binary.LittleEndian.PutUint64(text[:], first)
	return append(b, text[Zeros(first):end]...)
}

// Digits returns the eight decimal digits of n, which is below 10^8, with zeros before
// it, as they are written: the first in the lowest byte. They are found all at
// once: the halves, the pairs in both, the digits in each of those.
func Digits(n uint32) uint64 {
	high := uint64(n) / 10000
	halves := high | (uint64(n)-10000*high)<<32
	pairs := halves * 10486 >> 20 & 0x7f0000007f
	pairs |= (halves - 100*pairs) << 16
	tens := pairs * 103 >> 10 & 0xf000f000f000f
	return tens | (pairs-10*tens)<<8 | noughts
}

// Zeros returns with how many zeros text, which Digits returned, begins: seven at most.
func Zeros(text uint64) int { return bits.TrailingZeros64(text&^noughts|1<<56) >> 3 }

const noughts = '0' * 0x0101010101010101

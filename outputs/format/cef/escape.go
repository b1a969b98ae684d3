package cef

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

const digits = "0123456789abcdef"

// unit reads one character of s, which is not empty: how many bytes of s it has,
// and whether it has to be written as \xHH for each of them. Those are control
// characters but line ends, and bytes that are no UTF-8.
func unit(s string) (size int, hex bool) {
	c := s[0]
	if c < utf8.RuneSelf {
		return 1, c < ' ' && c != '\n' && c != '\r' || c == 0x7f
	}
	r, n := utf8.DecodeRuneInString(s)
	return n, r == utf8.RuneError && n == 1 || r < 0xa0
}

// asIs are the bytes that stand for themselves in a value.
var asIs = func() (t [256]bool) {
	for c := ' '; c < 0x7f; c++ {
		t[c] = c != '\\' && c != '='
	}
	return t
}()

// run returns how many bytes at the start of s stand for themselves, eight at a
// time: nearly all do, and one by one they took a third of the time of CEF. What
// is left at the end is looked at in one word as well.
func run(s string) int {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if odd(word(s[i:])) {
			break
		}
	}
	switch n := len(s); {
	case i+8 <= n: // something is odd here
	case i == n:
		return n
	case n >= 8:
		if !odd(word(s[n-8:])) {
			return n
		}
	case n >= 4:
		if !odd(uint64(half(s)) | uint64(half(s[n-4:]))<<32) {
			return n
		}
	}
	for i < len(s) && asIs[s[i]] {
		i++
	}
	return i
}

// copyClean copies s to where at is in dst as long as its bytes stand for
// themselves, and reports whether all do.
func copyClean(dst []byte, at int, s string) bool {
	n := len(s)
	end := at + n
	switch {
	case n >= 8:
		for i := 8; i <= n; i += 8 {
			w := word(s[i-8 : i])
			if odd(w) {
				return false
			}
			binary.LittleEndian.PutUint64(dst[at:at+8:at+8], w)
			at += 8
		}
		w := word(s[n-8:])
		binary.LittleEndian.PutUint64(dst[end-8:end:end], w)
		return !odd(w)
	case n >= 4:
		first, last := half(s), half(s[n-4:])
		binary.LittleEndian.PutUint32(dst[at:at+4:at+4], first)
		binary.LittleEndian.PutUint32(dst[end-4:end:end], last)
		return !odd(uint64(first) | uint64(last)<<32)
	}
	return copy(dst[at:end], s) == run(s)
}

// word returns the first eight bytes of s.
func word(s string) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// half returns the first four.
func half(s string) uint32 {
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

// odd reports whether a byte of w does not stand for itself. A byte of each term
// has its high bit set where the byte of w is one that is looked for; of bytes
// behind the first such one more may be set.
func odd(w uint64) bool {
	const low, high = 0x0101010101010101, 0x8080808080808080
	equal, slash := w^'='*low, w^'\\'*low
	return (w|(w+low)|(w-' '*low)|(equal-low)|(slash-low))&high != 0
}

// dirty reports whether s has a character that is written as \xHH.
func dirty(s string) bool {
	for i := run(s); i < len(s); {
		n, hex := unit(s[i:])
		if hex {
			return true
		}
		i += n
		i += run(s[i:])
	}
	return false
}

// appendValue appends s as the value of a key: `\` as `\\`, `=` as `\=` and line
// ends as `\n` and `\r`. With esc, which a text that is dirty needs, it is first
// written as SCHEMA.md section 1 rule 6 has it, \xHH for each byte that must not
// stand for itself and `\\` for each backslash; those backslashes are then
// escaped as all others are, so that each parser of CEF gets the text \xHH.
//
// It stops before limit characters or size bytes are exceeded and reports how
// many characters it wrote and whether something is missing; an escape is written
// whole or not at all. A character is what the receiver stores: an escape of CEF
// stands for one, \xHH for its four.
func appendValue(dst []byte, s string, esc bool, limit, size int) (out []byte, chars int, cut bool) {
	end := len(dst) + size
	for i := 0; i < len(s); {
		if n := max(0, min(run(s[i:]), limit-chars, end-len(dst))); n > 0 {
			dst = append(dst, s[i:i+n]...)
			chars += n
			i += n
			continue
		}
		n, hex := unit(s[i:])
		stored, bytes := 1, n
		short := byte(0)
		switch c := s[i]; {
		case c == '\\' && esc:
			stored, bytes = 2, 4
		case c == '\\' || c == '=':
			short = c
		case c == '\n':
			short = 'n'
		case c == '\r':
			short = 'r'
		case hex:
			stored, bytes = 4*n, 5*n
		}
		if short != 0 {
			bytes = 2
		}
		if chars+stored > limit || len(dst)+bytes > end {
			return dst, chars, true
		}
		switch {
		case short != 0:
			dst = append(dst, '\\', short)
		case hex:
			dst = appendHex(dst, s[i:i+n])
		case s[i] == '\\':
			dst = append(dst, `\\\\`...)
		default:
			dst = append(dst, s[i:i+n]...)
		}
		chars += stored
		i += n
	}
	return dst, chars, false
}

// appendPlain is appendValue for a text that is not dirty, without a limit. It
// reports false, and what it appended is worth nothing, where s is dirty.
func appendPlain(dst []byte, s string) (out []byte, ok bool) {
	for {
		n := run(s)
		dst = append(dst, s[:n]...)
		if s = s[n:]; s == "" {
			return dst, true
		}
		n, hex := unit(s)
		switch c := s[0]; {
		case hex:
			return dst, false
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case n == 1:
			dst = append(dst, '\\', c) // a backslash or an equals sign
		default:
			dst = append(dst, s[:n]...)
		}
		s = s[n:]
	}
}

// appendHex appends \xHH for each byte, with its backslash escaped.
func appendHex(dst []byte, s string) []byte {
	for i := range len(s) {
		dst = append(dst, '\\', '\\', 'x', digits[s[i]>>4], digits[s[i]&15])
	}
	return dst
}

// appendHeader appends s as a field of the header: `\` and `|` with a backslash
// before them, line ends and tabs as one blank, other control characters as in
// appendValue, at most limit characters. It reports whether s was written with
// the escape of rule 6.
func appendHeader(dst []byte, s string, limit int) (out []byte, esc bool) {
	if len(s) <= limit && run(s) == len(s) && strings.IndexByte(s, '|') < 0 {
		return append(dst, s...), false
	}
	blank := func(c byte) bool { return c == '\n' || c == '\r' || c == '\t' }
	for i := 0; i < len(s) && !esc; {
		n, hex := unit(s[i:])
		esc = hex && !blank(s[i])
		i += n
	}
	for i, chars := 0, 0; i < len(s); {
		n, hex := unit(s[i:])
		stored := 1
		c := s[i]
		switch {
		case blank(c):
		case hex:
			stored = 4 * n
		case c == '\\' && esc:
			stored = 2
		}
		if chars+stored > limit {
			break
		}
		switch {
		case blank(c):
			for i+1 < len(s) && blank(s[i+1]) {
				i++
			}
			dst = append(dst, ' ')
		case hex:
			dst = appendHex(dst, s[i:i+n])
		case c == '\\' && esc:
			dst = append(dst, `\\\\`...)
		case c == '\\' || c == '|':
			dst = append(dst, '\\', c)
		default:
			dst = append(dst, s[i:i+n]...)
		}
		chars += stored
		i += n
	}
	return dst, esc
}

package cef

import "unicode/utf8"

const digits = "0123456789abcdef"

// unit reads one character of s, which is not empty: how many bytes of s it has,
// and whether it has to be written as \xHH for each of them. Those are control
// characters and bytes that are no UTF-8.
func unit(s string) (size int, hex bool) {
	c := s[0]
	if c < utf8.RuneSelf {
		return 1, c < ' ' || c == 0x7f
	}
	r, n := utf8.DecodeRuneInString(s)
	return n, r == utf8.RuneError && n == 1 || r < 0xa0
}

// appendValue appends s as the value of a key: `\` as `\\`, `=` as `\=`, line
// ends as `\n` and `\r`, and other control characters as \xHH. It stops before
// limit characters or size bytes are exceeded and reports how many characters it
// wrote and whether something is missing; an escape is written whole or not at
// all. A character is what the receiver stores: an escape of two characters
// stands for one, \xHH for its four.
func appendValue(dst []byte, s string, limit, size int) (out []byte, chars int, cut bool) {
	end := len(dst) + size
	for i := 0; i < len(s); {
		n, hex := unit(s[i:])
		stored, bytes := 1, n
		short := byte(0)
		switch c := s[i]; {
		case c == '\\' || c == '=':
			short = c
		case c == '\n':
			short = 'n'
		case c == '\r':
			short = 'r'
		case hex:
			stored, bytes = 4*n, 4*n
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
		default:
			dst = append(dst, s[i:i+n]...)
		}
		chars += stored
		i += n
	}
	return dst, chars, false
}

// appendHex appends \xHH for each byte.
func appendHex(dst []byte, s string) []byte {
	for i := range len(s) {
		dst = append(dst, '\\', 'x', digits[s[i]>>4], digits[s[i]&15])
	}
	return dst
}

// appendHeader appends s as a field of the header: `\` and `|` with a backslash
// before them, line ends and tabs as one blank, other control characters as
// \xHH, at most limit characters.
func appendHeader(dst []byte, s string, limit int) []byte {
	for i, chars := 0, 0; i < len(s); {
		n, hex := unit(s[i:])
		stored := 1
		c := s[i]
		blank := c == '\n' || c == '\r' || c == '\t'
		if hex && !blank {
			stored = 4 * n
		}
		if chars+stored > limit {
			break
		}
		switch {
		case blank:
			for i+1 < len(s) && (s[i+1] == '\n' || s[i+1] == '\r' || s[i+1] == '\t') {
				i++
			}
			dst = append(dst, ' ')
		case hex:
			dst = appendHex(dst, s[i:i+n])
		case c == '\\' || c == '|':
			dst = append(dst, '\\', c)
		default:
			dst = append(dst, s[i:i+n]...)
		}
		chars += stored
		i += n
	}
	return dst
}

// appendClass appends s as a part of the class id that began at start. A class
// id has no = % # | and \ (SCHEMA.md section 3), nor anything but visible ASCII:
// those become a dash.
func appendClass(dst []byte, start int, s string, lower bool) []byte {
	for i := 0; i < len(s) && len(dst)-start < classLimit; i++ {
		c := s[i]
		switch {
		case c <= ' ' || c > '~' || c == '=' || c == '%' || c == '#' || c == '|' || c == '\\':
			c = '-'
		case lower && c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// appendSlug appends s in lower case with a dash for every run of characters
// that are neither letters nor digits.
func appendSlug(dst []byte, start int, s string) []byte {
	dash := false
	for i := 0; i < len(s) && len(dst)-start < classLimit; i++ {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			dst, dash = append(dst, c), false
		} else if !dash {
			dst, dash = append(dst, '-'), true
		}
	}
	return dst
}

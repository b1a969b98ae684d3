package leef

import "unicode/utf8"

const digits = "0123456789abcdef"

// blank reports whether c becomes a blank: it would end an attribute or the
// event.
func blank(c byte) bool { return c == '\t' || c == '\n' || c == '\r' }

// unit reads one character of s, which is not empty: how many bytes of s it has,
// and whether it has to be written as \xHH for each of them. Those are control
// characters that do not become a blank, the delimiter, and bytes that are no
// UTF-8.
func unit(s string, delim byte) (size int, hex bool) {
	c := s[0]
	if c < utf8.RuneSelf {
		return 1, c < ' ' && !blank(c) || c == 0x7f || c == delim && !blank(c)
	}
	r, n := utf8.DecodeRuneInString(s)
	return n, r == utf8.RuneError && n == 1 || r < 0xa0
}

// dirty reports whether s has a character that is written as \xHH.
func dirty(s string, delim byte) bool {
	for i := 0; i < len(s); {
		n, hex := unit(s[i:], delim)
		if hex {
			return true
		}
		i += n
	}
	return false
}

// appendValue appends s as a value; esc, which a text that is dirty needs, asks
// for the escape of rule 6. It stops before limit characters or size bytes are
// exceeded and reports how many characters it wrote and whether something is
// missing; an escape is written whole or not at all. Characters are those that a
// receiver stores.
func appendValue(dst []byte, s string, delim byte, esc bool, limit, size int) (out []byte, chars int, cut bool) {
	end := len(dst) + size
	for i := 0; i < len(s); {
		n, hex := unit(s[i:], delim)
		stored, bytes := 1, n
		switch {
		case hex:
			stored, bytes = 4*n, 4*n
		case esc && s[i] == '\\':
			stored, bytes = 2, 2
		}
		if chars+stored > limit || len(dst)+bytes > end {
			return dst, chars, true
		}
		switch {
		case hex:
			for j := i; j < i+n; j++ {
				dst = append(dst, '\\', 'x', digits[s[j]>>4], digits[s[j]&15])
			}
		case esc && s[i] == '\\':
			dst = append(dst, '\\', '\\')
		case blank(s[i]):
			dst = append(dst, ' ')
		default:
			dst = append(dst, s[i:i+n]...)
		}
		chars += stored
		i += n
	}
	return dst, chars, false
}

// appendHeader appends s as a field of the header, at most limit bytes: a pipe
// becomes an underscore, a tab and a line end a blank. A header names a product
// and a version; what else is no text in it becomes an underscore as well.
func appendHeader(dst []byte, s string, limit int) []byte {
	end := len(dst) + limit
	for i := 0; i < len(s); {
		n, hex := unit(s[i:], '|')
		if len(dst)+n > end {
			break
		}
		switch {
		case hex:
			dst = append(dst, '_')
		case blank(s[i]):
			dst = append(dst, ' ')
		default:
			dst = append(dst, s[i:i+n]...)
		}
		i += n
	}
	return dst
}

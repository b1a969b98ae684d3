package rfc5424

import "unicode/utf8"

const digits = "0123456789abcdef"

// next reads one character of s, which is not empty: how many bytes it has, and
// whether it is a control character or no UTF-8.
func next(s string) (size int, bad bool) {
	c := s[0]
	if c < utf8.RuneSelf {
		return 1, c < ' ' || c == 0x7f
	}
	r, n := utf8.DecodeRuneInString(s)
	return n, r == utf8.RuneError && n == 1 || r < 0xa0
}

// dirty reports whether s has to be written escaped.
func dirty(s string) bool {
	for i := 0; i < len(s); {
		n, bad := next(s[i:])
		if bad {
			return true
		}
		i += n
	}
	return false
}

// appendText appends s, as far as it fits into limit bytes, and reports whether
// something is missing. With esc each byte that must not stand for itself is
// written as \xHH and each backslash as two; an escape is written whole or not
// at all, and no character is split.
func appendText(dst []byte, s string, esc bool, limit int) (out []byte, cut bool) {
	if !esc && len(s) <= limit {
		return append(dst, s...), false
	}
	end := len(dst) + limit
	for i := 0; i < len(s); {
		n, bad := next(s[i:])
		size := n
		switch {
		case bad:
			size = 4 * n
		case esc && s[i] == '\\':
			size = 2
		}
		if len(dst)+size > end {
			return dst, true
		}
		switch {
		case bad:
			for _, c := range []byte(s[i : i+n]) {
				dst = append(dst, '\\', 'x', digits[c>>4], digits[c&15])
			}
		case size > n:
			dst = append(dst, '\\', '\\')
		default:
			dst = append(dst, s[i:i+n]...)
		}
		i += n
	}
	return dst, false
}

// AppendText appends s as a text of one line, escaped where that is needed, as far
// as it fits into limit bytes, and reports whether something is missing.
func AppendText(dst []byte, s string, limit int) (out []byte, cut bool) {
	return appendText(dst, s, dirty(s), limit)
}

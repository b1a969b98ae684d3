package json

import "unicode/utf8"

// AppendText appends s as a JSON string, as this package writes it, for formats
// that are JSON with other names. Where s is no UTF-8 it is written with the
// escape of SCHEMA.md section 1 rule 6, and escaped says so.
func AppendText(dst []byte, s string) (out []byte, escaped bool) {
	n := clean(s)
	if n == len(s) {
		return append(append(append(dst, '"'), s...), '"'), false
	}
	escaped = !utf8.ValidString(s)
	return quote(dst, s, n, escaped), escaped
}

// AppendEscaped is AppendText with the escape whatever s holds: a text of a field that
// is listed as escaped because of another.
func AppendEscaped(dst []byte, s string) []byte { return quote(dst, s, clean(s), true) }

// quote appends s, whose first n bytes stand for themselves.
func quote(dst []byte, s string, n int, escaped bool) []byte {
	dst = append(dst, '"')
	start := 0
	for i := n; i < len(s); {
		b := s[i]
		if plain[b] {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		bad := r == utf8.RuneError && n == 1
		if r > 0x9f && r != '\u2028' && r != '\u2029' && !bad {
			i += n
			continue
		}
		dst = append(dst, s[start:i]...)
		switch {
		case bad:
			dst = append(dst, '\\', '\\', 'x', digits[b>>4], digits[b&15])
		case b == '\\' && escaped:
			dst = append(dst, `\\\\`...)
		default:
			dst = appendRare(dst, s[i:i+n])
		}
		i += n
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}

package json

import (
	"math"
	"time"
	"unicode/utf8"

	"tallyman/pipeline/event"
)

const digits = "0123456789abcdef"

// plain are the bytes that stand for themselves inside a JSON string. The two
// bytes of UTF-8 that begin a C1 control character and a line separator are
// looked at again.
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= ' ' && c != '"' && c != '\\' && c != 0x7f && c != 0xc2 && c != 0xe2
	}
	return t
}()

// appendValue appends v as JSON. Unless native, it is a text whatever it holds,
// as the schema says of ids (SCHEMA rule 2).
func appendValue(dst []byte, v event.Value, native, esc bool) []byte {
	switch k := v.Kind(); k {
	case event.KindString, event.KindIP:
		return appendText(dst, v.Str(), esc)
	case event.KindTime:
		return appendTime(dst, v.Instant())
	case event.KindFloat:
		if f := v.Float64(); math.IsNaN(f) || math.IsInf(f, 0) {
			native = false // JSON has no such number
		}
	}
	if native {
		return v.Append(dst)
	}
	return append(v.Append(append(dst, '"')), '"')
}

// appendTime appends t in UTC with at least milliseconds and no further zeros
// (SCHEMA rule 3).
func appendTime(dst []byte, t time.Time) []byte {
	dst = t.UTC().AppendFormat(append(dst, '"'), time.RFC3339Nano)
	dst = dst[:len(dst)-1] // the Z
	switch ns := t.Nanosecond(); {
	case ns == 0:
		dst = append(dst, ".000"...)
	case ns%100_000_000 == 0:
		dst = append(dst, "00"...)
	case ns%10_000_000 == 0:
		dst = append(dst, '0')
	}
	return append(dst, 'Z', '"')
}

// appendText appends s as a JSON string, with the escape of SCHEMA rule 6 where
// esc is set.
func appendText(dst []byte, s string, esc bool) []byte {
	return append(appendInner(append(dst, '"'), s, esc), '"')
}

func appendInner(dst []byte, s string, esc bool) []byte {
	if esc {
		return appendEscaped(dst, s)
	}
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		n := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, n = utf8.DecodeRuneInString(s[i:]); r > 0x9f && r != '\u2028' && r != '\u2029' {
				i += n
				continue
			}
		}
		dst = appendRare(append(dst, s[start:i]...), s[i:i+n])
		i += n
		start = i
	}
	return append(dst, s[start:]...)
}

// appendRare appends one character that must not stand for itself: those that
// JSON forbids, and those that a terminal or a script takes for a command.
func appendRare(dst []byte, s string) []byte {
	switch s[0] {
	case '"', '\\':
		return append(dst, '\\', s[0])
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	r, _ := utf8.DecodeRuneInString(s)
	return append(dst, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}

// appendEscaped appends s with \xHH for each byte that is no UTF-8 and \\ for
// each backslash, both as JSON writes them.
func appendEscaped(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(dst, '\\', '\\', 'x', digits[s[i]>>4], digits[s[i]&15])
		case r == '\\':
			dst = append(dst, `\\\\`...)
		default:
			dst = appendInner(dst, s[i:i+n], false)
		}
		i += n
	}
	return dst
}

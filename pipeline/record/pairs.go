package record

import (
	"strconv"
	"strings"
)

// Pairs walks over name=value pairs that a separator parts (a blank for logfmt, a
// comma for some others; blanks around pairs are always let go of). A value may
// stand in double quotes, with the escapes of Go and JSON. It returns false where
// a part is no pair, or a quote does not end; pairs before and after it still come.
func Pairs(line string, sep byte, pair func(name, value string)) (whole bool) {
	whole = true
	for line = past(line, sep); line != ""; line = past(line, sep) {
		eq := strings.IndexByte(line, '=')
		end := strings.IndexByte(line, sep)
		if end < 0 {
			end = len(line)
		}
		if eq <= 0 || eq > end || strings.ContainsAny(line[:eq], "\" \t") {
			whole = false
			line = line[end:]
			continue
		}
		name, rest := line[:eq], line[eq+1:]
		if strings.HasPrefix(rest, `"`) {
			value, n, ok := Unquote(rest)
			whole = whole && ok && (n == len(rest) || rest[n] == sep || rest[n] == ' ')
			pair(name, value)
			line = rest[n:]
			continue
		}
		end = strings.IndexByte(rest, sep)
		if end < 0 {
			end = len(rest)
		}
		pair(name, rest[:end])
		line = rest[end:]
	}
	return whole
}

// past skips blanks, commas and separators.
func past(s string, sep byte) string {
	for s != "" && (s[0] == sep || s[0] == ' ' || s[0] == '\t' || s[0] == ',') {
		s = s[1:]
	}
	return s
}

// Unquote reads a string that begins with a double quote: its value, and how many
// bytes it takes. Without an end it takes all. An escape that is not known stays
// as it is, and is not ok.
func Unquote(s string) (value string, n int, ok bool) {
	plain := true
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			plain = false
			i++
		case '"':
			if plain {
				return s[1:i], i + 1, true
			}
			if v, err := strconv.Unquote(s[:i+1]); err == nil {
				return v, i + 1, true
			}
			v, ok := unescape(s[1:i])
			return v, i + 1, ok
		}
	}
	return s[1:], len(s), false
}

// unescape resolves what it knows, one escape after the other.
func unescape(s string) (string, bool) {
	var b strings.Builder
	ok := true
	for s != "" {
		if s[0] != '\\' {
			i := strings.IndexByte(s, '\\')
			if i < 0 {
				i = len(s)
			}
			b.WriteString(s[:i])
			s = s[i:]
			continue
		}
		r, multibyte, tail, err := strconv.UnquoteChar(s, '"')
		switch {
		case err == nil && (multibyte || r < 0x80):
			b.WriteRune(r)
		case err == nil:
			b.WriteByte(byte(r))
		case len(s) > 1 && (s[1] == '/' || s[1] == '\''):
			b.WriteByte(s[1])
			tail = s[2:]
		default:
			ok = false
			b.WriteByte('\\')
			tail = s[1:]
		}
		s = tail
	}
	return b.String(), ok
}

package dockerd

import (
	"strconv"
	"strings"
)

// unquote resolves what strconv.Quote made. Who writes logfmt in another way may
// leave a raw control byte in it, which strconv does not take.
func unquote(s string) (string, bool) {
	if v, err := strconv.Unquote(s); err == nil {
		return v, true
	}
	var b strings.Builder
	for s = s[1 : len(s)-1]; s != ""; {
		if s[0] != '\\' {
			b.WriteByte(s[0])
			s = s[1:]
			continue
		}
		r, multi, rest, err := strconv.UnquoteChar(s, '"')
		if err != nil {
			return "", false
		}
		if r < 0x80 || multi {
			b.WriteRune(r)
		} else {
			b.WriteByte(byte(r))
		}
		s = rest
	}
	return b.String(), true
}

package text

import (
	"strconv"
	"unicode/utf8"

	"tallyman/pipeline/event"
)

// tone is one of the few ways a word is painted.
type tone string

const (
	normal tone = "0"
	faint  tone = "2"
	yellow tone = "33"
	red    tone = "31"
	loud   tone = "1;31"
)

// paint appends the sequence that switches to t (ECMA-48 section 8.3.117), or
// nothing where colour is not wanted.
func (c *Encoder) paint(dst []byte, t tone) []byte {
	if !c.color {
		return dst
	}
	return append(append(append(dst, "\x1b["...), t...), 'm')
}

// shown appends any value so that it can be looked at.
func shown(dst []byte, v event.Value) []byte {
	if s := v.Str(); s != "" {
		return visible(dst, s, most)
	}
	return v.Append(dst)
}

const digits = "0123456789abcdef"

// visible appends s, or as much of it as fits into limit bytes of output and a
// mark that there is more. Characters that cannot be seen are written as \n, \r,
// \t, \xHH or \uHHHH: control characters, what turns the direction of a text,
// blanks but the blank, and bytes that are no UTF-8.
func visible(dst []byte, s string, limit int) []byte {
	end := len(dst) + limit
	for i := 0; i < len(s); {
		c := s[i]
		n := 1
		at := len(dst)
		switch {
		case c >= ' ' && c < 0x7f:
			dst = append(dst, c)
		case c < utf8.RuneSelf:
			dst = control(dst, c)
		default:
			var r rune
			r, n = utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError && n == 1:
				dst = append(dst, '\\', 'x', digits[c>>4], digits[c&15])
			case strconv.IsPrint(r):
				dst = append(dst, s[i:i+n]...)
			default:
				dst = invisible(dst, r)
			}
		}
		if len(dst) > end {
			return append(dst[:at], "…"...)
		}
		i += n
	}
	return dst
}

func control(dst []byte, c byte) []byte {
	switch c {
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'x', digits[c>>4], digits[c&15])
}

func invisible(dst []byte, r rune) []byte {
	if r > 0xffff {
		dst = append(dst, '\\', 'U', '0', '0', digits[r>>20&15], digits[r>>16&15])
	} else {
		dst = append(dst, '\\', 'u')
	}
	return append(dst, digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}

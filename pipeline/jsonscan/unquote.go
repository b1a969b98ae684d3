package jsonscan

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// Plain returns how many bytes at the start of s stand for themselves in a string: all
// but quotes, backslashes and controls.
func Plain(s string) int { return ordinary(s) }

// escapes says what the letter behind a backslash stands for, 0 where that is nothing.
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// Unquote is Quoted and Unescape in one pass, for texts that have many escapes: s
// begins behind the quote of a string. It appends what the string says to dst, and
// returns how much of s it took with the quote that ends it. False says that there is
// no such string.
func Unquote(dst []byte, s string) (out []byte, took int, ok bool) {
	dst = slices.Grow(dst, len(s)+8) // nothing becomes longer
	buf, at := dst[:cap(dst)], len(dst)
	for i := 0; i < len(s); {
		if i+8 <= len(s) { // eight are copied, and those count that need no look
			w := word(s[i : i+8])
			binary.LittleEndian.PutUint64(buf[at:at+8], w)
			m := special(w)
			if m == 0 {
				i, at = i+8, at+8
				continue
			}
			n := bits.TrailingZeros64(m) / 8
			i, at = i+n, at+n
		}
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s):
			if e := escapes[s[i+1]]; e != 0 {
				buf[at] = e
				i, at = i+2, at+1
				continue
			}
			r, n := escape(s[i:])
			if n == 0 {
				return dst, 0, false
			}
			if i += n; r < utf8.RuneSelf {
				buf[at] = byte(r)
				at++
			} else {
				at += utf8.EncodeRune(buf[at:], r)
			}
		case c == '"':
			return buf[:at], i + 1, true
		case c == '\\', c < ' ':
			return dst, 0, false
		default:
			buf[at] = c
			i, at = i+1, at+1
		}
	}
	return dst, 0, false
}

// escape reads the escape of four digits that s begins with and returns its length, 0
// where it is none.
func escape(s string) (r rune, n int) {
	if len(s) < 2 || s[1] != 'u' || !hex4(s[2:]) {
		return 0, 0
	}
	r, _ = unhex(s[2:])
	if r < 0xd800 || r > 0xdfff {
		return r, 6
	}
	return pair(r, s, 6)
}

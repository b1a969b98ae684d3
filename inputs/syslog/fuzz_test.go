package syslog

import (
	"slices"
	"strings"
	"testing"
)

// FuzzFraming: whatever a stream holds and however it comes in pieces, the same
// messages come of it; nothing panics, no message is longer than the limit, what
// is kept between two reads is bounded, and of the bytes of the stream nothing is
// in two messages.
func FuzzFraming(f *testing.F) {
	for _, s := range []string{
		"5 <1>ab7 <2>c\nd\x00", "5 <1>ab\n5 <1>cd\r\n", "<1>a\n<2>b\r\n\n", "<1>a\x00<2>b\nc\x00", "99999999999999999999 <1>ab",
		"-5 <1>ab", "05 <1>ab", "5 <1>ab<1>cd\n", strings.Repeat("x", 100) + "\n<1>a\n", "100 " + strings.Repeat("x", 100) + "5 <1>ab",
		"2026-11-25T10:00:00Z a\n", "000049: a\n", "\n\x00\n5 <1>ab", "67108864 <", "123",
	} {
		f.Add(s, uint8(1))
		f.Add(s, uint8(7))
	}
	f.Fuzz(func(t *testing.T, stream string, size uint8) {
		const limit = 20
		whole, wholeRest, wholeErr := feed(&framer{max: limit}, stream, max(1, len(stream)))
		parts, rest, err := feed(&framer{max: limit}, stream, max(1, int(size)))
		if !slices.Equal(whole, parts) || (err == nil) != (wholeErr == nil) || err == nil && rest != wholeRest {
			t.Fatalf("at once %q %q %v, in parts %q %q %v", whole, wholeRest, wholeErr, parts, rest, err)
		}
		bounded(t, stream, max(1, int(size)), limit)
	})
}

// bounded checks what a framer keeps and gives.
func bounded(t *testing.T, stream string, size, limit int) {
	f := framer{max: limit}
	var buf []byte
	for len(stream) > 0 {
		n := min(size, len(stream))
		buf, stream = append(buf, stream[:n]...), stream[n:]
		spans, used, keep, err := f.cut(buf, nil)
		at := 0
		for _, s := range spans {
			if s.from < at || s.to <= s.from || s.to-s.from > limit || s.to > len(buf) || s.size != 0 && s.size <= int64(limit) {
				t.Fatalf("%q gave %+v after %d", buf, s, at)
			}
			at = s.to
		}
		if err != nil {
			return
		}
		if used < at || keep < used || keep > len(buf) || keep-used > max(limit+countRoom+1, looksRoom+1) {
			t.Fatalf("%q: done to %d, kept to %d", buf, used, keep)
		}
		buf = append(buf[:0], buf[used:keep]...)
	}
}

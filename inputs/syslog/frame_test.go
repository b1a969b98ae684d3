package syslog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// feed gives a stream to a framer in pieces of size bytes, as a connection does,
// and returns what came of it: the messages, each with its length where that is
// more than is kept, and the rest at the end.
func feed(f *framer, stream string, size int) (got []string, rest string, err error) {
	var buf []byte
	for len(stream) > 0 {
		n := min(size, len(stream))
		buf, stream = append(buf, stream[:n]...), stream[n:]
		spans, used, keep, broke := f.cut(buf, nil)
		for _, s := range spans {
			text := string(buf[s.from:s.to])
			if s.size > 0 {
				text += fmt.Sprintf(" (of %d)", s.size)
			}
			got = append(got, text)
		}
		if broke != nil {
			return got, string(buf[used:]), broke
		}
		buf = append(buf[:0], buf[used:keep]...)
	}
	if s, ok := f.rest(buf, true); ok {
		rest = string(buf[s.from:s.to])
	}
	return got, rest, nil
}

func TestFraming(t *testing.T) {
	long := strings.Repeat("x", 30)
	for _, c := range []struct {
		name   string
		stream string
		want   []string
		rest   string
		broke  bool
	}{
		{name: "octet counting", stream: "5 <1>ab7 <2>c\nd\x00", want: []string{"<1>ab", "<2>c\nd\x00"}},
		{name: "octet counting, and a line end after each", stream: "5 <1>ab\n5 <1>cd\r\n5 <1>ef\x00", want: []string{"<1>ab", "<1>cd", "<1>ef"}},
		{name: "octet counting, a body that is no syslog", stream: "5 hello5 <1>ab", want: []string{"hello", "<1>ab"}},
		{name: "octet counting, cut", stream: "5 <1>ab9 <1>cd", want: []string{"<1>ab"}, rest: "<1>cd"},
		{name: "octet counting, too long", stream: "30 " + long + "5 <1>ab", want: []string{long[:20] + " (of 30)", "<1>ab"}},
		{name: "octet counting, the limit", stream: "20 " + long[:20] + "5 <1>ab", want: []string{long[:20], "<1>ab"}},
		{name: "lines", stream: "<1>a\n<2>b\r\n\n<3>c\n", want: []string{"<1>a", "<2>b", "<3>c"}},
		{name: "lines without a priority", stream: "2026-11-25T10:00Z a\n20 b\n", want: []string{"2026-11-25T10:00Z a", "20 b"}},
		{name: "lines that begin with a sequence number", stream: "000049: a\n", want: []string{"000049: a"}},
		{name: "lines, the last without its end", stream: "<1>a\n<2>b", want: []string{"<1>a"}, rest: "<2>b"},
		{name: "lines, too long", stream: long + "\n<1>a\n", want: []string{long[:20] + " (of 30)", "<1>a"}},
		{name: "lines, the limit", stream: long[:20] + "\n<1>a\n", want: []string{long[:20], "<1>a"}},
		{name: "NUL", stream: "<1>a\x00<2>b\nc\x00", want: []string{"<1>a", "<2>b\nc"}},
		{name: "LF and NUL", stream: "<1>a\n\x00<2>b\n\x00", want: []string{"<1>a", "<2>b"}},
		{name: "NUL and LF", stream: "<1>a\x00\n<2>b\x00\n", want: []string{"<1>a", "<2>b"}},
		{name: "LF first, and NUL within", stream: "<1>a\n<2>b\x00c\n", want: []string{"<1>a", "<2>b\x00c"}},
		{name: "nothing but digits", stream: "123", rest: "123"},
		{name: "a negative count", stream: "-5 <1>ab", broke: true, rest: "-5 <1>ab"},
		{name: "a count that begins with 0", stream: "05 <1>ab", broke: true, rest: "05 <1>ab"},
		{name: "the count 0", stream: "0 <1>ab", broke: true, rest: "0 <1>ab"},
		{name: "a huge count", stream: "99999999999999999999 <1>ab", broke: true, rest: "99999999999999999999 <1>ab"},
		{name: "a count above the most", stream: "67108865 <1>ab", broke: true, rest: "67108865 <1>ab"},
		{name: "a negative count later", stream: "5 <1>ab-5 <1>ab", want: []string{"<1>ab"}, broke: true, rest: "-5 <1>ab"},
		{name: "a line among octet counts", stream: "5 <1>ab<1>cd\n", want: []string{"<1>ab"}, broke: true, rest: "<1>cd\n"},
		{name: "a huge count later", stream: "5 <1>ab123456789012 <", want: []string{"<1>ab"}, broke: true, rest: "123456789012 <"},
	} {
		for _, size := range []int{1, 2, 3, 7, 1 << 10} {
			t.Run(fmt.Sprintf("%s, by %d", c.name, size), func(t *testing.T) {
				got, rest, err := feed(&framer{max: 20}, c.stream, size)
				if c.broke { // how much is there when it breaks depends on the pieces
					if !errors.Is(err, errFraming) || !strings.HasPrefix(c.rest, rest) {
						t.Errorf("it broke at %q: %v", rest, err)
					}
					rest, err = c.rest, nil
				}
				if err != nil || rest != c.rest || !slices.Equal(got, c.want) {
					t.Errorf("got %q and %q, %v; want %q and %q", got, rest, err, c.want, c.rest)
				}
			})
		}
	}
}

package rfc5424

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestACutSplitsNoCharacter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "text")
		limit := rapid.IntRange(0, len(s)+1).Draw(t, "limit")
		got := Cut([]byte(s), limit)
		if len(got) > limit || !strings.HasPrefix(s, string(got)) || len(s) > limit && limit-len(got) >= utf8.UTFMax {
			t.Fatalf("%q cut to %d is %q", s, limit, got)
		}
		if !utf8.Valid(got) {
			t.Fatalf("%q is not UTF-8 any more", got)
		}
	})
}

func TestABadByteDoesNotMoveTheCut(t *testing.T) {
	if got := Cut([]byte("abc\x80\x80\x80\x80\x80\x80"), 8); len(got) != 8 {
		t.Errorf("cut to %q", got)
	}
}

func TestWhereTheHeaderEnds(t *testing.T) {
	for _, c := range []struct{ head, rest string }{
		{`<134>1 - h a p m -`, ` text`},
		{`<134>1 - h a p m [x y="a b\"] c"][z q="[ "]`, ` text [not] "this`},
		{`<134>1 - h a p m -`, ``},
		{`<134>1 - h`, ``},
		{``, `{"json": "no header"}`},
	} {
		if got := HeadEnd([]byte(c.head + c.rest)); got != len(c.head) {
			t.Errorf("%s%s: %d, want %d", c.head, c.rest, got, len(c.head))
		}
	}
}

func FuzzHeadEnd(f *testing.F) {
	f.Add(`<134>1 - h a p m [x y="a b\"] c"] text`)
	f.Add(`<1>1 - h a p m [x y="\`)
	f.Fuzz(func(t *testing.T, s string) {
		if n := HeadEnd([]byte(s)); n < 0 || n > len(s) {
			t.Errorf("%q: %d", s, n)
		}
	})
}

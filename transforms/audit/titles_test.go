package audit

import (
	"encoding/hex"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A title that is kept reads as one that is read anew, whatever comes between.
func TestTitlesKeepWhatTheyRead(t *testing.T) {
	tr := build(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		f := &tr.Lane("x").(*stage).f
		words := rapid.SliceOfN(rapid.SampledFrom([]string{"sh\x00-c\x00ls", "sh\x00-c\x00ls\x00\x00", "a", "longer than eight", "\x00", ""}), 1, 40).Draw(t, "titles")
		for _, s := range words {
			val := strings.ToUpper(hex.EncodeToString([]byte(s)))
			if rapid.Bool().Draw(t, "other") {
				val = rapid.SampledFrom([]string{"(null)", "nohex", "0", ""}).Draw(t, "text")
				if s = val; none(val) {
					s = ""
				}
			}
			f.title, f.shown, f.titled = "", "", nil
			f.proctitle(&Record{Body: "proctitle=" + val})
			want := strings.TrimRight(s, "\x00")
			if shown := strings.ReplaceAll(want, "\x00", " "); f.title != want || f.titleText() != shown {
				t.Fatalf("%q is %q, shown as %q, want %q", val, f.title, f.titleText(), want)
			}
		}
	})
}

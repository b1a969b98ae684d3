package audit

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// seamOneByOne is the part of split that looks for a seam, written to be seen
// right: it asks at every place whether nothing but additions stands from there on.
func seamOneByOne(body string) int {
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '"':
			i = closing(body, i) - 1
		case c == '\'':
			end := strings.LastIndexByte(body, '\'')
			if end == i {
				return len(body)
			}
			i = end
		case i > 0 && seam(body[i:]) && added(body[i:]) < 0:
			return i
		}
	}
	return len(body)
}

func TestTheSeamIsTheFirstBehindWhichStandAdditions(t *testing.T) {
	word := rapid.SampledFrom([]string{"UID=a", "AUID=\"b\"", "UID=\"c d\"", "EUID=", "OLD-AUID=x", "SADDR={ y }", "SADDR=unknown family(0)", "x=1", "res=1", " ", " ", "\"", "'", "=", "}", "ID", "Z=z"})
	rapid.Check(t, func(rt *rapid.T) {
		body := strings.Join(rapid.SliceOfN(word, 1, 12).Draw(rt, "words"), "")
		at := len(body)
		if mayHaveSeam(body) {
			at = seamOneByOne(body)
		}
		raw, enriched, _ := split(body)
		if raw != body[:at] || enriched != body[at:] {
			rt.Fatalf("%q is parted into %q and %q, want %q", body, raw, enriched, body[:at])
		}
	})
}

// TestALongLineOfAdditionsIsReadOnce: a line of a quarter of a megabyte took minutes
// when each addition was a new reason to look at all that follow it.
func TestALongLineOfAdditionsIsReadOnce(t *testing.T) {
	const n = 1 << 18
	for name, c := range map[string]struct{ text, end string }{
		"no seam":        {"UID=a ", "\""},
		"quoted":         {"UID=\"a\" ", "x"},
		"without blanks": {"UID=a", " x"},
		"addresses":      {"SADDR=a ", "="},
		"quotes":         {"UID=\"", " x"},
		"a long name":    {"UIDUIDUID", "=x y"},
	} {
		t.Run(name, func(t *testing.T) {
			body := "x=1 " + strings.Repeat(c.text, n/len(c.text)) + c.end
			if raw, enriched, _ := split(body); raw != body || enriched != "" {
				t.Errorf("it is parted at %d of %d", len(raw), len(body))
			}
		})
	}
}

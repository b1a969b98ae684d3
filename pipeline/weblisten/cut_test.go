package weblisten

import (
	"slices"
	"strings"
	"testing"
)

// inPieces takes a body apart that comes n bytes at a time.
func inPieces(text, form string, n int) (all []string, err error) {
	p := Splitter{Form: form}
	for have, end := "", 0; ; {
		list, done, err := p.Cut(have, end == len(text))
		all = append(all, list...)
		have = have[done:]
		switch {
		case err != nil:
			return all, err
		case done > 0:
			continue
		case end == len(text):
			return all, nil
		}
		more := min(n, len(text)-end)
		have += text[end : end+more]
		end += more
	}
}

var bodies = []string{
	"", "\n \n", `{"a":1}`, "{\n \"a\": 1\n}\n", `[{"a":1}, {"b":[2]},3]`, `{"kind":"List","items":[{"a":1},{"a":2}]}`,
	"{\"a\":1}\n{\"a\":2}\r\n\n{\"a\":3}", `{"a":1}{"a":"}\"{"}[1]`, "{\"a\":1}\n{\"a\":}\n{\"a\":3}\n", "{\"a\":1}\n{\"a\":1\n{\"a\":3}\n",
	"{\"a\":1}\n\x00{\"a\":3}\n", "{\"a\":1} tail\n{\"a\":2}\n", "one\r\ntwo\n\nthree", "\ufeff{\"a\":1}", "{\"a\":1}\n{\"a\"", "{\"a\":1}\n[1,{]}\n",
	"{\"a\":\"\\", "{\"a\":1}]", "{\"a\":1}\n\t \n{\"a\":\"\n", "[]\n[1]\n", "{0}\n{}", "{\"a\":0}\n 0", "{\"a\":0} \n \t{}", "{\"a\":\"\\u00\"}\n{}\n",
}

// TestCutIsSplit: however a body comes, its records are those that Split finds.
func TestCutIsSplit(t *testing.T) {
	for _, body := range bodies {
		for _, form := range []string{"auto", "lines", "json"} {
			sameAsSplit(t, body, form, len(body)+1)
			for n := 4; n < len(body); n++ {
				sameInPieces(t, body, form, n)
			}
		}
	}
}

// sameAsSplit: where all of a body is at hand they agree in everything.
func sameAsSplit(t *testing.T, body, form string, n int) {
	t.Helper()
	want, bad := Split(body, form)
	got, err := inPieces(body, form, n)
	if (bad == nil) != (err == nil) || err == nil && !slices.Equal(got, want) {
		t.Errorf("%s %q: %q, %v, want %q, %v", form, body, got, err, want, bad)
	}
}

// sameInPieces: a refusal may come earlier or later, as less is seen at once, but
// what both take is the same, but for line ends that a record has within.
func sameInPieces(t *testing.T, body, form string, n int) {
	t.Helper()
	want, bad := Split(body, form)
	got, err := inPieces(body, form, n)
	if bad == nil && err == nil && !slices.Equal(got, want) {
		t.Errorf("%s %q by %d: %q, want %q", form, body, n, got, want)
	}
}

// FuzzCut: as TestCutIsSplit, for any body.
func FuzzCut(f *testing.F) {
	for _, body := range bodies {
		f.Add(body, 5)
	}
	f.Fuzz(func(t *testing.T, body string, n int) {
		if n < 4 || strings.Count(body, "\n") > 1000 {
			return
		}
		for _, form := range []string{"auto", "lines", "json"} {
			sameAsSplit(t, body, form, len(body)+1)
			sameInPieces(t, body, form, n)
		}
	})
}

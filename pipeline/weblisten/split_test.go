package weblisten

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

// TestManyRecords: a body has no more records than may be.
func TestManyRecords(t *testing.T) {
	r := start(t, nil)
	r.h.(*taker).take = func(_ *http.Request, body string) ([]Group, error) {
		texts, err := Split(body, "auto")
		return []Group{{Decode: "plain", Texts: texts}}, err
	}
	for _, body := range []string{strings.Repeat("x\n", mostOfBody+1), "[" + strings.Repeat("1,", mostOfBody) + "1]"} {
		if a := r.wait(r.post(body, nil)); a.status != http.StatusRequestEntityTooLarge || !strings.Contains(a.text, "records") {
			t.Errorf("%+v", a)
		}
	}
}

// FuzzSplit: nothing panics, and records are parts of the body that are not empty
// and follow one another.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `[1,{"a":2}]`, `{"kind":"List","items":[1,2]}`, "{}\n{\n{}", "a\nb\r\n", "\ufeff{}", "{}\x00{}", `{"items":[],"kind":"List"} x`, "[", "{\"a\":}\n{}"} {
		for _, form := range []string{"auto", "json", "lines"} {
			f.Add(s, form)
		}
	}
	f.Fuzz(func(t *testing.T, text, form string) {
		list, err := Split(text, form)
		var no *Answer
		if err != nil && (len(list) > 0 || !errors.As(err, &no)) {
			t.Errorf("%q: %q with %v", text, list, err)
		}
		rest, sum := text, 0
		for _, record := range list {
			at := strings.Index(rest, record)
			if record == "" || at < 0 {
				t.Fatalf("%q: %q is no part of it, or out of order", text, record)
			}
			rest = rest[at+len(record):]
			sum += len(record)
		}
		if sum > len(text) {
			t.Errorf("%q: more came of it than it is", text)
		}
	})
}

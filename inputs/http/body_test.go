package http

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// TestBodies: each form is taken apart into its records.
func TestBodies(t *testing.T) {
	r := start(t, nil)
	for _, c := range []struct {
		name, body string
		header     http.Header
		want       []string
	}{
		{"an object", `{"a":1}`, nil, []string{`{"a":1}`}},
		{"an object over lines", "{\n  \"a\": 1\n}\n", nil, []string{"{\n  \"a\": 1\n}"}},
		{"an array", ` [{"a":1}, {"b":[2]},3] `, nil, []string{`{"a":1}`, `{"b":[2]}`, "3"}},
		{"an EventList", `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[{"a":1},{"a":2}]}`, nil, []string{`{"a":1}`, `{"a":2}`}},
		{"a list, its kind last", `{"items":[{"a":1}],"kind":"List"}`, nil, []string{`{"a":1}`}},
		{"items of no list", `{"kind":"Order","items":[1]}`, nil, []string{`{"kind":"Order","items":[1]}`}},
		{"NDJSON", "{\"a\":1}\n{\"a\":2}\r\n\n{\"a\":3}", nil, []string{`{"a":1}`, `{"a":2}`, `{"a":3}`}},
		{"objects without a line end", `{"a":1}{"a":2}`, nil, []string{`{"a":1}`, `{"a":2}`}},
		{"NDJSON, one that is not sound", "{\"a\":1}\n{\"a\":}\n{\"a\":3}\n", nil, []string{`{"a":1}`, `{"a":}`, `{"a":3}`}},
		{"NDJSON, the first not sound", "{\"a\":}\n{\"a\":3}\n", nil, []string{`{"a":}`, `{"a":3}`}},
		{"NDJSON, a NUL", "{\"a\":1}\n\x00{\"a\":3}\n", nil, []string{`{"a":1}`, "\x00{\"a\":3}"}},
		{"lines of text", "one\r\ntwo\n\nthree", nil, []string{"one", "two", "three"}},
		{"gzip", packed(t, `[{"a":1}]`), gzipped, []string{`{"a":1}`}},
		{"gzip, two members", packed(t, "one\n") + packed(t, "two\n"), gzipped, []string{"one", "two"}},
		{"a byte order mark", "\ufeff{\"a\":1}", nil, []string{`{"a":1}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := r.post("/x", c.body, c.header)
			b := r.read()
			if got := raws(b); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
			b.Accepted(nil)
			if a := r.wait(answer); a.status != http.StatusOK || a.err != nil {
				t.Errorf("answered %+v", a)
			}
		})
	}
	for _, empty := range []string{"", "\n \n", "[]", `{"kind":"EventList","items":[]}`} {
		if a := r.wait(r.post("/", empty, nil)); a.status != http.StatusOK {
			t.Errorf("%q: %+v", empty, a)
		}
	}
}

// TestRefusals: what cannot be taken is refused in words, and nothing of it comes.
func TestRefusals(t *testing.T) {
	r := start(t, func(s *Settings, _ *plugin.Env) {
		s.MaxBody, s.Path, s.Paths = 64<<10, "/audit", map[string]string{"/audit/deep": "plain"}
	})
	big := strings.Repeat("x", 64<<10+1)
	for _, c := range []struct {
		name, path, body string
		header           http.Header
		status           int
		words            string
	}{
		{"no such path", "/", "x", nil, 404, "no records are taken at this path"},
		{"a path that only begins so", "/auditor", "x", nil, 404, "no records"},
		{"too large", "/audit", big, nil, 413, "larger than max_body"},
		{"I9: a bomb", "/audit", packed(t, strings.Repeat("0", 64<<20)), gzipped, 413, "larger than max_body"},
		{"I9: a bomb of many members", "/audit", strings.Repeat(packed(t, strings.Repeat("0", 1<<10)), 65), gzipped, 413, "larger than max_body"},
		{"I10: packed twice", "/audit", packed(t, packed(t, "x")), gzipped, 415, "twice"},
		{"I10: two encodings", "/audit", "x", http.Header{"Content-Encoding": {"gzip, gzip"}}, 415, "once"},
		{"I10: two headers", "/audit", "x", http.Header{"Content-Encoding": {"gzip", "gzip"}}, 415, "once"},
		{"zstd", "/audit", "x", http.Header{"Content-Encoding": {"zstd"}}, 415, "use gzip"},
		{"packed, and not said", "/audit", packed(t, "x"), nil, 415, "not said"},
		{"no gzip", "/audit", "plain text, no gzip", gzipped, 400, "cannot be read"},
		{"gzip that is cut", "/audit", packed(t, strings.Repeat("xyz", 1000))[:20], gzipped, 400, "ends before"},
		{"gzip, damaged", "/audit", packed(t, "hello")[:23] + "xxxxxxxx", gzipped, 400, "cannot be read"},
		{"no JSON", "/audit", `{"a":1,}`, nil, 400, "byte 7"},
		{"JSON that is cut", "/audit", `{"kind":"EventList","items":[{"a":1},{"a"`, nil, 400, "no JSON"},
		{"I12: nested", "/audit", strings.Repeat("[", 30_000), nil, 400, "nested too deep"},
		{"I12: objects nested", "/audit", strings.Repeat(`{"a":`, 10_000), nil, 400, "nested too deep"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := r.wait(r.post(c.path, c.body, c.header))
			if a.status != c.status || !strings.Contains(a.text, c.words) || a.err != nil {
				t.Errorf("%+v, want %d with %q", a, c.status, c.words)
			}
		})
	}
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		q, _ := http.NewRequest(method, r.url+"/audit", nil)
		answer, err := r.client.Do(q)
		if err != nil || answer.StatusCode != http.StatusMethodNotAllowed || answer.Header.Get("Allow") == "" {
			t.Fatalf("%s: %v, %v", method, answer, err)
		}
		_ = answer.Body.Close()
	}
	var b event.Batch
	if err := r.Read(context.Background(), &b, time.Millisecond); err != nil || len(b.Events) > 0 || r.web.Held() != 0 {
		t.Errorf("%q came of it, %d bytes are held, %v", raws(&b), r.web.Held(), err)
	}
}

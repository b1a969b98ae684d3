package http

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// zstded is the header of a body in zstd.
var zstded = http.Header{"Content-Encoding": {"zstd"}}

// zstdPacked returns a frame whose window is given, and whose length is not said.
func zstdPacked(t testing.TB, text string, window int) string {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithWindowSize(window), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	for text != "" { // in pieces: of one write alone the length would be known
		n := min(len(text), 1<<19)
		if _, err := w.Write([]byte(text[:n])); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		text = text[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func cut(s string, n int) string { return s[:len(s)-n] }

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
		{"zstd", zstdPacked(t, `[{"a":1}]`, 1<<20), zstded, []string{`{"a":1}`}},
		{"zstd, two frames", zstdPacked(t, "one\n", 1<<20) + zstdPacked(t, "two\n", 8<<20), zstded, []string{"one", "two"}},
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
		{"another encoding", "/audit", "x", http.Header{"Content-Encoding": {"br"}}, 415, "use gzip or zstd"},
		{"I9: a bomb in zstd", "/audit", zstdPacked(t, strings.Repeat("0", 64<<20), 1<<20), zstded, 413, "larger than max_body"},
		{"I9: a bomb of many frames in zstd", "/audit", strings.Repeat(zstdPacked(t, strings.Repeat("0", 1<<10), 1<<10), 65), zstded, 413, "larger than max_body"},
		{"I9: a window in zstd that is too large", "/audit", zstdPacked(t, "x", 64<<20), zstded, 413, "window"},
		{"I10: zstd in gzip", "/audit", packed(t, zstdPacked(t, "x", 1<<20)), gzipped, 415, "twice"},
		{"I10: gzip in zstd", "/audit", zstdPacked(t, packed(t, "x"), 1<<20), zstded, 415, "twice"},
		{"I10: zstd and gzip", "/audit", "x", http.Header{"Content-Encoding": {"zstd, gzip"}}, 415, "once"},
		{"I12: nested, in zstd", "/audit", zstdPacked(t, strings.Repeat("[", 30_000), 1<<20), zstded, 400, "nested too deep"},
		{"no zstd", "/audit", "plain text, no zstd", zstded, 400, "cannot be read"},
		{"nothing in zstd", "/audit", "", zstded, 400, "ends before"},
		{"zstd that is cut", "/audit", cut(zstdPacked(t, strings.Repeat("xyz", 1000), 1<<20), 6), zstded, 400, "ends before"},
		{"zstd, damaged", "/audit", cut(zstdPacked(t, "hello", 1<<20), 3) + "xxx", zstded, 400, "cannot be read"},
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

package hec

import (
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"tallyman/pipeline/plugin"
)

// TestZstd: bodies in zstd are taken within the bounds of every other, and what
// is refused is said as Splunk does (I9, I10, I12).
func TestZstd(t *testing.T) {
	r := start(t, func(s *Settings) {
		t.Setenv("TALLYMAN_TEST_HEC", "s3cret")
		s.Token, s.MaxBody = &plugin.Secret{Env: "TALLYMAN_TEST_HEC"}, 64<<10
	})
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	pack := func(text string) string { return string(w.EncodeAll([]byte(text), nil)) }
	header := http.Header{"Authorization": {"Splunk s3cret"}, "Content-Encoding": {"zstd"}}
	for _, c := range []struct {
		name, body string
		status     int
	}{
		{"an event", pack(`{"event":"one"}{"event":"two"}`), http.StatusOK},
		{"I9 a bomb", pack(`{"event":"` + strings.Repeat("0", 64<<20)), http.StatusRequestEntityTooLarge},
		{"I10 packed twice", pack(pack(`{"event":"x"}`)), http.StatusUnsupportedMediaType},
		{"I12 nested", pack(`{"event":` + strings.Repeat("[", 50_000)), http.StatusBadRequest},
		{"no zstd", "plain", http.StatusBadRequest},
	} {
		status, text := post(r.client, r.url+"/event", c.body, header)
		if status != c.status || !strings.HasPrefix(text, `{"text":`) {
			t.Errorf("%s: %d %s, want %d", c.name, status, text, c.status)
		}
		want := 0
		if c.status == http.StatusOK {
			want = 2
		}
		if came := r.got(); len(came) != want {
			t.Errorf("%s: %d records came, want %d", c.name, len(came), want)
		}
	}
}

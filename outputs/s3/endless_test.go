package s3

import (
	"bytes"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"tallyman/outputs/s3/s3test"
	"tallyman/pipeline/plugintest"
)

// TestAnAnswerWithoutAnEnd: no more is read of an answer than one of a store has, and
// no more of what it says stands in an error than a person reads.
func TestAnAnswerWithoutAnEnd(t *testing.T) {
	key(t)
	for _, c := range []struct {
		name   string
		status int
		head   string
		end    string // "" for none
	}{
		{"an error", 500, "<Error><Code>InternalError</Code><Message>", ""},
		{"a refusal", 403, "<Error><Code>AccessDenied</Code><Message>", ""},
		{"a success", 200, "<CompleteMultipartUploadResult>", ""},
		{"a long message", 400, "<Error><Code>Odd</Code><Message>", "</Message></Error>"},
	} {
		s, clock := s3test.New(t), noon
		l := begin(t, to(s), new(plugintest.Store), &clock)
		l.give(1, made("a", noon, 0, 3)...)
		clock = clock.Add(l.c.MaxAge)
		var sent atomic.Int64
		s.Fail(func(s3test.Request) s3test.Fault {
			return s3test.Fault{Replace: func(w http.ResponseWriter) {
				w.WriteHeader(c.status)
				piece := []byte(c.head + strings.Repeat("x", 1<<20) + c.end)
				for sent.Load() < 512<<20 {
					n, err := w.Write(piece)
					if sent.Add(int64(n)); err != nil || c.end != "" {
						return
					}
					piece = bytes.Repeat([]byte("x"), 1<<20)
				}
			}}
		})
		n, _, err := l.Settle(t.Context(), false)
		if err == nil || n != 0 || len(err.Error()) > 2000 {
			text := ""
			if err != nil {
				text = err.Error()[:min(200, len(err.Error()))]
			}
			t.Errorf("%s: %d is confirmed, %s", c.name, n, text)
		}
		if got := sent.Load(); got > 64<<20 {
			t.Errorf("%s: %d MiB of the answer were taken", c.name, got>>20)
		}
	}
}

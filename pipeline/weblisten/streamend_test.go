package weblisten

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// begin sends the head of a body of a length, and some of it.
func (r *rig) begin(length int, some string) (answer func() (int, string)) {
	r.t.Helper()
	c := r.dial()
	sent := make(chan error, 1)
	go func() {
		_, err := fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", length, some)
		sent <- err
	}()
	return func() (int, string) {
		if err := <-sent; err != nil {
			r.t.Fatal(err)
		}
		a, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return 0, err.Error()
		}
		text, _ := io.ReadAll(a.Body)
		_ = a.Body.Close()
		return a.StatusCode, string(text)
	}
}

// accepted is how many records an answer says were accepted.
func accepted(t *testing.T, text string) (n int) {
	t.Helper()
	if _, err := fmt.Sscanf(text[max(0, strings.LastIndex(text, "the first ")):], "the first %d records", &n); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return n
}

// TestStreamStalls: who stops sending amid a body is told what was accepted, once
// request_timeout has passed, and keeps nothing (I5).
func TestStreamStalls(t *testing.T) {
	r := streaming(t, "lines", func(s *Settings, _ *plugin.Env) { s.RequestTime = 2 * time.Second })
	stop := r.journal(nil)
	body, want := numbered(60_000)
	status, text := r.begin(len(body)+1000, body)()
	got := texted(stop())
	if n := accepted(t, text); status != http.StatusRequestTimeout || n != len(got) || !slices.Equal(got, want[:n]) {
		t.Errorf("%d %q, %d came", status, text, len(got))
	}
	if r.Held() != 0 {
		t.Errorf("%d bytes are held", r.Held())
	}
}

// TestStreamIsCut: of a body that ends amid a record no part of that record comes.
func TestStreamIsCut(t *testing.T) {
	body, want := numbered(60_000)
	for name, c := range map[string]struct{ body, encoding string }{
		"gzip": {cut(packs(t)["gzip"](body), 1000), "gzip"},
		"zstd": {cut(packs(t)["zstd"](body), 1000), "zstd"},
	} {
		t.Run(name, func(t *testing.T) {
			r := streaming(t, "lines", nil)
			stop := r.journal(nil)
			a := r.wait(r.post(c.body, http.Header{"Content-Encoding": {c.encoding}}))
			got := texted(stop())
			if n := accepted(t, a.text); a.status != http.StatusBadRequest || !strings.Contains(a.text, "ends before") || n != len(got) || !slices.Equal(got, want[:n]) {
				t.Errorf("%+v, %d came", a, len(got))
			}
		})
	}
	t.Run("the connection", func(t *testing.T) {
		r := streaming(t, "lines", nil)
		stop := r.journal(nil)
		pipe, in := io.Pipe()
		go func() {
			_, _ = io.WriteString(in, body)
			_ = in.CloseWithError(io.ErrUnexpectedEOF)
		}()
		q, _ := http.NewRequest(http.MethodPost, r.url, pipe)
		if answer, err := r.client.Do(q); err == nil {
			t.Errorf("%v", answer.Status)
			_ = answer.Body.Close()
		}
		for end := time.Now().Add(patience); r.Held() != 0; {
			if time.Now().After(end) {
				t.Fatalf("%d bytes are held", r.Held())
			}
		}
		if got := texted(stop()); !slices.Equal(got, want[:len(got)]) {
			t.Errorf("%d came, of which some are no records of the body", len(got))
		}
	})
}

func cut(s string, n int) string { return s[:len(s)-n] }

// TestStopAmidStream: a stop does not wait for the rest of a body; its client is
// told what was accepted.
func TestStopAmidStream(t *testing.T) {
	r := streaming(t, "lines", nil)
	body, want := numbered(60_000)
	answer := r.begin(1<<30, body)
	var got []event.Event
	for len(got) < 30_000 {
		b := r.read()
		got = append(got, b.Events...)
		b.Accepted(nil)
	}
	stop := r.journal(nil)
	closed := make(chan error, 1)
	go func() { closed <- r.Close() }()
	status, text := answer()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	got = append(got, stop()...)
	if n := accepted(t, text); status != http.StatusServiceUnavailable || !strings.Contains(text, "stopping") || n != len(got) || !slices.Equal(texted(got), want[:n]) {
		t.Errorf("%d %q, %d came", status, text, len(got))
	}
	if err := r.Open(context.Background(), nil); err != nil { // for the end of the test
		t.Fatal(err)
	}
}

// TestSentAgain: the records of a body that its sender names stand at the same
// places whenever it is sent, so that they have the same event ids; of one without
// a name, and of another, at others.
func TestSentAgain(t *testing.T) {
	body, _ := numbered(60_000)
	places := func(key string, before int) (list []int64) {
		r := streaming(t, "auto", nil)
		stop := r.journal(nil)
		for range before {
			r.wait(r.post("x\n", nil))
		}
		header := http.Header{}
		if key != "" {
			header.Set(keyHeader, key)
		}
		if a := r.wait(r.post(body, header)); a.status != http.StatusOK {
			t.Fatalf("%+v", a)
		}
		for _, e := range stop()[before:] {
			list = append(list, e.Offset)
		}
		return list
	}
	first := places("upload 17", 0)
	if !slices.Equal(first, places("upload 17", 3)) {
		t.Error("sent again, the records stand elsewhere")
	}
	if slices.Equal(first, places("upload 18", 0)) || slices.Equal(places("", 0), places("", 3)) {
		t.Error("other bodies stand at the same places")
	}
	if !slices.IsSorted(first) || first[0] < 0 || first[len(first)-1] >= 1<<53 || len(slices.Compact(first)) != 60_000 {
		t.Errorf("from %d to %d", first[0], first[len(first)-1])
	}
}

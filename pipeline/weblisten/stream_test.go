package weblisten

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// streamer is a handler whose bodies stream.
type streamer struct {
	taker
	form string
	most int64
}

func (h *streamer) Stream(*http.Request) (Cutter, error) { return &cutter{Splitter{Form: h.form}}, nil }
func (h *streamer) MaxStream() int64                     { return h.most }

type cutter struct{ Splitter }

func (c *cutter) Cut(text string, last bool) ([]Group, int, error) {
	list, done, err := c.Splitter.Cut(text, last)
	if len(list) == 0 {
		return nil, done, err
	}
	return []Group{{Decode: "plain", Texts: list}}, done, err
}

func streaming(t testing.TB, form string, change func(*Settings, *plugin.Env)) *rig {
	return startWith(t, &streamer{form: form, most: 1 << 30}, change)
}

// packs are the ways to pack a body.
func packs(t testing.TB) map[string]func(string) string {
	return map[string]func(string) string{
		"": func(s string) string { return s },
		"gzip": func(s string) string {
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			if _, err := io.WriteString(w, s); err != nil || w.Close() != nil {
				t.Fatal(err)
			}
			return b.String()
		},
		"zstd": func(s string) string {
			w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
			if err != nil {
				t.Fatal(err)
			}
			return string(w.EncodeAll([]byte(s), nil))
		},
	}
}

// numbered is a body of n lines that does not pack well.
func numbered(n int) (body string, want []string) {
	var b strings.Builder
	for i := range n {
		line := fmt.Sprintf(`{"n":%d,"x":"%x"}`, i, uint64(i+1)*0x9e3779b97f4a7c15)
		want = append(want, line)
		b.WriteString(line + "\n")
	}
	return b.String(), want
}

// journal accepts what comes until stop is called, and returns it.
func (r *rig) journal(refuse func(n int) error) (stop func() []event.Event) {
	var all []event.Event
	ctx, cancel := context.WithCancel(context.Background())
	var busy sync.WaitGroup
	busy.Go(func() {
		for ctx.Err() == nil {
			var b event.Batch
			_ = r.Read(ctx, &b, 10*time.Millisecond)
			var err error
			if refuse != nil {
				err = refuse(len(all) + len(b.Events))
			}
			if err == nil {
				all = append(all, b.Events...)
			}
			if b.Accepted != nil {
				b.Accepted(err)
			}
		}
	})
	return func() []event.Event {
		cancel()
		busy.Wait()
		return all
	}
}

func texted(list []event.Event) (raws []string) {
	for i := range list {
		raws = append(raws, list[i].Raw)
	}
	return raws
}

// TestStream: a body that is larger than a window, and than max_body, comes whole
// and in order, however it is packed, and is answered once all of it is accepted.
func TestStream(t *testing.T) {
	body, want := numbered(60_000)
	for encoding, pack := range packs(t) {
		forms := []string{"auto"}
		if encoding == "" {
			forms = []string{"auto", "json", "lines"}
		}
		for _, form := range forms {
			t.Run(encoding+"/"+form, func(t *testing.T) {
				r := streaming(t, form, func(s *Settings, _ *plugin.Env) { s.MaxBody = 1 << 20 })
				stop := r.journal(nil)
				a := r.wait(r.post(pack(body), http.Header{"Content-Encoding": {encoding}}))
				if a.status != http.StatusOK || a.text != "60000 records accepted\n" {
					t.Errorf("%+v", a)
				}
				if got := texted(stop()); !slices.Equal(got, want) {
					t.Errorf("%d records came, want %d, or they differ", len(got), len(want))
				}
				if r.Held() != 0 {
					t.Errorf("%d bytes are held", r.Held())
				}
			})
		}
	}
}

// TestStreamIsHeldBack: the next window is not read before the one at hand is
// accepted, and what is held of the body is a few windows.
func TestStreamIsHeldBack(t *testing.T) {
	r := streaming(t, "lines", nil)
	body, _ := numbered(300_000)
	answer := r.post(body, nil)
	most, n := int64(0), 0
	for n < 300_000 {
		b := r.read()
		n += len(b.Events)
		most = max(most, r.Held())
		nothing(t, answer)
		b.Accepted(nil)
	}
	if a := r.wait(answer); a.status != http.StatusOK {
		t.Errorf("%+v", a)
	}
	if most > 4*window {
		t.Errorf("%d bytes of %d were held", most, len(body))
	}
}

// TestStreamRefused: midway the client is told how many records came before; of those
// that follow, some may have come too, in their order.
func TestStreamRefused(t *testing.T) {
	r := streaming(t, "lines", nil)
	full := errors.New("the journal is full")
	stop := r.journal(func(n int) error {
		if n > 30_000 {
			return full
		}
		return nil
	})
	body, want := numbered(60_000)
	a := r.wait(r.post(body, nil))
	var n int
	if _, err := fmt.Sscanf(a.text[strings.LastIndex(a.text, "the first"):], "the first %d records of the body were accepted", &n); err != nil {
		t.Fatalf("%+v: %v", a, err)
	}
	got := texted(stop())
	if a.status != http.StatusServiceUnavailable || !strings.Contains(a.text, "journal is full") || n == 0 || n > len(got) || !slices.Equal(got[:n], want[:n]) || !inOrder(got, want) {
		t.Errorf("%+v, %d of %d came", a, len(got), len(want))
	}
}

// inOrder reports whether got is some of all, in its order.
func inOrder(got, all []string) bool {
	for _, g := range got {
		i := slices.Index(all, g)
		if i < 0 {
			return false
		}
		all = all[i+1:]
	}
	return true
}

// TestStreamBounds: what has no end, or unpacks to too much, is refused (I9, I12).
func TestStreamBounds(t *testing.T) {
	long := strings.Repeat("x", 100) + "\n"
	for _, c := range []struct {
		name, form, encoding, body string
		most                       int64
		status                     int
		words                      string
	}{
		{"I9 a record without an end", "lines", "", strings.Repeat("x", 3<<20), 1 << 30, 413, "larger than max_body"},
		{"I9 a record without an end, in gzip", "lines", "gzip", strings.Repeat("x", 3<<20), 1 << 30, 413, "larger than max_body"},
		{"I9 a document that is too large", "auto", "zstd", `{"a":[` + strings.Repeat("1,", 2<<20) + "1]}", 1 << 30, 413, "larger than max_body"},
		{"a body that is longer than may be", "lines", "", strings.Repeat(long, 40_000), 2 << 20, 413, "larger than max_stream"},
		{"I9 the same, in zstd", "lines", "zstd", strings.Repeat(long, 40_000), 2 << 20, 413, "larger than max_stream"},
		{"I9 a bomb of lines in gzip", "lines", "gzip", strings.Repeat(long, 200_000), 1 << 30, 413, "256 times"},
		{"I9 a bomb of lines in zstd", "lines", "zstd", strings.Repeat(long, 200_000), 1 << 30, 413, "256 times"},
		{"I12 nested", "auto", "", strings.Repeat("[", 3<<20), 1 << 30, 400, "nested too deep"},
		{"I10 packed twice", "lines", "gzip", packs(t)["gzip"](long), 1 << 30, 415, "twice"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := startWith(t, &streamer{form: c.form, most: c.most}, func(s *Settings, _ *plugin.Env) { s.MaxBody = 1 << 20 })
			stop := r.journal(nil)
			a := r.wait(r.post(packs(t)[c.encoding](c.body), http.Header{"Content-Encoding": {c.encoding}}))
			if a.status != c.status || !strings.Contains(a.text, c.words) {
				t.Errorf("%+v, want %d %q", a, c.status, c.words)
			}
			stop()
			if r.Held() != 0 {
				t.Errorf("%d bytes are held", r.Held())
			}
		})
	}
}

package s3

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"tallyman/outputs/s3/s3test"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// to are settings for a store in memory.
func to(s *s3test.Store) *Settings {
	c := Default()
	c.Bucket, c.Endpoint.Value, c.Region = s.Name, s.URL, "eu-test-1"
	c.AccessKeyID, c.SecretAccessKey = "key", plugin.Secret{Env: "S3_TEST_SECRET"}
	return &c
}

// key sets the secret of the settings that to returns.
func key(t testing.TB) {
	t.Helper()
	t.(interface{ Setenv(key, value string) }).Setenv("S3_TEST_SECRET", "not a secret")
}

// unpack returns the lines of an object.
func unpack(t testing.TB, key string, body []byte) []string {
	t.Helper()
	var r io.Reader = bytes.NewReader(body)
	var err error
	switch {
	case strings.HasSuffix(key, ".gz"):
		r, err = gzip.NewReader(r)
	case strings.HasSuffix(key, ".zst"):
		var z *zstd.Decoder
		if z, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1)); err == nil {
			defer z.Close()
		}
		r = z
	}
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	if len(plain) == 0 || plain[len(plain)-1] != '\n' {
		t.Fatalf("%s does not end with a line: %q", key, plain)
	}
	return strings.Split(strings.TrimSuffix(string(plain), "\n"), "\n")
}

// lines are the lines of all objects but manifests, by key.
func lines(t testing.TB, s *s3test.Store) []string {
	t.Helper()
	var list []string
	for _, key := range s.Keys() {
		if !strings.Contains(key, manifestDir) {
			list = append(list, unpack(t, key, s.Objects()[key].Body)...)
		}
	}
	return list
}

// life is one process of an output: its clock is the test's.
type life struct {
	*output
	t     testing.TB
	clock *time.Time
}

func begin(t testing.TB, c *Settings, store plugin.Store, clock *time.Time) *life {
	t.Helper()
	env := plugintest.Env(t.TempDir())
	env.Store, env.Now = store, func() time.Time { return *clock }
	o, err := build(c, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	return &life{o, t, clock}
}

// give collects one frame and fails the test where that fails.
func (l *life) give(seq uint64, events ...event.Event) {
	l.t.Helper()
	if err := l.Collect(l.t.Context(), seq, events); err != nil {
		l.t.Fatalf("collect %d: %v", seq, err)
	}
}

// settle settles until there is nothing more to do.
func (l *life) settle(all bool) uint64 {
	l.t.Helper()
	for range 100_000 {
		confirmed, again, err := l.Settle(l.t.Context(), all)
		if err != nil {
			l.t.Fatalf("settle: %v", err)
		}
		if again != soon {
			return confirmed
		}
	}
	l.t.Fatal("it settles for ever")
	return 0
}

// made are n events of a dataset, each unlike all others; first is the number of
// the first.
func made(dataset string, at time.Time, first, n int) []event.Event {
	var list []event.Event
	for i := first; i < first+n; i++ {
		var f event.Fields
		f.AddString(schema.Message, fmt.Sprintf("%s-%07d", dataset, i))
		list = append(list, event.Event{ID: event.NewID([]byte(fmt.Sprint(dataset, i))), Time: at, Seen: at, Dataset: dataset, Records: 2, Fields: f})
	}
	return list
}

// want checks that each event of a dataset is there once.
func want(t testing.TB, s *s3test.Store, dataset string, n int) {
	t.Helper()
	seen := map[string]int{}
	for _, line := range lines(t, s) {
		if at := strings.Index(line, `"`+dataset+"-"); at >= 0 {
			seen[line[at+1:at+1+len(dataset)+8]]++
		}
	}
	for i := range n {
		if got := seen[fmt.Sprintf("%s-%07d", dataset, i)]; got != 1 {
			t.Fatalf("event %d of %s is there %d times", i, dataset, got)
		}
	}
	if len(seen) != n {
		t.Fatalf("%d events of %s are there, want %d", len(seen), dataset, n)
	}
	if again := s.Rewrote(); len(again) > 0 {
		t.Errorf("these were overwritten: %v", again)
	}
}

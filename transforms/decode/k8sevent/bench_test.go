package k8sevent

import (
	"bufio"
	"os"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugintest"
)

// line returns the nth line of a pair.
func line(t testing.TB, file string, n int) string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	s := bufio.NewScanner(f)
	for i := 0; s.Scan(); i++ {
		if i == n {
			return s.Text()
		}
	}
	t.Fatalf("%s has no line %d", file, n)
	return ""
}

var benchmarks = []struct {
	name, file string
	n          int
	most       float64 // allocations
}{
	{"core/v1", "testdata/events.in", 2, 2},
	{"watch, MODIFIED", "testdata/events.in", 5, 4},
	{"events.k8s.io/v1", "testdata/events.in", 14, 2},
	{"an unknown reason", "testdata/events.in", 13, 4},
}

// BenchmarkDecode is one event of each form.
func BenchmarkDecode(b *testing.B) {
	for _, c := range benchmarks {
		b.Run(c.name, func(b *testing.B) {
			env := plugintest.Env("")
			d := build(env)
			e := event.Event{Decode: Plugin.Type, Raw: line(b, c.file, c.n), Records: 1, Seen: env.Now(), Shared: env.Shared}
			var out event.Batch
			b.ReportAllocs()
			b.SetBytes(int64(len(e.Raw)))
			for i := 0; b.Loop(); i++ {
				if i%1024 == 0 {
					out.Reset()
				}
				if err := d.Decode(e, &out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestAllocations: an event takes a few, for its count and for strings with
// escapes.
func TestAllocations(t *testing.T) {
	for _, c := range benchmarks {
		env := plugintest.Env("")
		d := build(env)
		e := event.Event{Decode: Plugin.Type, Raw: line(t, c.file, c.n), Records: 1, Seen: env.Now(), Shared: env.Shared}
		var out event.Batch
		got := testing.AllocsPerRun(200, func() {
			out.Reset()
			if err := d.Decode(e, &out); err != nil {
				t.Fatal(err)
			}
		})
		if got > c.most {
			t.Errorf("%s: %.0f allocations, want %.0f at most", c.name, got, c.most)
		}
	}
}

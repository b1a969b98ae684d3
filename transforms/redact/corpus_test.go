package redact

import (
	"bufio"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/event"
)

// shared is where the corpus lies, beside the clone.
const shared = "../../../shared/corpus"

// corpus returns the lines of files that match a pattern; gzip or plain.
func corpus(t testing.TB, patterns ...string) (lines []string) {
	t.Helper()
	for _, p := range patterns {
		files, err := filepath.Glob(filepath.Join(shared, p))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			lines = append(lines, linesOf(t, name)...)
		}
	}
	if len(lines) == 0 {
		t.Skip("SKIPPED, NO line was read: ../shared is not beside this clone")
	}
	return lines
}

func linesOf(t testing.TB, name string) (lines []string) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<22)
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	return lines
}

// concealed returns what Conceal makes of lines, a hundred at a time.
func concealed(tr *Transform, lines []string) (out []string) {
	for len(lines) > 0 {
		n := min(100, len(lines))
		events := make([]event.Event, n)
		for i := range events {
			events[i] = event.Event{Decode: "audit", Raw: lines[i]}
		}
		tr.Conceal(events)
		for i := range events {
			out = append(out, events[i].Raw)
		}
		lines = lines[n:]
	}
	return out
}

// TestCaptures: our own recordings hold no secret, and no line of them changes.
func TestCaptures(t *testing.T) {
	lines := corpus(t, "audit-live/*/audit.log*")
	got := concealed(build(t, nil), lines)
	n := 0
	for i := range lines {
		if got[i] != lines[i] {
			if n++; n <= 20 {
				t.Errorf("%.300s\nbecame\n%.300s", lines[i], got[i])
			}
		}
	}
	t.Logf("%d of %d lines changed", n, len(lines))
}

// TestCorpus counts what is replaced in the recordings of others; -v shows it.
func TestCorpus(t *testing.T) {
	lines := corpus(t, "audit/*/*.log", "audit/*/*.yaml", "audit/*/*.jsonl")
	got := concealed(build(t, nil), lines)
	n := 0
	for i := range lines {
		if got[i] != lines[i] {
			n++
			t.Logf("%.600s\nbecame\n%.600s", lines[i], got[i])
		}
	}
	t.Logf("%d of %d lines changed", n, len(lines))
}

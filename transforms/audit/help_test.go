package audit

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// shared is where the corpus lies beside a clone; it is not part of the
// repository.
var shared = filepath.Join("..", "..", "..", "shared", "corpus")

var start = time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)

// build returns a transform without the names of the machine that runs the test.
func build(t testing.TB, change func(*Settings)) *Transform {
	t.Helper()
	s := Default()
	s.Passwd, s.Group = "", ""
	if change != nil {
		change(&s)
	}
	tr, err := New(&s, plugin.Env{HostID: "4c4c4544", Shared: event.Fields{event.NewField(schema.HostName, "", event.String("node-7"))},
		Now: func() time.Time { return start }})
	if err != nil {
		t.Fatal(err)
	}
	return tr.(*Transform)
}

// records makes a source record of every line.
func records(lines []string) []event.Event {
	var out []event.Event
	at := int64(0)
	for _, l := range lines {
		if l != "" {
			out = append(out, event.Event{Decode: Decoder, Raw: l, Records: 1, Offset: at, Seen: start})
		}
		at += int64(len(l)) + 1
	}
	return out
}

// run sends records through a fresh lane in batches of size, ends it, and
// returns what came out.
func run(t testing.TB, tr *Transform, in []event.Event, size int) []event.Event {
	t.Helper()
	st := tr.Lane("x").(*stage)
	var out []event.Event
	for len(in) > 0 {
		n := min(size, len(in))
		out = append(out, apply(t, st, in[:n])...)
		in = in[n:]
	}
	return append(out, flush(st)...)
}

func apply(t testing.TB, st *stage, in []event.Event) []event.Event {
	t.Helper()
	var a, b event.Batch
	var loan plugintest.Loan // the texts of a batch are written over after it
	for i, e := range loan.Lend(in) {
		e.Decode = in[i].Decode // the name of a decoder is no text of the batch
		a.Events = append(a.Events, e)
	}
	if err := st.Apply(context.Background(), &a, &b); err != nil {
		t.Fatal(err)
	}
	for i := range b.Events {
		b.Events[i] = b.Events[i].Own()
	}
	loan.Back()
	return b.Events
}

func flush(st *stage) []event.Event {
	var b event.Batch
	st.Flush(&b)
	return b.Events
}

// one sends lines through and wants a single event.
func oneEvent(t testing.TB, tr *Transform, lines ...string) event.Event {
	t.Helper()
	got := run(t, tr, records(lines), 100)
	if len(got) != 1 {
		t.Fatalf("%d events of %q", len(got), lines)
	}
	return got[0]
}

// show writes an event as sorted lines of name and value, lists in order.
func show(e *event.Event) string {
	var lines []string
	at := map[string]int{}
	for _, f := range e.Fields {
		name := f.Key.String()
		if f.Name() != "" {
			name += "." + f.Name()
		}
		val := fmt.Sprintf("%q", f.Value().Append(nil))
		if i, ok := at[name]; ok {
			lines[i] += ", " + val
			continue
		}
		at[name] = len(lines)
		lines = append(lines, name+": "+val)
	}
	sort.Strings(lines)
	return fmt.Sprintf("@timestamp: %s\nrecords: %d\noffset: %d\n", e.Time.Format(time.RFC3339Nano), e.Records, e.Offset) + strings.Join(lines, "\n") + "\n"
}

// readLines reads a log, unpacking it where it is packed.
func readLines(t testing.TB, name string) []string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if b, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

func total(events []event.Event) (n int) {
	for i := range events {
		n += int(events[i].Records)
	}
	return n
}

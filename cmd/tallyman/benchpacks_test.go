package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"tallyman/pipeline/codec"
	"tallyman/pipeline/event"
)

// BenchmarkPacks judges the demo's events, as audit and container make them, by all
// rules that are shipped: what they cost an event on average, and a rule of them. Each
// round is later than the one before: were all at one time, every window over them
// would be full, and what is rare would be most of the cost. The events of all
// batches together are more than a processor's caches hold: cold has them come from
// memory, hot has those of a batch read before it is judged, as in a lane, where the
// transform before has just written them.
func BenchmarkPacks(b *testing.B) {
	book, err := shippedBook()
	if err != nil {
		b.Fatal(err)
	}
	batches, events := packBatches(b)
	for _, hot := range []bool{false, true} {
		b.Run(map[bool]string{false: "cold", true: "hot"}[hot], func(b *testing.B) {
			spent, _ := judged(b, "DEMO/../rules/*.yaml", batches, hot)
			b.ReportMetric(spent/float64(events), "cpu-ns/event")
			b.ReportMetric(spent/float64(events*len(book.Rules())), "cpu-ns/event/rule")
			b.ReportMetric(float64(events), "events/op")
		})
	}
}

// BenchmarkTypical is what ten and a hundred rules of the kinds that people write cost
// an event that was just written; now and then one of them matches.
func BenchmarkTypical(b *testing.B) {
	batches, events := packBatches(b)
	for _, n := range []int{10, 100} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			file := filepath.Join(b.TempDir(), "typical.yaml")
			if err := os.WriteFile(file, typical(n), 0o600); err != nil {
				b.Fatal(err)
			}
			spent, alerts := judged(b, file, batches, true)
			if alerts == 0 || alerts > float64(events)/20 {
				b.Fatalf("%v alerts of %d events: that is not now and then", alerts, events)
			}
			b.ReportMetric(spent/float64(events), "cpu-ns/event")
			b.ReportMetric(100*alerts/float64(events), "%alerts")
		})
	}
}

// typical are n rules of ten kinds. The first of each kind asks for what the demo has.
func typical(n int) []byte {
	kinds := []struct{ condition, first, other string }{
		{`process.name == "%s"`, "conmon", "tool"},
		{`process.executable in ["%[1]s", "/usr/local%[1]s"]`, "/usr/bin/conmon", "/usr/bin/tool"},
		{`basename(process.executable) == "%s" && user.effective.id == "0"`, "conmon", "tool"},
		{`process.command_line contains "%s"`, "--version", "--option"},
		{`process.command_line matches "\\b%s\\s+--(version|help)"`, "conmon", "tool"},
		{`file.path startsWith "%s/"`, "/etc/ssl", "/etc/part"},
		{`file.path matches "^(/proc/[0-9]+/root)?%s(/|$)" && ("change" in event.type || "deletion" in event.type)`, "/etc/ssl", "/opt/part"},
		{`"creation" in event.type && file.name == "%s"`, "passwd", "name"},
		{`event.action == "executed" && any(process.args, # == "%s")`, "--version", "--flag"},
		{`event.action == "connected-to" && container.image.name == "%s" && destination.port not in [80, 443]`, "shop", "image"},
	}
	var b bytes.Buffer
	b.WriteString("rules:\n")
	for i := range n {
		kind := kinds[i%len(kinds)]
		word := kind.first
		if i >= len(kinds) {
			word = fmt.Sprintf("%s%d", kind.other, i)
		}
		fmt.Fprintf(&b, "- {id: TYPICAL-%03d, title: x, severity: low, sources: [auditd], condition: '%s'}\n", i, fmt.Sprintf(kind.condition, word))
	}
	return b.Bytes()
}

// packBatches returns the demo's events, and how many they are.
func packBatches(b *testing.B) (batches []event.Batch, events int) {
	b.Helper()
	kept := packEvents(b)
	batches = make([]event.Batch, len(kept))
	for i := range kept {
		if err := codec.NewDecoder().Decode(kept[i], &batches[i]); err != nil {
			b.Fatal(err)
		}
		events += len(batches[i].Events)
	}
	return batches, events
}

// judged has the batches judged by the rules of files, round after round, and returns
// the nanoseconds of a processor and the alerts of one.
func judged(b *testing.B, files string, batches []event.Batch, hot bool) (spent, alerts float64) {
	b.Helper()
	span := spanOf(batches)
	judge := laneOf(b, fmt.Sprintf("[{type: rules, files: [%q]}]\nredact: off", files)).Chain("audit")
	b.ReportAllocs()
	var took time.Duration
	rounds, keys, more := 0, 0, 0
	for b.Loop() {
		rounds++
		for i := range batches {
			later(&batches[i], span)
			if hot {
				keys += touched(&batches[i])
			}
			begin := cpu()
			out, err := judge.Run(context.Background(), &batches[i])
			if err != nil {
				b.Fatal(err)
			}
			took += cpu() - begin
			more += len(out.Events) - len(batches[i].Events)
		}
	}
	if hot && keys == 0 {
		b.Fatal("no event has a field")
	}
	return float64(took.Nanoseconds()) / float64(rounds), float64(more) / float64(rounds)
}

// packEvents returns the demo's events as audit and container make them, in batches as
// the journal would have them: what a chain gives out is good until the next run.
func packEvents(b testing.TB) (kept [][]byte) {
	b.Helper()
	parts, _ := chunks(b, demoLines(b))
	chain := laneOf(b, lanes[1].transforms).Chain("audit")
	keep := func(out *event.Batch) error {
		if len(out.Events) > 0 {
			kept = append(kept, codec.NewEncoder().Append(nil, out.Events))
		}
		return nil
	}
	var in event.Batch
	var at int64
	for _, c := range parts {
		fill(&in, c, at)
		at += int64(len(c))
		out, err := chain.Run(context.Background(), &in)
		if err == nil {
			err = keep(out)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := chain.Flush(context.Background(), keep); err != nil {
		b.Fatal(err)
	}
	return kept
}

// touched reads every field of a batch.
func touched(b *event.Batch) (keys int) {
	for i := range b.Events {
		for k := range b.Events[i].Fields {
			keys += int(b.Events[i].Fields[k].Key)
		}
	}
	return keys
}

// spanOf returns the time that events take, and a second.
func spanOf(batches []event.Batch) time.Duration {
	var first, last time.Time
	for i := range batches {
		for _, e := range batches[i].Events {
			if first.IsZero() || e.Time.Before(first) {
				first = e.Time
			}
			if e.Time.After(last) {
				last = e.Time
			}
		}
	}
	return last.Sub(first) + time.Second
}

// later moves the events of a batch by a time.
func later(b *event.Batch, by time.Duration) {
	for i := range b.Events {
		e := &b.Events[i]
		e.Time, e.Seen = e.Time.Add(by), e.Seen.Add(by)
	}
}

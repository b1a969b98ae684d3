package main

import (
	"context"
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
	kept := packEvents(b)
	batches := make([]event.Batch, len(kept))
	events := 0
	for i := range kept {
		if err := codec.NewDecoder().Decode(kept[i], &batches[i]); err != nil {
			b.Fatal(err)
		}
		events += len(batches[i].Events)
	}
	book, err := shippedBook()
	if err != nil {
		b.Fatal(err)
	}
	span := spanOf(batches)
	for _, hot := range []bool{false, true} {
		b.Run(map[bool]string{false: "cold", true: "hot"}[hot], func(b *testing.B) {
			judge := laneOf(b, "[{type: rules, files: [DEMO/../rules/*.yaml]}]\nredact: off").Chain("audit")
			b.ReportAllocs()
			var spent time.Duration
			rounds, keys := 0, 0
			for b.Loop() {
				rounds++
				for i := range batches {
					later(&batches[i], span)
					if hot {
						keys += touched(&batches[i])
					}
					begin := cpu()
					if _, err := judge.Run(context.Background(), &batches[i]); err != nil {
						b.Fatal(err)
					}
					spent += cpu() - begin
				}
			}
			if hot && keys == 0 {
				b.Fatal("no event has a field")
			}
			perEvent := float64(spent.Nanoseconds()) / float64(rounds*events)
			b.ReportMetric(perEvent, "cpu-ns/event")
			b.ReportMetric(perEvent/float64(len(book.Rules())), "cpu-ns/event/rule")
			b.ReportMetric(float64(events), "events/op")
		})
	}
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

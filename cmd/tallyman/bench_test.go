package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tallyman/outputs/format"
	"tallyman/pipeline/codec"
	"tallyman/pipeline/config"
	"tallyman/pipeline/engine"
	"tallyman/pipeline/event"
	"tallyman/pipeline/journal"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// lanes are the pipelines that are measured, from the bare decoding to all of it.
var lanes = []struct{ name, transforms string }{
	{"audit", "[{type: audit}]"},
	{"audit+container", "[{type: audit}, {type: container, offline: {inspect: [DEMO/inspect.json], events: [DEMO/docker-events.jsonl, DEMO/podman-events.jsonl], timeline: DEMO/timeline.jsonl.gz}}]"},
	{"audit+container+rules", "[{type: audit}, {type: container, offline: {inspect: [DEMO/inspect.json], events: [DEMO/docker-events.jsonl, DEMO/podman-events.jsonl], timeline: DEMO/timeline.jsonl.gz}}, {type: rules, files: [DEMO/../rules/*.yaml]}]"},
}

// laneOf builds a pipeline with one input that is never opened.
func laneOf(b testing.TB, transforms string) *engine.Pipeline {
	b.Helper()
	demo, err := filepath.Abs("../../configs/demo")
	if err != nil {
		b.Fatal(err)
	}
	conf := filepath.Join(b.TempDir(), "c.yaml")
	text := fmt.Sprintf("journal: {dir: j}\ninputs: {audit: {type: auditd, path: none}}\ntransforms: %s\noutputs: {f: {type: file, path: o}}\n",
		strings.ReplaceAll(transforms, "DEMO", demo))
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	cfg, found := config.Load(conf, config.Options{Plugins: plugins(), LookupEnv: os.LookupEnv})
	if cfg == nil {
		b.Fatal(found)
	}
	p, found := engine.Build(cfg, engine.Surroundings{Meter: &meter.Registry{}, Log: slog.New(slog.DiscardHandler), Now: time.Now, Host: engine.HostFields("")})
	if p == nil {
		b.Fatal(found)
	}
	return p
}

// chunks cuts the demo's log as a file is read: pieces of whole lines.
func chunks(b testing.TB, lines []string) ([]string, int64) {
	b.Helper()
	var out []string
	var sum int64
	var sb strings.Builder
	for _, l := range lines {
		sb.WriteString(l)
		sb.WriteByte('\n')
		if sb.Len() > 256<<10 {
			out = append(out, sb.String())
			sum += int64(sb.Len())
			sb.Reset()
		}
	}
	return append(out, sb.String()), sum + int64(sb.Len())
}

// fill puts a chunk's lines into a batch, as views.
func fill(in *event.Batch, chunk string, at int64) {
	in.Reset()
	for chunk != "" {
		i := strings.IndexByte(chunk, '\n')
		in.Add(event.Event{Decode: "audit", Raw: chunk[:i], Records: 1, Offset: at, Seen: time.Unix(1795227901, 0)})
		at += int64(i + 1)
		chunk = chunk[i+1:]
	}
}

// cpu is the processor time that this process has used.
func cpu() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkLane takes the demo's log through a lane into the journal on the real
// disk: decode, judge, encode, append, fsync.
func BenchmarkLane(b *testing.B) {
	lines := demoLines(b)
	for _, l := range lanes {
		b.Run(l.name, func(b *testing.B) {
			parts, size := chunks(b, lines)
			j, err := journal.Open(journal.Options{Dir: b.TempDir(), MaxSize: 64 << 30, CommitInterval: 20 * time.Millisecond})
			if err != nil {
				b.Fatal(err)
			}
			p := laneOf(b, l.transforms)
			b.SetBytes(size)
			b.ReportAllocs()
			events := 0
			var used time.Duration
			for b.Loop() {
				b.StopTimer()
				chain := p.Chain("audit") // fresh, so that no record of the last round is late
				b.StartTimer()
				before := cpu()
				events = lane(b, chain, parts, j)
				used += cpu() - before
			}
			perEvent := float64(b.N * events)
			b.ReportMetric(float64(b.N)*float64(len(lines))/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(perEvent/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(b.N)*float64(size)/1e6/used.Seconds(), "MB/cpu-s")
			b.ReportMetric(float64(events), "events/op")
			b.StopTimer()
			p.Close()
			if err := j.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func lane(b *testing.B, chain *engine.Chain, parts []string, j *journal.Journal) int {
	var in event.Batch
	enc := codec.NewEncoder()
	var payload []byte
	events := 0
	emit := func(out *event.Batch) error {
		if len(out.Events) == 0 {
			return nil
		}
		events += len(out.Events)
		payload = enc.Append(payload[:0], out.Events)
		_, err := j.Append(b.Context(), journal.Frame{Payload: payload, Records: uint32(len(in.Events))})
		return err
	}
	var at int64
	for _, c := range parts {
		fill(&in, c, at)
		at += int64(len(c))
		out, err := chain.Run(context.Background(), &in)
		if err == nil {
			err = emit(out)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := chain.Flush(context.Background(), emit); err != nil {
		b.Fatal(err)
	}
	if err := j.Sync(b.Context()); err != nil {
		b.Fatal(err)
	}
	return events
}

// BenchmarkRender renders the demo's events in each format.
func BenchmarkRender(b *testing.B) {
	p := laneOf(b, lanes[1].transforms)
	defer p.Close()
	parts, _ := chunks(b, demoLines(b))
	var in event.Batch
	fill(&in, parts[0], 0)
	out, err := p.Chain("audit").Run(context.Background(), &in)
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range formats() {
		b.Run(name, func(b *testing.B) {
			enc, err := format.New(&format.Settings{Format: name}, plugin.Env{})
			if err != nil {
				b.Fatal(err)
			}
			var buf []byte
			size, n := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				if buf, err = enc.Append(buf[:0], &out.Events[n%len(out.Events)]); err != nil {
					b.Fatal(err)
				}
				size += len(buf)
				n++
			}
			b.ReportMetric(float64(size)/1e6/b.Elapsed().Seconds(), "MB/s")
		})
	}
}

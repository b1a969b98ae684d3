package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"tallyman/outputs/format"
	"tallyman/outputs/s3/s3test"
	"tallyman/pipeline/config"
	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// BenchmarkOutput sends events of the demo through an output to a double of its
// destination in the same process, without a journal: again and again the batch
// that the first 256 KiB of the demo's log give. What gathers objects (s3) gets each as
// a frame and has them moved on as they fill. The
// bytes are those of the rendered lines, before a compression.
func BenchmarkOutput(b *testing.B) {
	events := demoEvents(b)
	for _, name := range formats() {
		b.Run("file+"+name, func(b *testing.B) {
			benchOutput(b, "{type: file, path: out, sync: false, format: "+name+"}", name, events)
		})
	}
	b.Run("file sync", func(b *testing.B) { benchOutput(b, "{type: file, path: out}", format.JSON, events) })
	b.Run("file rotate zstd", func(b *testing.B) {
		benchOutput(b, "{type: file, path: out, sync: false, rotate: {size: 16MiB, compress: zstd, keep: 2}}", format.JSON, events)
	})
	b.Run("file places", func(b *testing.B) {
		benchOutput(b, `{type: file, path: "out/{{ process.name }}.json", sync: false}`, format.JSON, events)
	})
	b.Run("stdout", func(b *testing.B) {
		old, null := os.Stdout, devNull(b)
		os.Stdout = null
		defer func() { os.Stdout = old }()
		benchOutput(b, "{type: stdout, format: json}", format.JSON, events)
	})
	b.Run("http ndjson", func(b *testing.B) {
		benchOutput(b, `{type: http, preset: ndjson, url: ["`+answering(b, "{}")+`"]}`, format.JSON, events)
	})
	b.Run("splunk", func(b *testing.B) {
		b.Setenv("BENCH_TOKEN", "0f4b9c11-2233-4455-6677-8899aabbccdd")
		benchOutput(b, `{type: splunk, url: ["`+answering(b, `{"text":"Success","code":0}`)+`"], token: {env: BENCH_TOKEN}, ack: false}`, format.Splunk, events)
	})
	b.Run("syslog tcp", func(b *testing.B) {
		benchOutput(b, `{type: syslog, address: "tcp://`+swallowing(b)+`"}`, format.RFC5424, events)
	})
	b.Run("kafka", func(b *testing.B) {
		c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "events"))
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		benchOutput(b, `{type: kafka, topic: events, brokers: ["`+c.ListenAddrs()[0]+`"]}`, format.JSON, events)
	})
	for _, compression := range []string{"gzip", "zstd", "none"} {
		b.Run("s3 "+compression, func(b *testing.B) {
			s := s3test.New(b)
			b.Setenv("BENCH_SECRET", "none")
			benchOutput(b, `{type: s3, bucket: `+s.Name+`, endpoint: "`+s.URL+`", access_key_id: a, secret_access_key: {env: BENCH_SECRET}, compression: `+compression+`}`,
				format.JSON, events)
		})
	}
}

// sender is how an output takes a batch: by Send, or as the frames of a Collector, one
// after the other.
func sender(out plugin.Output) func(context.Context, []event.Event) error {
	c, later := out.(plugin.Collector)
	if !later {
		return out.Send
	}
	seq := uint64(0)
	return func(ctx context.Context, events []event.Event) error {
		seq++
		if err := c.Collect(ctx, seq, events); err != nil {
			return err
		}
		_, _, err := c.Settle(ctx, false)
		return err
	}
}

// demoEvents are events of the demo's log, as outputs get them.
func demoEvents(b *testing.B) []event.Event {
	p := laneOf(b, lanes[1].transforms)
	b.Cleanup(func() { p.Close() })
	parts, _ := chunks(b, demoLines(b))
	var in event.Batch
	fill(&in, parts[0], 0)
	out, err := p.Chain("audit").Run(context.Background(), &in)
	if err != nil || len(out.Events) == 0 {
		b.Fatalf("%d events, %v", len(out.Events), err)
	}
	return out.Events
}

func benchOutput(b *testing.B, settings, rendered string, events []event.Event) {
	dir := b.TempDir()
	if strings.Contains(settings, "out/") {
		if err := os.Mkdir(filepath.Join(dir, "out"), 0o700); err != nil {
			b.Fatal(err)
		}
	}
	out := outputOf(b, dir, settings)
	enc, err := format.New(&format.Settings{Format: rendered}, plugin.Env{})
	if err != nil {
		b.Fatal(err)
	}
	size := 0
	for i := range events {
		line, err := enc.Append(nil, &events[i])
		if err != nil {
			b.Fatal(err)
		}
		size += len(line) + 1
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	send := sender(out)
	before := cpu()
	for b.Loop() {
		if err := send(context.Background(), events); err != nil {
			b.Fatal(err)
		}
	}
	used := (cpu() - before).Seconds()
	b.ReportMetric(float64(b.N)*float64(len(events))/used, "events/cpu-s")
	b.ReportMetric(float64(b.N)*float64(size)/1e6/used, "MB/cpu-s")
	b.ReportMetric(float64(len(events)), "events/op")
	if err := out.Close(); err != nil {
		b.Fatal(err)
	}
}

// outputOf builds the output of a configuration.
func outputOf(b *testing.B, dir, settings string) plugin.Output {
	b.Helper()
	conf := filepath.Join(dir, "c.yaml")
	text := "journal: {dir: j}\ninputs: {in: {type: file, path: [none]}}\noutputs: {o: " + settings + "}\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	cfg, found := config.Load(conf, config.Options{Plugins: plugins(), LookupEnv: os.LookupEnv})
	if cfg == nil || len(cfg.Outputs) != 1 {
		b.Fatal(found)
	}
	one := cfg.Outputs[0]
	out, err := one.Plugin.Output(one.Settings, plugin.Env{Name: "o", Dir: dir, HostID: "h", Meter: &meter.Registry{}, Store: new(plugintest.Store), Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	return out
}

func devNull(b *testing.B) *os.File {
	f, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.Close() })
	return f
}

// answering is a server that reads each body and answers with a text.
func answering(b *testing.B, answer string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // a client that leaves fails the benchmark itself
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	}))
	b.Cleanup(s.Close)
	return s.URL
}

// swallowing is a receiver over TCP that reads all and says nothing.
func swallowing(b *testing.B) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			go func() { _, _ = io.Copy(io.Discard, conn) }()
		}
	}()
	return l.Addr().String()
}

package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"tallyman/pipeline/config"
	"tallyman/pipeline/decode"
	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// inputBenches are inputs with what they read: lines of a file of the decoders'
// own tests, or one line, written again and again.
var inputBenches = []struct{ name, settings, from, line string }{
	{"file+plain", "{type: file, path: [SOURCE]}", "", jsonLine},
	{"file+json", "{type: file, path: [SOURCE], decode: json}", "", jsonLine},
	{"file+logfmt", "{type: file, path: [SOURCE], decode: logfmt}", "", `time="2026-11-25T10:00:00Z" level=info msg="order taken" order=4711 user=ana took=12ms path=/api/v1/orders status=201`},
	{"file+key_value", "{type: file, path: [SOURCE], decode: key_value}", "", `time=2026-11-25T10:00:00Z,level=info,msg=order taken,order=4711,user=ana,took=12ms,path=/api/v1/orders,status=201`},
	{"file+multiline", "{type: file, path: [SOURCE], multiline: {preset: java}}", "", "2026-11-25 10:00:00 ERROR checkout: failed\ncom.example.OrderException: payment\n\tat com.example.shop.Pay.run(Pay.java:41)\n\tat com.example.shop.Main.main(Main.java:3)"},
	{"jenkins audit", "{type: jenkins, audit: [SOURCE]}", "../../inputs/jenkins/testdata/audit.in", ""},
	{"git access", "{type: file, path: [SOURCE], decode: git_access}", "../../transforms/decode/git/testdata/access/access.in", ""},
	{"git gitlab", "{type: file, path: [SOURCE], decode: gitlab}", "../../transforms/decode/git/testdata/gitlab/logs.in", ""},
	{"registry", "{type: registry, path: [SOURCE]}", "../../inputs/registry/testdata/notifications.in", ""},
	{"alerts", "{type: alerts, path: [SOURCE]}", "../../inputs/alerts/testdata/alerts.in", ""},
	{"kubernetes_audit", "{type: file, path: [SOURCE], decode: kubernetes_audit}", "", `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"7f3c0000-0000-4000-8000-000000000001","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/shop/pods","verb":"list","user":{"username":"ana","groups":["system:authenticated"]},"sourceIPs":["10.20.0.7"],"userAgent":"kubectl/v1.34.1","objectRef":{"resource":"pods","namespace":"shop","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-11-25T10:00:00.123456Z","stageTimestamp":"2026-11-25T10:00:00.129001Z"}`},
	{"falco", "{type: file, path: [SOURCE], decode: falco}", "../../transforms/decode/falco/testdata/alerts.in", ""},
}

const jsonLine = `{"time":"2026-11-25T10:00:00Z","level":"info","msg":"order taken","order":4711,"user":"ana","took":"12ms","http":{"path":"/api/v1/orders","status":201}}`

// inputBytes is how much a benchmark reads in one round.
const inputBytes = 8 << 20

// BenchmarkInput reads a source of each kind to its end, through the decoder that
// its records wait for: one core, no journal.
func BenchmarkInput(b *testing.B) {
	for _, c := range inputBenches {
		b.Run(c.name, func(b *testing.B) {
			text := []byte(c.line + "\n")
			if c.from != "" {
				var err error
				if text, err = os.ReadFile(c.from); err != nil {
					b.Fatal(err)
				}
				text = append(bytes.TrimRight(text, "\n"), '\n')
			}
			dir := b.TempDir()
			all := bytes.Repeat(text, inputBytes/len(text)+1)
			if err := os.WriteFile(filepath.Join(dir, "source.log"), all, 0o600); err != nil {
				b.Fatal(err)
			}
			part, found := inputOf(b, dir, c.settings)
			lines := bytes.Count(all, []byte("\n"))
			b.SetBytes(int64(len(all)))
			b.ReportAllocs()
			before := cpu()
			for b.Loop() {
				env := inputEnv(dir, true)
				in, err := part.Plugin.Input(part.Settings, env)
				if err != nil {
					b.Fatal(err)
				}
				if err := in.Open(context.Background(), nil); err != nil {
					b.Fatal(err)
				}
				if n := readInput(b, in, decode.New(found, env)); n == 0 {
					b.Fatal("nothing came")
				}
				if err := in.Close(); err != nil {
					b.Fatal(err)
				}
			}
			used := (cpu() - before).Seconds()
			b.ReportMetric(float64(b.N)*float64(lines)/used, "lines/cpu-s")
			b.ReportMetric(float64(b.N)*float64(len(all))/1e6/used, "MB/cpu-s")
		})
	}
}

// inputOf reads the settings of one input from a configuration.
func inputOf(b *testing.B, dir, settings string) (config.Component, []plugin.Plugin) {
	b.Helper()
	conf := filepath.Join(dir, "c.yaml")
	text := "journal: {dir: j}\ninputs: {in: " + string(bytes.ReplaceAll([]byte(settings), []byte("SOURCE"), []byte(filepath.Join(dir, "source.log")))) + "}\noutputs: {f: {type: file, path: o}}\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	cfg, found := config.Load(conf, config.Options{Plugins: plugins(), LookupEnv: os.LookupEnv})
	if cfg == nil || len(cfg.Inputs) != 1 {
		b.Fatal(found)
	}
	return cfg.Inputs[0], plugins()
}

func inputEnv(dir string, once bool) plugin.Env {
	return plugin.Env{Name: "in", Once: once, Dir: dir, HostID: "h", Meter: &meter.Registry{}, Log: slog.New(slog.DiscardHandler), Now: time.Now}
}

// readInput reads to the end and returns how many events came of it.
func readInput(b *testing.B, in plugin.Input, stage *decode.Stage) (n int) {
	var batch, out event.Batch
	for {
		batch.Reset()
		out.Reset()
		err := in.Read(context.Background(), &batch, time.Second)
		if failed := stage.Apply(context.Background(), &batch, &out); failed != nil {
			b.Fatal(failed)
		}
		n += len(out.Events)
		switch {
		case errors.Is(err, io.EOF):
			out.Reset()
			stage.Flush(&out)
			return n + len(out.Events)
		case err != nil:
			b.Fatal(err)
		}
	}
}

// BenchmarkInputPost is what hec and http do of bodies of 1,000 JSON records over
// the loopback, with the client in the same process and a journal that takes all.
func BenchmarkInputPost(b *testing.B) {
	push, err := os.ReadFile("../../transforms/decode/git/testdata/webhook/github.in")
	if err != nil {
		b.Fatal(err)
	}
	push, _, _ = bytes.Cut(bytes.TrimPrefix(push, []byte("@push ")), []byte("\n"))
	sum := hmac.New(sha256.New, []byte(hookSecret))
	sum.Write(push)
	signature := "sha256=" + hex.EncodeToString(sum.Sum(nil))
	b.Setenv("BENCH_HOOK_SECRET", hookSecret)
	lines := bytes.Repeat([]byte(jsonLine+"\n"), 1000)
	for _, c := range []struct {
		name, settings, path string
		body                 []byte
		lines                int
	}{
		{"http+json", `{type: http, listen: "127.0.0.1:PORT", decode: json}`, "/", lines, 1000},
		{"hec raw+json", `{type: hec, listen: "127.0.0.1:PORT", decode: json}`, "/services/collector/raw", lines, 1000},
		{"git webhook", `{type: git, listen: "127.0.0.1:PORT", secret: {env: BENCH_HOOK_SECRET}}`, "/", push, 1},
	} {
		b.Run(c.name, func(b *testing.B) {
			dir, addr := b.TempDir(), freeAddress(b)
			part, found := inputOf(b, dir, string(bytes.ReplaceAll([]byte(c.settings), []byte("127.0.0.1:PORT"), []byte(addr))))
			env := inputEnv(dir, false)
			in, err := part.Plugin.Input(part.Settings, env)
			if err != nil {
				b.Fatal(err)
			}
			if err := in.Open(context.Background(), nil); err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() {
				defer close(done)
				takeAll(ctx, in, decode.New(found, env))
			}()
			b.SetBytes(int64(len(c.body)))
			b.ReportAllocs()
			before := cpu()
			for b.Loop() {
				ask, err := http.NewRequest(http.MethodPost, "http://"+addr+c.path, bytes.NewReader(c.body))
				if err != nil {
					b.Fatal(err)
				}
				ask.Header.Set("Content-Type", "application/json")
				ask.Header.Set("X-GitHub-Event", "push")
				ask.Header.Set("X-Hub-Signature-256", signature)
				answer, err := http.DefaultClient.Do(ask)
				if err != nil {
					b.Fatal(err)
				}
				if _ = answer.Body.Close(); answer.StatusCode != http.StatusOK {
					b.Fatal(answer.Status)
				}
			}
			used := (cpu() - before).Seconds()
			b.ReportMetric(float64(b.N)*float64(c.lines)/used, "lines/cpu-s")
			b.ReportMetric(float64(b.N)*float64(len(c.body))/1e6/used, "MB/cpu-s")
			cancel()
			<-done
			if err := in.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// hookSecret signs the webhook that is measured.
const hookSecret = "a secret of the benchmark"

// BenchmarkInputKafka reads a topic of a broker in the same process to its end: the
// broker's own work is in it.
func BenchmarkInputKafka(b *testing.B) {
	const many = 20_000
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "lines"))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	w := &kafka.Writer{Addr: kafka.TCP(c.ListenAddrs()[0]), Topic: "lines", BatchSize: 1000, BatchTimeout: time.Millisecond, Compression: kafka.Zstd}
	list := make([]kafka.Message, many)
	for i := range list {
		list[i].Value = []byte(jsonLine)
	}
	if err := errors.Join(w.WriteMessages(context.Background(), list...), w.Close()); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(many * len(jsonLine)))
	b.ReportAllocs()
	before, group := cpu(), 0
	for b.Loop() {
		group++
		readTopic(b, fmt.Sprintf(`{type: kafka, brokers: ["%s"], topics: [lines], group: g%d, start: earliest, decode: json}`, c.ListenAddrs()[0], group), many)
	}
	used := (cpu() - before).Seconds()
	b.ReportMetric(float64(b.N)*many/used, "lines/cpu-s")
	b.ReportMetric(float64(b.N)*float64(many*len(jsonLine))/1e6/used, "MB/cpu-s")
}

// readTopic reads many messages with an input of its own.
func readTopic(b *testing.B, settings string, many int) {
	dir := b.TempDir()
	part, found := inputOf(b, dir, settings)
	env := inputEnv(dir, false)
	in, err := part.Plugin.Input(part.Settings, env)
	if err != nil {
		b.Fatal(err)
	}
	if err := in.Open(context.Background(), nil); err != nil {
		b.Fatal(err)
	}
	stage := decode.New(found, env)
	var batch, out event.Batch
	for n := 0; n < many; {
		batch.Reset()
		out.Reset()
		if err := in.Read(context.Background(), &batch, time.Second); err != nil {
			b.Fatal(err)
		}
		n += len(batch.Events)
		if err := stage.Apply(context.Background(), &batch, &out); err != nil {
			b.Fatal(err)
		}
		if batch.Accepted != nil {
			batch.Accepted(nil)
		}
	}
	if err := in.Close(); err != nil {
		b.Fatal(err)
	}
}

// freeAddress is an address of loopback that nobody had a moment ago.
func freeAddress(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// takeAll reads and accepts until ctx is done.
func takeAll(ctx context.Context, in plugin.Input, stage *decode.Stage) {
	var batch, out event.Batch
	for ctx.Err() == nil {
		batch.Reset()
		out.Reset()
		err := in.Read(ctx, &batch, time.Second)
		if err == nil {
			err = stage.Apply(ctx, &batch, &out)
		}
		if batch.Accepted != nil {
			batch.Accepted(err)
		}
	}
}

//go:build integration

package integration

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// otelBuild is the OpenTelemetry Collector with the receiver of Splunk's HTTP
// Event Collector and the extension that acknowledges.
const otelBuild = `
dist: {name: otelsink, output_path: ./out, version: 0.145.0}
receivers:
  - gomod: github.com/open-telemetry/opentelemetry-collector-contrib/receiver/splunkhecreceiver v0.145.0
exporters:
  - gomod: github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter v0.145.0
extensions:
  - gomod: github.com/open-telemetry/opentelemetry-collector-contrib/extension/ackextension v0.145.0
providers:
  - gomod: go.opentelemetry.io/collector/confmap/provider/fileprovider v1.51.0
conf_resolver: {default_uri_scheme: file}
`

func otelcol(t *testing.T) string { return collector(t, "otelsink", otelBuild) }

// collector builds a collector once, into the cache of the user.
func collector(t *testing.T, name, build string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "tallyman-integration", name+"-0.145.0")
	bin := filepath.Join(dir, name)
	if _, err := os.Stat(bin); err == nil {
		return bin
	}
	if name != "otelsink" {
		long(t, "to build a second OpenTelemetry Collector takes minutes, once")
	}
	work := t.TempDir()
	write(t, filepath.Join(work, "builder.yaml"), build)
	for _, args := range [][]string{{"go", "install", "go.opentelemetry.io/collector/cmd/builder@v0.145.0"}, {filepath.Join(work, "builder"), "--config", "builder.yaml"}} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir, cmd.Env = work, append(os.Environ(), "GOBIN="+work, "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("NOT RUN: the OpenTelemetry Collector could not be built: %v\n%s", err, tail(out))
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", filepath.Join(work, "out", name), bin).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return bin
}

const otelConf = `
extensions: {ack: {}}
receivers:
  splunk_hec: {endpoint: "127.0.0.1:%d", %s}
exporters: {file: {path: %s}}
service:
  extensions: [ack]
  pipelines: {logs: {receivers: [splunk_hec], exporters: [file]}}
  telemetry: {metrics: {level: none}}
`

// hecServer is the collector on a port; each life writes a file of its own.
type hecServer struct {
	t     *testing.T
	bin   string
	dir   string
	port  int
	ack   bool
	cmd   *exec.Cmd
	lives int
}

func (h *hecServer) start() {
	h.t.Helper()
	h.lives++
	ack := "access_token_passthrough: false"
	if h.ack {
		ack = "ack: {extension: ack}"
	}
	conf := write(h.t, filepath.Join(h.dir, fmt.Sprintf("otel%d.yaml", h.lives)), fmt.Sprintf(otelConf, h.port, ack, h.file(h.lives)))
	h.cmd = exec.Command(h.bin, "--config", "file:"+conf)
	log, err := os.Create(conf + ".log")
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	h.cmd.Stdout, h.cmd.Stderr = log, log
	if err := h.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	eventually(h.t, "the collector listens", 30*time.Second, func() bool {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/services/collector/health", h.port))
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

func (h *hecServer) file(life int) string {
	return filepath.Join(h.dir, fmt.Sprintf("out%d.jsonl", life))
}

// end ends a life.
func (h *hecServer) end(how syscall.Signal) {
	_ = h.cmd.Process.Signal(how)
	_ = h.cmd.Wait()
}

// stored are the events of all lives: how often each message is there, and its id.
func (h *hecServer) stored() (messages map[string]int, ids map[string]string) {
	h.t.Helper()
	messages, ids = map[string]int{}, map[string]string{}
	for life := 1; life <= h.lives; life++ {
		f, err := os.Open(h.file(life))
		if err != nil {
			continue // killed before it wrote
		}
		s := bufio.NewScanner(f)
		s.Buffer(nil, 64<<20)
		for s.Scan() {
			h.line(s.Bytes(), messages, ids)
		}
		_ = f.Close()
		if err := s.Err(); err != nil {
			h.t.Fatal(err)
		}
	}
	return messages, ids
}

// line reads one line of the file exporter (OTLP in JSON); a kill may cut the last.
func (h *hecServer) line(b []byte, messages map[string]int, ids map[string]string) {
	var out struct {
		ResourceLogs []struct {
			ScopeLogs []struct {
				LogRecords []struct {
					Body       json.RawMessage
					Attributes []attribute
				}
			}
		}
	}
	if json.Unmarshal(b, &out) != nil {
		return
	}
	for _, r := range out.ResourceLogs {
		for _, s := range r.ScopeLogs {
			for _, l := range s.LogRecords {
				mark := string(l.Body)
				if i := strings.Index(mark, "line-"); i >= 0 && len(mark) >= i+11 {
					mark = mark[i : i+11]
				}
				messages[mark]++
				for _, a := range l.Attributes {
					if a.Key != "event_id" {
						continue
					}
					if before, ok := ids[mark]; ok && before != a.Value.StringValue {
						h.t.Fatalf("%s came with the ids %s and %s", mark, before, a.Value.StringValue)
					}
					ids[mark] = a.Value.StringValue
				}
			}
		}
	}
}

// attribute is one of a log record.
type attribute struct {
	Key   string
	Value struct{ StringValue string }
}

const splunkConf = `
journal: {dir: journal, max_size: 512MiB, segment_size: 16MiB}
admin: {listen: off}
grace: 20s
inputs:
  lines: {type: file, path: [%s], decode: plain}
outputs:
  splunk: {type: splunk, url: ["http://127.0.0.1:%d"], token: {file: token}, ack: %v, ack_timeout: 5s, ack_interval: 200ms, source: "tallyman:lines", index: main}
`

// TestSplunkRestarts sends 100,000 events to a real receiver that is killed and
// started again twice meanwhile. With acknowledgement nothing is missing, and
// what is there twice has one id. This receiver acknowledges when its exporter has
// written, so that a kill does not take back what it said.
func TestSplunkRestarts(t *testing.T) {
	const total = 100_000
	dir := t.TempDir()
	h := &hecServer{t: t, bin: otelcol(t), dir: dir, port: freePort(t), ack: true}
	write(t, filepath.Join(dir, "token"), "00000000-0000-0000-0000-000000000000\n")
	log := filepath.Join(dir, "lines.log")
	conf := write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(splunkConf, log, h.port, h.ack))
	h.start()
	defer func() { h.end(syscall.SIGTERM) }()
	f, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	more := func(from, to int) {
		w := bufio.NewWriter(f)
		for i := from; i < to; i++ {
			_, _ = fmt.Fprintf(w, "line-%06d of the log\n", i)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	size := func() int64 {
		info, err := os.Stat(h.file(h.lives))
		if err != nil {
			return 0
		}
		return info.Size()
	}
	more(0, total/4)
	cmd := launch(t, conf)
	for n := 1; n <= 2; n++ {
		eventually(t, "something is stored", 60*time.Second, func() bool { return size() > 100_000 })
		more(n*total/4, (n+1)*total/4) // under way when it is killed
		h.end(syscall.SIGKILL)
		time.Sleep(500 * time.Millisecond) // it is away for a while
		h.start()
	}
	more(3*total/4, total)
	deadline := time.Now().Add(4 * time.Minute)
	var messages map[string]int
	var ids map[string]string
	for messages, ids = h.stored(); len(messages) < total && time.Now().Before(deadline); messages, ids = h.stored() {
		time.Sleep(time.Second)
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("tallyman ended with %v", err)
	}
	missing, twice := 0, 0
	for i := range total {
		switch n := messages[fmt.Sprintf("line-%06d", i)]; {
		case n == 0:
			missing++
		case n > 1:
			twice++
		}
	}
	if missing > 0 || len(messages) != total || len(ids) != total {
		t.Errorf("of %d events %d are missing; there are %d messages and %d ids", total, missing, len(messages), len(ids))
	}
	t.Logf("%d of %d events are there more than once, with one id", twice, total)
	out, err := exec.Command(program(t), "ledger", "--config", conf).CombinedOutput()
	if err != nil || !strings.Contains(string(out), fmt.Sprint(total)) {
		t.Errorf("the books: %v\n%s", err, out)
	}
	t.Logf("%s", out)
}

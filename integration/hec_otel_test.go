//go:build integration

package integration

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// otelSourceBuild is the OpenTelemetry Collector with the exporter to Splunk's HTTP
// Event Collector.
const otelSourceBuild = `
dist: {name: otelsource, output_path: ./out, version: 0.145.0}
receivers:
  - gomod: github.com/open-telemetry/opentelemetry-collector-contrib/receiver/filelogreceiver v0.145.0
exporters:
  - gomod: github.com/open-telemetry/opentelemetry-collector-contrib/exporter/splunkhecexporter v0.145.0
providers:
  - gomod: go.opentelemetry.io/collector/confmap/provider/fileprovider v1.51.0
conf_resolver: {default_uri_scheme: file}
`

const otelSourceConf = `
receivers:
  filelog: {include: [%q], start_at: beginning, attributes: {team: blue}, resource: {host.name: web-1}}
exporters:
  splunk_hec: {endpoint: "http://127.0.0.1:%d/services/collector", token: s3cret, source: otel, sourcetype: "otel:lines", index: main, disable_compression: %v}
service:
  pipelines: {logs: {receivers: [filelog], exporters: [splunk_hec]}}
  telemetry: {metrics: {level: none}}
`

const otelSourceTallyman = `
journal: {dir: journal, max_size: 64MiB, segment_size: 1MiB}
admin: {listen: off}
inputs:
  collector: {type: hec, listen: "127.0.0.1:%d", token: {file: token}, decode: json, sourcetypes: {"otel:lines": plain}}
outputs:
  file: {type: file, path: out.json, format: json}
`

// TestOTelSplunkExporter takes the lines of a file from the OpenTelemetry Collector's
// exporter splunk_hec, packed and not: each once, with what stands around it.
func TestOTelSplunkExporter(t *testing.T) {
	const lines = 1000
	program := collector(t, "otelsource", otelSourceBuild)
	for _, plain := range []bool{false, true} {
		t.Run(map[bool]string{false: "gzip", true: "plain"}[plain], func(t *testing.T) {
			dir, port := t.TempDir(), freePort(t)
			write(t, filepath.Join(dir, "token"), "s3cret\n")
			var text strings.Builder
			for i := range lines {
				fmt.Fprintf(&text, "line-%06d \"quoted\" \\ of the log\n", i)
			}
			log := write(t, filepath.Join(dir, "lines.log"), text.String())
			launch(t, write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(otelSourceTallyman, port)))
			eventually(t, "tallyman listens", 20*time.Second, func() bool { return answers(fmt.Sprintf("http://127.0.0.1:%d/services/collector/health", port)) })
			start(t, exec.Command(program, "--config", "file:"+write(t, filepath.Join(dir, "otel.yaml"), fmt.Sprintf(otelSourceConf, log, port, plain))))
			out := filepath.Join(dir, "out.json")
			around := []string{"host.name", "web-1", "labels.splunk_source", "otel", "labels.splunk_sourcetype", "otel:lines", "labels.splunk_index", "main", "labels.team", "blue"}
			eventually(t, "every line is there", 40*time.Second, func() bool { return len(eventsWith(t, out, around...)) >= lines })
			seen, ids := map[any]int{}, map[any]bool{}
			for _, e := range eventsIn(t, out) {
				seen[get(e, "message")]++
				ids[get(e, "event", "id")] = true
			}
			for i := range lines {
				if n := seen[fmt.Sprintf("line-%06d \"quoted\" \\ of the log", i)]; n != 1 {
					t.Fatalf("line %d is there %d times", i, n)
				}
			}
			if len(seen) != lines || len(ids) != lines {
				t.Errorf("%d messages under %d ids, want %d of each", len(seen), len(ids), lines)
			}
		})
	}
}

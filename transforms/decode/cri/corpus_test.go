package cri

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// corpus holds real samples of others, which are not ours to copy.
const corpus = "../../../../shared/corpus"

// samples are the files, how many lines each has, and how many of them were
// understood in full at least.
var samples = []struct {
	file, key   string // key: the lines are texts in JSON under it
	lines, full int
}{
	{"cri/beats/cri.log", "", 1, 1},
	{"cri/crowdsec/cri-logs__cri-logs.log", "", 3, 3},
	{"cri/crowdsec/envoy-logs__envoy.log", "", 10, 10},
	{"cri/otel_stanza/container_parser_inputs.jsonl", "input", 16, 12},
}

// TestCorpus: nothing of the samples is dropped, nothing panics, and no fewer
// lines are understood than were.
func TestCorpus(t *testing.T) {
	if _, err := os.Stat(corpus); err != nil {
		t.Skipf("the corpus is not beside the repository: %v", err)
	}
	for _, s := range samples {
		t.Run(s.file, func(t *testing.T) {
			lines, full, events := read(t, filepath.Join(corpus, s.file), s.key)
			t.Logf("%s: %d of %d lines understood, %d events", s.file, full, lines, events)
			if lines != s.lines || full < s.full {
				t.Errorf("%d of %d lines understood, want %d of %d", full, lines, s.full, s.lines)
			}
		})
	}
}

// read decodes a file and returns how many lines it has, for how many of them an
// event without a doubt stands, and how many events came.
func read(t *testing.T, path, key string) (lines, full, events int) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	env := plugintest.Env("")
	d, ok := build(env).(plugin.HoldingDecoder)
	if !ok {
		t.Fatal("it holds nothing")
	}
	var out event.Batch
	offset, failed := 0, 0
	for _, line := range strings.SplitAfter(string(content), "\n") {
		raw := strings.TrimSuffix(line, "\n")
		if raw != "" {
			lines++
			if err := d.Decode(event.Event{Decode: Plugin.Type, Raw: inner(t, raw, key), Records: 1, Offset: int64(offset), Seen: env.Now()}, &out); err != nil {
				failed++
			}
		}
		offset += len(line)
	}
	d.Flush(&out)
	stand := failed
	ids := map[string]bool{}
	for i := range out.Events {
		e := &out.Events[i]
		stand += int(e.Records)
		if e.Raw == "" && e.Dataset == Dataset && !e.Time.IsZero() {
			full += int(e.Records)
		}
		if ids[e.ID.String()] {
			t.Errorf("an id comes twice: %s", plugintest.Dump(e))
		}
		ids[e.ID.String()] = true
		if n := len(e.Get(schema.Message).Str()); n > 1<<20 {
			t.Errorf("a message has %d bytes", n)
		}
	}
	if stand != lines {
		t.Errorf("events stand for %d of %d lines", stand, lines)
	}
	return lines, full, len(out.Events)
}

// inner is the line in a JSON object, where the sample has it there.
func inner(t *testing.T, raw, key string) string {
	t.Helper()
	if key == "" {
		return raw
	}
	var o map[string]any
	if err := json.Unmarshal([]byte(raw), &o); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(o[key])
}

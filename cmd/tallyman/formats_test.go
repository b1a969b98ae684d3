package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	rfc3164reader "github.com/influxdata/go-syslog/v3/rfc3164"
	rfc5424reader "github.com/influxdata/go-syslog/v3/rfc5424"

	"tallyman/outputs/format"
	"tallyman/outputs/format/formattest"
	"tallyman/pipeline/decode"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// This file takes what every decoder makes of its samples, and what the recorded
// hosts give, through every format, and has each judged by a reader that was
// written from its standard.

// judge holds one encoder and one reader of each format.
type judge struct {
	encoders []plugin.Encoder
	readers  []func(text []byte) error
	classes  map[string]int // of OCSF
	judged   int
}

func newJudge(t *testing.T) *judge {
	t.Helper()
	j := &judge{classes: map[string]int{}}
	release, err := formattest.LoadOCSF("../../../shared/spec/ocsf-1.8.0-required.json")
	if err != nil {
		t.Logf("NOT JUDGED: no OCSF event is held against what its class requires: %v", err)
	}
	object := func(text []byte) error { return json.Unmarshal(text, new(map[string]any)) }
	readers := map[string]func([]byte) error{
		format.JSON: object, format.Splunk: object,
		format.OCSF: func(text []byte) error {
			if release == nil {
				return object(text)
			}
			class, err := release.Check(text)
			j.classes[class]++
			return err
		},
		format.CEF:     func(text []byte) error { _, err := formattest.CEF(string(text)); return err },
		format.LEEF:    func(text []byte) error { _, err := formattest.LEEF(string(text)); return err },
		format.RFC5424: func(text []byte) error { _, err := rfc5424reader.NewParser().Parse(text); return err },
		format.RFC3164: func(text []byte) error { _, err := rfc3164reader.NewParser().Parse(text); return err },
		format.Text:    func([]byte) error { return nil },
		format.Raw: func(text []byte) error {
			if len(text) == 0 {
				return fmt.Errorf("it is empty")
			}
			return nil
		},
	}
	for _, name := range format.Words() {
		enc, err := format.New(&format.Settings{Format: name}, plugin.Env{})
		if err != nil {
			t.Fatal(err)
		}
		j.encoders, j.readers = append(j.encoders, enc), append(j.readers, readers[name])
	}
	return j
}

// event judges one event.
func (j *judge) event(t *testing.T, e *event.Event) {
	t.Helper()
	j.judged++
	for i, name := range format.Words() {
		text, err := j.encoders[i].Append(nil, e)
		if err == nil && name == format.Raw {
			if n := strings.Count(string(text), "\n"); n > 0 && n != int(e.Records)-1 {
				err = fmt.Errorf("it has %d lines, and was read as %d", n+1, e.Records)
			}
		} else if err == nil && strings.ContainsAny(string(text), "\n\r\x00") {
			err = fmt.Errorf("it has more than one line")
		}
		if err == nil {
			err = j.readers[i](text)
		}
		if err != nil {
			t.Errorf("%s: %v in\n%s", name, err, text)
		}
	}
}

// folders are the decoders whose folder has another name than their type.
var folders = map[string]string{"k8saudit": "kubernetesaudit", "k8sevent": "kubernetesevent"}

// sampleOf returns the decoder that a sample is for: its folder names it, or, in a
// room of several, the folder or the file below.
func sampleOf(file string, decoders []plugin.Plugin) string {
	path := strings.Split(filepath.ToSlash(strings.TrimSuffix(file, ".in")), "/")
	at := slices.Index(path, "testdata")
	room, name := path[at-1], path[at+1]
	for _, want := range []string{room, folders[room], room + name, name} {
		for _, p := range decoders {
			if strings.ReplaceAll(p.Type, "_", "") == want {
				return p.Type
			}
		}
	}
	return ""
}

// TestEveryDecoderInEveryFormat judges the events of all samples of decoders.
func TestEveryDecoderInEveryFormat(t *testing.T) {
	var decoders []plugin.Plugin
	missing := map[string]bool{}
	for _, p := range plugins() {
		if p.Kind == plugin.KindDecoder {
			decoders = append(decoders, p)
			missing[p.Type] = true
		}
	}
	files, err := filepath.Glob("../../transforms/decode/*/testdata/*.in")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	below, _ := filepath.Glob("../../transforms/decode/*/testdata/*/*.in")
	j := newJudge(t)
	for _, file := range append(files, below...) {
		typ := sampleOf(file, decoders)
		if typ == "" {
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		stage := decode.New(decoders, plugintest.Env(""))
		for line := range strings.SplitSeq(string(content), "\n") {
			var in, out event.Batch
			in.Add(event.Event{Decode: typ, Raw: line, Records: 1, Seen: plugintest.Env("").Now(), Shared: plugintest.Env("").Shared})
			if err := stage.Apply(t.Context(), &in, &out); err != nil {
				t.Fatal(err)
			}
			for i := range out.Events {
				delete(missing, typ)
				j.event(t, &out.Events[i])
			}
		}
	}
	t.Logf("%d events, classes of OCSF %v, decoders without a sample of their own %v", j.judged, j.classes, missing)
	if j.judged < 500 || len(missing) > len(decoders)/2 {
		t.Errorf("only %d events were judged, and nothing of %v", j.judged, missing)
	}
}

// TestRecordedHostsInEveryFormat judges what the whole lane makes of the audit
// logs of recorded hosts, alerts among it: of each kind of event the first twenty.
func TestRecordedHostsInEveryFormat(t *testing.T) {
	logs := map[string][]string{"demo": demoLines(t)}
	files, _ := filepath.Glob(filepath.Join(captures, "*", "audit.log*.gz"))
	if len(files) == 0 {
		t.Logf("NOT JUDGED: the captures are not here (%s)", captures)
	}
	for _, file := range files {
		logs[file] = gzipped(t, file)
	}
	j := newJudge(t)
	seen := map[string]int{}
	for name, lines := range logs {
		p := laneOf(t, lanes[2].transforms)
		parts, _ := chunks(t, lines)
		chain := p.Chain("audit")
		var in event.Batch
		var at int64
		for _, part := range parts {
			fill(&in, part, at)
			at += int64(len(part))
			out, err := chain.Run(t.Context(), &in)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for i := range out.Events {
				e := &out.Events[i]
				kind := e.Get(schema.EventKind).Str() + e.Get(schema.EventAction).Str() + e.Get(schema.EventType).Str() + e.Get(schema.EventOutcome).Str() +
					e.Get(schema.EventReason).Str() + e.Get(schema.RuleID).Str() + e.Fields.GetNamed(schema.AuditdData, "syscall").Str()
				if seen[kind]++; seen[kind] <= 20 {
					j.event(t, e)
				}
			}
		}
		p.Close()
	}
	t.Logf("%d events of %d kinds in %d logs, classes of OCSF %v", j.judged, len(seen), len(logs), j.classes)
	if j.judged < 100 {
		t.Errorf("only %d events were judged", j.judged)
	}
}

func gzipped(t *testing.T, file string) []string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

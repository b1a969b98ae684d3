package jenkins

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/decode"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

const corpus = "../../../../shared/corpus/jenkins"

// share is how many records of a file are understood: whole, in part (the text is
// kept), in doubt (and it is said), or not at all.
type share struct{ lines, whole, part, doubt, not int }

// TestCorpus: every sample is read, nothing is dropped, and what is understood
// today stays so.
func TestCorpus(t *testing.T) {
	if _, err := os.Stat(corpus); err != nil {
		t.Skipf("THE CORPUS IS NOT HERE, nothing is judged: %v", err)
	}
	seen := map[string]bool{}
	for _, c := range []struct {
		file   string
		plugin plugin.Plugin
		least  share // whole must not fall, doubt and not must not grow
	}{
		{"formatter/audit_trail_file_logger.log", Audit, share{lines: 39, whole: 39}},
		{"formatter/audit_trail_console_logger.log", Audit, share{lines: 26, whole: 26}},
		{"formatter/audit_trail_timestamp_by_locale.tsv", Audit, share{lines: 12, whole: 12}},
		{"formatter/system_log_one_line.log", Log, share{lines: 13, whole: 13}},
		{"formatter/system_log_two_line.log", Log, share{lines: 21, whole: 21}},
		{"support-core/system_log_lines.log", Log, share{lines: 1, whole: 1}},
		{"ansicolor/testlog.log", Build, share{lines: 31, whole: 31}},
		{"ansicolor/testlog-no-notes.log", Build, share{lines: 30, whole: 30}},
		{"ansicolor/testlog-crlf.log", Build, share{lines: 31, whole: 31}},
		{"acceptance-test-harness/console-JENKINS33085.log", Build, share{lines: 197, whole: 195, part: 2}},
		{"jenkinsfile-runner/readme_console.log", Build, share{lines: 16, whole: 16}},
		{"logstash-plugin/payloads.jsonl", Logstash, share{lines: 4, whole: 4}},
	} {
		seen[c.file] = true
		t.Run(c.file, func(t *testing.T) {
			got := read(t, filepath.Join(corpus, c.file), c.plugin)
			t.Logf("%d lines: %d whole, %d in part, %d in doubt, %d not understood", got.lines, got.whole, got.part, got.doubt, got.not)
			if w := c.least; got.lines != w.lines || got.whole < w.whole || got.whole+got.part < w.whole+w.part || got.doubt > w.doubt || got.not > w.not {
				t.Errorf("%+v, want at least %+v", got, w)
			}
		})
	}
	files, err := filepath.Glob(filepath.Join(corpus, "*/*"))
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, f := range files {
		if name, _ := filepath.Rel(corpus, f); !seen[name] {
			t.Errorf("%s is read by nobody", name)
		}
	}
}

// read decodes a file as a lane does; the unit of a share is the line.
func read(t *testing.T, file string, p plugin.Plugin) (s share) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	env := plugintest.Env("")
	stage := decode.New([]plugin.Plugin{p}, env)
	var out event.Batch
	offset := int64(0)
	for line := range strings.Lines(string(text)) {
		s.lines++
		at := offset
		offset += int64(len(line))
		line = strings.TrimSuffix(line, "\n")
		if strings.HasSuffix(file, ".tsv") {
			_, line, _ = strings.Cut(line, "\t")
		}
		in := event.Batch{Events: []event.Event{{Decode: p.Type, Raw: line, Records: 1, Offset: at, Seen: env.Now(), Shared: env.Shared}}}
		if err := stage.Apply(t.Context(), &in, &out); err != nil {
			t.Fatal(err)
		}
	}
	stage.Flush(&out)
	records := 0
	for i := range out.Events {
		e := &out.Events[i]
		n := int(e.Records)
		records += n
		switch {
		case e.Get(schema.EventKind).Str() == "pipeline_error":
			s.not += n
			t.Logf("not understood: %.200q", e.Raw)
		case !e.Get(schema.ErrorMessage).IsZero():
			s.doubt += n
			t.Logf("in doubt: %s: %.200q", e.Get(schema.ErrorMessage).Str(), e.Raw)
		case e.Raw == "":
			s.whole += n
		default:
			s.part += n
		}
	}
	if records != s.lines {
		t.Errorf("%d lines went in, %d came out", s.lines, records)
	}
	return s
}

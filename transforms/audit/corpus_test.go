package audit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// corpusFiles returns every raw audit log of the shared corpus.
func corpusFiles(t testing.TB) []string {
	t.Helper()
	var files []string
	for _, glob := range []string{"*.log", "*.yaml", "*.jsonl"} {
		found, err := filepath.Glob(filepath.Join(shared, "audit", "*", glob))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		t.Skip("SKIPPED, NO corpus file was read: ../shared is not beside this clone")
	}
	return files
}

// TestCorpusLosesNoRecord sends every line of every file through, whatever it
// is, in batches of every size that matters.
func TestCorpusLosesNoRecord(t *testing.T) {
	unparsed := 0
	for _, name := range corpusFiles(t) {
		in := records(readLines(t, name))
		for _, size := range []int{1, 2, 7, 1000} {
			got := run(t, build(t, nil), in, size)
			if total(got) != len(in) {
				t.Errorf("%s in batches of %d: %d of %d records came out", filepath.Base(name), size, total(got), len(in))
			}
			for i := range got {
				checkEvent(t, name, &got[i])
			}
		}
		if strings.HasSuffix(name, ".log") {
			for _, e := range run(t, build(t, nil), in, 100) {
				if e.Fields.Get(schema.EventKind).Str() == "pipeline_error" {
					unparsed++
					t.Logf("%s: kept as it is: %.90q", filepath.Base(name), e.Raw)
				}
			}
		}
	}
	if unparsed > 40 {
		t.Errorf("%d lines of audit logs were not understood", unparsed)
	}
}

// checkEvent holds for every event, whatever it was made of.
func checkEvent(t testing.TB, name string, e *event.Event) {
	t.Helper()
	bad := func(what string) { t.Errorf("%s: %s:\n%s", name, what, show(e)) }
	if e.Decode != "" || e.Dataset != Dataset || e.ID.IsZero() || e.Records == 0 {
		bad("the head is not that of a decoded event")
	}
	kind := e.Fields.Get(schema.EventKind).Str()
	if kind != "event" && kind != "pipeline_error" {
		bad("the kind is " + kind)
	}
	if kind == "pipeline_error" {
		if e.Raw == "" {
			bad("the line is lost")
		}
		return
	}
	for _, k := range []schema.Key{schema.EventAction, schema.EventCategory, schema.EventType, schema.EventOutcome, schema.EventCode, schema.Message, schema.AuditdMessageType} {
		if e.Fields.Get(k).Str() == "" {
			bad(k.String() + " is empty")
		}
	}
	if n, ok := e.Fields.Get(schema.EventSeverity).Int64(); !ok || n < 1 || n > 10 {
		bad("the severity is out of range")
	}
	if len(e.Fields.Get(schema.Message).Str()) > 1024 {
		bad("the message is too long")
	}
	for _, f := range e.Fields {
		info := f.Key.Info()
		if f.Name() == "" && info.Type.IsMap() || info.Name == "" {
			bad("a field has no name")
		}
		if !kindFits(info.Type, f.Kind()) {
			bad(info.Name + " has a value of another type")
		}
	}
	var seen = map[schema.Key]bool{}
	for _, f := range e.Fields {
		if seen[f.Key] && f.Name() == "" && !f.Key.Info().Many {
			bad(f.Key.String() + " stands twice and is no list")
		}
		seen[f.Key] = true
	}
}

func kindFits(t schema.Type, k event.Kind) bool {
	switch t {
	case schema.Long:
		return k == event.KindInt || k == event.KindUint
	case schema.Boolean:
		return k == event.KindBool
	case schema.IP:
		return k == event.KindIP
	case schema.Date:
		return k == event.KindTime
	case schema.Float:
		return k == event.KindFloat
	}
	return k == event.KindString
}

// TestCorpusMarks says how many events of the captured file are incomplete or
// late: it holds split and lost arguments on purpose, and nothing else may be
// flagged.
func TestCorpusMarks(t *testing.T) {
	name := filepath.Join(shared, "audit", "captured", "auditd_enriched_kernel_6.18.log")
	if _, err := os.Stat(name); err != nil {
		t.Skip("SKIPPED: ../shared is not beside this clone")
	}
	for _, e := range run(t, build(t, nil), records(readLines(t, name)), 50) {
		if msg := e.Fields.Get(schema.ErrorMessage).Str(); msg != "" {
			t.Errorf("flagged: %s\n%s", msg, e.Raw[:min(len(e.Raw), 600)])
		}
	}
}

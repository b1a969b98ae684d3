package finding

import (
	"encoding/json"
	"fmt"
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

// TestSuite runs the conformance suite on one report of each scanner.
func TestSuite(t *testing.T) {
	plugintest.Decoder(t, plugintest.DecoderSuite{Plugin: Plugin, Golden: "testdata"})
}

// apply decodes one record as a lane does.
func apply(t testing.TB, text string) (out event.Batch) {
	t.Helper()
	env := plugintest.Env("")
	in := event.Batch{Events: []event.Event{{Decode: Plugin.Type, Raw: text, Records: 1, Seen: env.Now(), Shared: env.Shared}}}
	if err := decode.New([]plugin.Plugin{Plugin}, env).Apply(t.Context(), &in, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// FuzzDecode: nothing panics, a record is one record however many findings come
// of it, and no two of them have one id.
func FuzzDecode(f *testing.F) {
	text, err := os.ReadFile("testdata/reports.in")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f.Add(strings.TrimSuffix(line, "\n"))
	}
	f.Fuzz(func(t *testing.T, line string) {
		out := apply(t, line)
		records := out.Filtered
		ids := map[event.ID]bool{}
		for i := range out.Events {
			e := &out.Events[i]
			records += e.Records
			if e.Time.IsZero() || e.Time.Year() < 1970 || e.Time.Year() > 2261 || len(e.Raw) > len(line) {
				t.Errorf("%q: %s", line, plugintest.Dump(e))
			}
			if !e.ID.IsZero() && ids[e.ID] {
				t.Errorf("%q: an id stands twice", line)
			}
			ids[e.ID] = true
		}
		if records != 1 {
			t.Errorf("%q: %d records came of one", line, records)
		}
	})
}

// TestHostile: I12, what is nested too deep or too large is kept whole, and one
// report becomes no more events than it has findings.
func TestHostile(t *testing.T) {
	for name, line := range map[string]string{
		"deep": `{"matches":[` + strings.Repeat(`{"a":`, 100_000) + `1` + strings.Repeat("}", 100_000) + `]}`,
		"many": `{"matches":[` + strings.Repeat("1,", 1<<21) + `1]}`,
	} {
		out := apply(t, line)
		if len(out.Events) != 1 || out.Events[0].Raw != line || out.Events[0].Get(schema.Tags).Str() != decode.Tag {
			t.Errorf("%s: %d events, or the record is not kept", name, len(out.Events))
		}
	}
	var keys strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&keys, `"k%d":1,`, i)
	}
	out := apply(t, `{"matches":[],`+keys.String()+`"x":1}`)
	if e := &out.Events[0]; len(out.Events) != 1 || len(e.Fields) > spare+mostLabels || e.Get(schema.Tags).Str() != tagTruncated {
		t.Errorf("a report with 1e5 members has %d fields", len(e.Fields))
	}
}

// corpus are real samples; they are not part of the repository.
const corpus = "../../../../shared/corpus/security"

// share is what the reports of a sample came to: findings is how many events came
// beside the scans'; doubt says that something in them is not as it should be.
type share struct{ records, findings, doubt, not int }

// TestCorpus: every report of every sample is understood, or kept whole and
// flagged; what is understood today stays so.
func TestCorpus(t *testing.T) {
	if _, err := os.Stat(corpus); err != nil {
		t.Skipf("THE CORPUS IS NOT HERE, nothing is judged: %v", err)
	}
	for _, c := range []struct {
		pattern string
		least   share // findings must not fall, doubt and not must not grow
	}{
		{"trivy/*", share{records: 27, findings: 62, not: 2}}, // two inventories, which are no reports
		{"defectdojo/trivy__*", share{records: 9, findings: 64, doubt: 1, not: 1}},
		{"defectdojo/trivy_operator__*", share{records: 12, findings: 84}},
		{"defectdojo/clair__*", share{records: 2, findings: 10}},
		{"defectdojo/anchore_grype__*", share{records: 9, findings: 9}},
		{"defectdojo/aqua__*", share{records: 8, findings: 27, not: 2}},
		{"defectdojo/twistlock__*.json", share{records: 5, findings: 12}},
		{"defectdojo/harbor_vulnerability__*", share{records: 3, findings: 3}},
		{"defectdojo/jfrog*", share{records: 8, findings: 22}},
		{"defectdojo/neuvector*", share{records: 4, findings: 9}},
		{"defectdojo/sysdig_cli__*", share{records: 1, findings: 31}},
		{"defectdojo/kube*", share{records: 72, findings: 117}},
		{"postee/*-input.json", share{records: 3, findings: 10, not: 1}}, // an incident, which is an alert
	} {
		t.Run(strings.NewReplacer("/", " ", "*", "").Replace(c.pattern), func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join(corpus, c.pattern))
			if err != nil || len(files) == 0 {
				t.Fatalf("no files: %v", err)
			}
			var got share
			for _, file := range files {
				content, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				var one share
				for _, text := range reportsOf(string(content)) {
					one.add(t, text)
				}
				t.Logf("%s: %d reports: %d findings, %d in doubt, %d not understood", filepath.Base(file), one.records, one.findings, one.doubt, one.not)
				got = share{got.records + one.records, got.findings + one.findings, got.doubt + one.doubt, got.not + one.not}
			}
			if w := c.least; got.records != w.records || got.findings < w.findings || got.doubt > w.doubt || got.not > w.not {
				t.Errorf("%+v, want at least %+v", got, w)
			}
		})
	}
}

func (s *share) add(t *testing.T, text string) {
	t.Helper()
	s.records++
	out := apply(t, text)
	records := out.Filtered
	for i := range out.Events {
		e := &out.Events[i]
		records += e.Records
		switch {
		case e.Get(schema.Tags).Str() == decode.Tag:
			s.not++
			t.Logf("not understood: %.200s", e.Raw)
			if e.Raw != text {
				t.Errorf("what is not understood is not kept whole")
			}
		case !e.Get(schema.ErrorMessage).IsZero():
			s.doubt++
			t.Logf("in doubt: %s: %.300s", e.Get(schema.ErrorMessage).Str(), e.Raw)
		case e.Get(schema.EventAction).Str() != "scan-completed":
			s.findings++
			if e.Get(schema.EventCode).IsZero() {
				t.Logf("without a name: %.300s", e.Raw)
			}
		}
	}
	if records != 1 {
		t.Errorf("%d records came of one", records)
	}
}

// reportsOf takes a sample apart: one JSON text, or one a line.
func reportsOf(text string) (list []string) {
	if json.Valid([]byte(text)) {
		return []string{text}
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

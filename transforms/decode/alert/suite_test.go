package alert

import (
	"encoding/json"
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

// TestSuite runs the conformance suite on one record of each form; what goes on
// to another decoder stands in the golden with what it waits for.
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

// FuzzDecode: nothing panics, each record is one event, goes on or is kept whole.
func FuzzDecode(f *testing.F) {
	text, err := os.ReadFile("testdata/alerts.in")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f.Add(strings.TrimSuffix(line, "\n"))
	}
	f.Fuzz(func(t *testing.T, line string) {
		out := apply(t, line)
		if len(out.Events) != 1 || out.Events[0].Records != 1 {
			t.Fatalf("%q: %d events", line, len(out.Events))
		}
		e := &out.Events[0]
		if e.Decode == "" && (e.Time.IsZero() || e.Time.Year() < 1970 || e.Time.Year() > 2261) || len(e.Fields) > 2*spare+2*mostLeft {
			t.Errorf("%q: %s", line, plugintest.Dump(e))
		}
		if e.Raw != line && e.Raw != "" {
			t.Errorf("%q: kept is %q", line, e.Raw)
		}
	})
}

// TestCorpus: every alert of the samples is understood; what is understood today
// stays so.
func TestCorpus(t *testing.T) {
	const corpus = "../../../../shared/corpus/security"
	if _, err := os.Stat(corpus); err != nil {
		t.Skipf("THE CORPUS IS NOT HERE, nothing is judged: %v", err)
	}
	for _, c := range []struct {
		name         string
		records, not int
	}{{"datadog/aqua.jsonl", 3, 0}, {"datadog/twistlock_registry_scan.log", 1, 0}, {"postee/aqua-incident-input.json", 1, 0}} {
		content, err := os.ReadFile(filepath.Join(corpus, c.name))
		if err != nil {
			t.Fatal(err)
		}
		list := []string{string(content)}
		if !strings.HasSuffix(c.name, ".json") {
			list = strings.Split(strings.TrimSpace(string(content)), "\n")
		}
		whole, part, not := 0, 0, 0
		for _, text := range list {
			var sample struct{ Sample string }
			if json.Unmarshal([]byte(text), &sample) == nil && sample.Sample != "" {
				text = sample.Sample
			}
			switch e := apply(t, text).Events[0]; {
			case e.Get(schema.EventModule).IsZero() || !e.Get(schema.ErrorMessage).IsZero():
				not++
				t.Logf("%s: %.300s", e.Get(schema.ErrorMessage).Str(), e.Raw)
			case e.Raw == "":
				whole++
			default:
				part++
				t.Logf("in part: %.300s", e.Raw)
			}
		}
		t.Logf("%s: %d records: %d whole, %d in part, %d not understood", c.name, len(list), whole, part, not)
		if len(list) != c.records || not > c.not || part > 0 {
			t.Errorf("%s: %d records, %d not understood, %d in part", c.name, len(list), not, part)
		}
	}
}

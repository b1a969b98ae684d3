package tetragon

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

// TestSuite runs the conformance suite on one record of each form.
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

// seeds are the records of the pairs.
func seeds(t testing.TB) (list []string) {
	files, err := filepath.Glob("testdata/*.in")
	if err != nil || len(files) == 0 {
		t.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			list = append(list, strings.TrimSuffix(line, "\n"))
		}
	}
	return list
}

// FuzzDecode: nothing panics, each record is an event or kept whole, and what
// comes is bounded.
func FuzzDecode(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		out := apply(t, line)
		records := out.Filtered
		for i := range out.Events {
			e := &out.Events[i]
			records += e.Records
			if e.Time.IsZero() || e.Time.Year() < 1970 || e.Time.Year() > 2261 || len(e.Raw) > len(line) {
				t.Errorf("%q: %s", line, plugintest.Dump(e))
			}
			if e.Get(schema.EventAction).IsZero() && e.Raw != line {
				t.Errorf("%q: nothing is said and nothing is kept", line)
			}
		}
		if records != 1 {
			t.Errorf("%q: %d records came of one", line, records)
		}
	})
}

// corpus are real samples; they are not part of the repository.
const corpus = "../../../../shared/corpus/security/tetragon"

// share is what the records of a sample came to: whole says that the fields hold
// all of it, part that the text is kept because no field holds a part, doubt that
// something in it is not as it should be.
type share struct{ records, whole, part, doubt, not int }

// TestCorpus: every record of every sample is an event, or is kept whole and
// flagged; what is understood today stays so.
func TestCorpus(t *testing.T) {
	if _, err := os.Stat(corpus); err != nil {
		t.Skipf("THE CORPUS IS NOT HERE, nothing is judged: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(corpus, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	var all share
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var got share
		for _, text := range recordsOf(file, string(content)) {
			got.add(t, text)
		}
		t.Logf("%s: %d records: %d whole, %d in part, %d in doubt, %d not understood", filepath.Base(file), got.records, got.whole, got.part, got.doubt, got.not)
		all = share{all.records + got.records, all.whole + got.whole, all.part + got.part, all.doubt + got.doubt, all.not + got.not}
	}
	if w := least; all.records != w.records || all.whole < w.whole || all.doubt > w.doubt || all.not > w.not {
		t.Errorf("%+v, want at least %+v", all, w)
	}
}

func (s *share) add(t *testing.T, text string) {
	t.Helper()
	out := apply(t, text)
	s.records++
	if len(out.Events) != 1 {
		t.Fatalf("%d events came of %q", len(out.Events), text)
	}
	switch e := &out.Events[0]; {
	case e.Get(schema.Tags).Str() == decode.Tag:
		s.not++
		if e.Raw != text {
			t.Errorf("what is not understood is not kept whole: %q", e.Raw)
		}
	case !e.Get(schema.ErrorMessage).IsZero():
		s.doubt++
		t.Logf("in doubt: %s: %s", e.Get(schema.ErrorMessage).Str(), e.Raw)
	case e.Raw == "":
		s.whole++
	default:
		s.part++
		t.Logf("in part: %.300s", e.Raw)
	}
}

// recordsOf takes a sample apart: lines, or one object over several.
func recordsOf(file, text string) (list []string) {
	if filepath.Ext(file) == ".json" {
		return []string{text}
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// least is what all samples come to: whole must not fall, doubt and not must not
// grow.
var least = share{records: 25, whole: 25}

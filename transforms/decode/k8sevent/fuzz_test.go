package k8sevent

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

// apply decodes one record as a lane does.
func apply(t testing.TB, line string) (out event.Batch) {
	t.Helper()
	env := plugintest.Env("")
	in := event.Batch{Events: []event.Event{{Decode: Plugin.Type, Raw: line, Records: 1, Seen: env.Now(), Shared: env.Shared}}}
	if err := decode.New([]plugin.Plugin{Plugin}, env).Apply(t.Context(), &in, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// FuzzDecode: nothing panics, no record is lost, and what comes is bounded and
// fits the schema.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.in")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			f.Add(strings.TrimSuffix(line, "\n"))
		}
	}
	f.Fuzz(func(t *testing.T, line string) {
		out := apply(t, line)
		records := out.Filtered
		for i := range out.Events {
			e := &out.Events[i]
			records += e.Records
			action := e.Get(schema.EventAction).Str()
			if e.Time.IsZero() || e.Time.Year() < 1970 || e.Time.Year() > 2261 || len(e.Raw) > len(line) || len(e.Fields) > spare ||
				e.Dataset == Dataset && (action == "" || strings.Trim(action, "abcdefghijklmnopqrstuvwxyz0123456789-") != "") {
				t.Errorf("%q: %s", line, plugintest.Dump(e))
			}
			if n := len(e.Get(schema.Message).Str()); n > mostMessage {
				t.Errorf("a message of %d bytes", n)
			}
		}
		if records != 1 {
			t.Errorf("%q: %d records came of one", line, records)
		}
	})
}

// TestWatch: what a watch says beside its events.
func TestWatch(t *testing.T) {
	out := apply(t, `{"type":"BOOKMARK","object":{"kind":"Event","apiVersion":"v1","metadata":{"resourceVersion":"1"}}}`)
	if len(out.Events) != 0 || out.Filtered != 1 {
		t.Errorf("a bookmark: %d events, %d left out", len(out.Events), out.Filtered)
	}
	object := `{"kind":"Event","metadata":{"uid":"u","resourceVersion":"2"},"reason":"Started","type":"Warning","involvedObject":{"kind":"Pod","name":"a"}}`
	for _, line := range []string{`{"type":"MODIFIED","object":` + object + `}`, `{"object":` + object + `,"type":"MODIFIED"}`} {
		e := apply(t, line).Events[0]
		if got := e.Fields.GetNamed(schema.Labels, "watch").Str(); got != "MODIFIED" || e.Get(schema.EventCode).Str() != "Warning" || e.Raw != "" {
			t.Errorf("%s: %s", line, plugintest.Dump(&e))
		}
	}
}

// TestIDs: a change of an Event is an event of its own, the same one again is not.
func TestIDs(t *testing.T) {
	id := func(line string) event.ID { return apply(t, line).Events[0].ID }
	one := `{"metadata":{"uid":"u","resourceVersion":"2"},"reason":"BackOff","count":1,"involvedObject":{"kind":"Pod","name":"a"}}`
	again := strings.Replace(one, `{`, `{"kind":"Event",`, 1)
	if id(one) != id(again) || id(one) == id(strings.Replace(one, `"2"`, `"3"`, 1)) || id(one) == id(strings.Replace(one, `"count":1`, `"count":2`, 1)) {
		t.Error("the ids do not tell changes apart")
	}
}

// TestHostile: I12, what is nested or huge is bounded, and kept or said.
func TestHostile(t *testing.T) {
	for name, line := range map[string]string{
		"nested 1e5 deep": `{"reason":"a","involvedObject":{"kind":"Pod"},"x":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}",
		"a long message":  `{"reason":"a","involvedObject":{"kind":"Pod"},"message":"` + strings.Repeat("ä", 100_000) + `"}`,
		"a long reason":   `{"reason":"` + strings.Repeat("aB", 100_000) + `","involvedObject":{"kind":"Pod"},"x":1}`,
		"1e5 members":     `{"reason":"a","involvedObject":{"kind":"Pod"}` + strings.Repeat(`,"k":1`, 100_000) + "}",
		"1e308":           `{"reason":"a","involvedObject":{"kind":"Pod"},"count":1e308}`,
	} {
		out := apply(t, line)
		if len(out.Events) != 1 || len(out.Events[0].Fields) > spare || out.Events[0].Raw != line {
			t.Errorf("%s: %d events", name, len(out.Events))
		}
	}
}

func TestKebab(t *testing.T) {
	for in, want := range map[string]string{"FailedMount": "failed-mount", "OOMKilling": "oom-killing", "SystemOOM": "system-oom", "a b_c": "a-b-c", "CIDRNotAvailable": "cidr-not-available",
		"x": "x", "": "", "Node2Ready": "node2-ready", "_": ""} {
		if got := kebab(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestTableIsInOrder: the actions of the table are those that kebab makes, so that
// a reason has one action whether it is listed or not.
func TestTableIsInOrder(t *testing.T) {
	for reason, v := range reasons {
		if got := kebab(reason); got != v.action {
			t.Errorf("%s: %q, want %q", reason, v.action, got)
		}
	}
}

// corpus are real samples; they are not part of the repository.
const corpus = "../../../../shared/corpus/kubernetes/fluent-bit_events"

// TestCorpus: every sample is understood, the fields hold all of it.
func TestCorpus(t *testing.T) {
	if _, err := os.Stat(corpus); err != nil {
		t.Skipf("THE CORPUS IS NOT HERE, nothing is judged: %v", err)
	}
	files, err := filepath.Glob(corpus + "/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out := apply(t, string(text)) // one file is one JSON text, over lines or not
		whole := 0
		for i := range out.Events {
			if out.Events[i].Dataset == Dataset && out.Events[i].Raw == "" {
				whole++
			}
		}
		t.Logf("%s: %d events, %d of them whole", filepath.Base(file), len(out.Events), whole)
		if whole != 1 || len(out.Events) != 1 {
			t.Errorf("%s: %d events, %d of them whole, want one", file, len(out.Events), whole)
		}
	}
}

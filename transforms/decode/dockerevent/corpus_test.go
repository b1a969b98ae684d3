package dockerevent

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tallyman/pipeline/decode"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// understood is how many events of each sample are understood to the last byte.
// It may grow, never fall.
var understood = map[string]int{
	"captured/events.jsonl":               249,
	"docker-cli/docker-events-json.jsonl": 4,
}

const corpus = "../../../../shared/corpus/docker"

// TestCorpus reads every event of the samples: one event comes of each, and what
// is not understood is kept.
func TestCorpus(t *testing.T) {
	for name, want := range understood {
		content, err := os.ReadFile(filepath.Join(corpus, name))
		if err != nil {
			t.Skipf("../shared/corpus/docker is not there: no sample was read (%v)", err)
		}
		stage := decode.New([]plugin.Plugin{Plugin}, plugintest.Env(""))
		good, total := 0, 0
		ids := map[event.ID]bool{}
		for line := range strings.SplitSeq(strings.TrimSpace(string(content)), "\n") {
			total++
			var in, out event.Batch
			in.Add(event.Event{Decode: "docker_event", Raw: line, Records: 1, Seen: plugintest.Env("").Now()})
			if err := stage.Apply(t.Context(), &in, &out); err != nil {
				t.Fatal(err)
			}
			if len(out.Events) != 1 {
				t.Fatalf("%d events came of %s", len(out.Events), line)
			}
			e := out.Events[0]
			doubtful := slices.ContainsFunc(slices.Collect(e.Fields.All(schema.Tags)), func(v event.Value) bool { return v.Str() == TagIncomplete || v.Str() == decode.Tag })
			if doubtful != (e.Raw != "") {
				t.Errorf("in doubt %v, kept %q", doubtful, e.Raw)
			}
			if !doubtful {
				good++
				if ids[e.ID] {
					t.Errorf("the id of %s stands twice", line)
				}
				ids[e.ID] = true
			}
		}
		t.Logf("%s: %d of %d understood", name, good, total)
		if good < want {
			t.Errorf("%s: %d of %d events are understood, there were %d", name, good, total, want)
		}
	}
}

// FuzzParse: nothing makes the decoder panic, an event comes or an error, and
// what is in doubt is kept.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"Type":"container","Action":"exec_start: sh","Actor":{"ID":"a","Attributes":{"image":"a:1","exitCode":"x"}},"timeNano":1}`,
		`{"status":"die","id":"a","from":"b:2","time":9}`, `{"Actor":null,"Action":"a"}`, `{"Action":":","timeNano":-1}`, `{`, `{"Type":"image","Action":"pull","Actor":{"ID":"a/b@sha256:c"}}`} {
		f.Add(s)
	}
	env := plugintest.Env("")
	f.Fuzz(func(t *testing.T, line string) {
		var out event.Batch
		err := build(env).Decode(event.Event{Raw: line, Records: 1, Seen: env.Now()}, &out)
		if err == nil && (len(out.Events) != 1 || out.Events[0].Get(schema.EventAction).IsZero() && out.Events[0].Raw == "" || out.Events[0].Time.IsZero() || out.Events[0].ID.IsZero()) {
			t.Errorf("%q gave %d events without an error", line, len(out.Events))
		}
	})
}

// BenchmarkDecode is one event of a container with a few labels.
func BenchmarkDecode(b *testing.B) {
	line := `{"status":"start","id":"c0ffee","from":"registry.example/shop/api:1.2","Type":"container","Action":"start","Actor":{"ID":"c0ffee","Attributes":{"com.docker.compose.project":"shop","com.docker.compose.service":"api","image":"registry.example/shop/api:1.2","name":"shop-api-1"}},"scope":"local","time":1795231588,"timeNano":1795231588168402908}`
	env := plugintest.Env("")
	d := build(env)
	var out event.Batch
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	for i := 0; b.Loop(); i++ {
		if i%1024 == 0 {
			out.Reset()
		}
		if err := d.Decode(event.Event{Raw: line, Records: 1, Seen: env.Now(), Shared: env.Shared}, &out); err != nil {
			b.Fatal(err)
		}
	}
}

package registry

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
	plugintest.Decoder(t, plugintest.DecoderSuite{Plugin: Layers, Golden: "testdata"})
}

// apply decodes records as a lane does.
func apply(t testing.TB, p plugin.Plugin, lines ...string) (out event.Batch) {
	t.Helper()
	env := plugintest.Env("")
	var in event.Batch
	for i, line := range lines {
		in.Add(event.Event{Decode: p.Type, Raw: line, Records: 1, Offset: int64(i), Seen: env.Now(), Shared: env.Shared})
	}
	if err := decode.New([]plugin.Plugin{p}, env).Apply(t.Context(), &in, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestLayersAreLeftOut: by default what is pushed and pulled of layers is counted
// as filtered, never dropped in silence.
func TestLayersAreLeftOut(t *testing.T) {
	blob := `{"id":"b","timestamp":"2026-11-25T10:00:00Z","action":"push","target":{"mediaType":"application/octet-stream","repository":"a","digest":"sha256:c","url":"http://r/v2/a/blobs/sha256:c"}}`
	manifest := `{"id":"m","timestamp":"2026-11-25T10:00:00Z","action":"push","target":{"mediaType":"application/vnd.oci.image.manifest.v1+json","repository":"a","digest":"sha256:d","tag":"1"}}`
	for _, c := range []struct {
		line            string
		events, dropped int
	}{
		{`{"events":[` + blob + `]}`, 0, 1},
		{`{"events":[` + manifest + `]}`, 1, 0},
		{`{"events":[` + blob + `,` + manifest + `,` + blob + `]}`, 1, 0},
		{`{"events":[]}`, 0, 1},
		{`{"events":[` + strings.Replace(blob, `"push"`, `"mount"`, 1) + `]}`, 1, 0},
	} {
		out := apply(t, Plugin, c.line)
		if len(out.Events) != c.events || int(out.Filtered) != c.dropped {
			t.Errorf("%s: %d events, %d filtered", c.line, len(out.Events), out.Filtered)
		}
	}
	if out := apply(t, Layers, `{"events":[`+blob+`,`+manifest+`]}`); len(out.Events) != 2 || out.Events[0].Records+out.Events[1].Records != 1 {
		t.Errorf("registry_layers gave %d events", len(out.Events))
	}
}

// TestTagMoved: a push that moves a tag says so, with the digest before; a delete
// forgets it; the memory is bounded.
func TestTagMoved(t *testing.T) {
	push := func(digest string) string {
		return `{"action":"push","timestamp":"2026-11-25T10:00:00Z","target":{"repository":"a","tag":"1","digest":"` + digest + `"}}`
	}
	remove := `{"action":"delete","timestamp":"2026-11-25T10:00:00Z","target":{"repository":"a","tag":"1"}}`
	out := apply(t, Plugin, push("sha256:a"), push("sha256:a"), push("sha256:b"), remove, push("sha256:c"))
	var got []string
	for i := range out.Events {
		got = append(got, out.Events[i].Get(schema.OCIPreviousDigest).Str())
	}
	if s := strings.Join(got, ","); s != ",,sha256:a,," {
		t.Errorf("the digests before are %s", s)
	}
	m := newMemory(8)
	for _, tag := range strings.Split("abcdefghijklmnop", "") {
		m.put(tag, "x")
	}
	if n := len(m.now) + len(m.old); n > 8 || m.put("p", "y") != "x" {
		t.Errorf("%d tags are remembered", n)
	}
}

// FuzzDecode: nothing panics, each record is an event, filtered or an error, and
// times and fields are bounded.
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
		out := apply(t, Plugin, line)
		records := out.Filtered
		for i := range out.Events {
			e := &out.Events[i]
			records += e.Records
			if e.Time.IsZero() || e.Time.Year() < 1970 || e.Time.Year() > 2261 || len(e.Raw) > len(line) {
				t.Errorf("%q: %s", line, plugintest.Dump(e))
			}
			if e.Get(schema.EventAction).IsZero() && (e.Raw == "" && line != "" || !strings.Contains(line, e.Raw)) { // of a list, its part
				t.Errorf("%q: nothing is said and nothing is kept", line)
			}
		}
		if records != 1 {
			t.Errorf("%q: %d records came of one", line, records)
		}
	})
}

// TestHostile: I12, what is nested, doubled or huge is bounded, and kept.
func TestHostile(t *testing.T) {
	for name, line := range map[string]string{
		"deep":    `{"events":[{"action":"push","target":` + strings.Repeat(`{"a":`, 100_000) + `1` + strings.Repeat("}", 100_000) + `}]}`,
		"many":    `{"events":[` + strings.Repeat("1,", 1<<19) + `1]}`,
		"doubled": `{"action":"push","timestamp":"2026-11-25T10:00:00Z","target":{"repository":"a","tag":"1","digest":"d"},"actor":{"name":"ana"},"actor":{"name":"eve"}}`,
		"huge":    `{"action":"push","timestamp":"2026-11-25T10:00:00Z","target":{"repository":"a","tag":"1","digest":"d"},"x":"` + strings.Repeat("x", 1<<20) + `"}`,
	} {
		out := apply(t, Plugin, line)
		if len(out.Events) != 1 || out.Events[0].Raw != line {
			t.Errorf("%s: %d events, or the record is not kept", name, len(out.Events))
		}
		if len(out.Events[0].Fields) > 64 {
			t.Errorf("%s: %d fields", name, len(out.Events[0].Fields))
		}
	}
}

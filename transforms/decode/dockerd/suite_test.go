package dockerd

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

// TestConformance: the decoder passes the suite, with a line for each form.
func TestConformance(t *testing.T) {
	plugintest.Decoder(t, plugintest.DecoderSuite{Plugin: Plugin, Golden: "testdata"})
}

// understood is how many lines of each sample are understood to the last byte.
// It may grow, never fall.
var understood = map[string]int{"captured/dockerd.log": 119, "logfmt/tetragon_logrus.log": 22}

const corpus = "../../../../shared/corpus/docker"

// TestCorpus reads every line of the samples; what is not understood is kept.
func TestCorpus(t *testing.T) {
	for name, want := range understood {
		content, err := os.ReadFile(filepath.Join(corpus, name))
		if err != nil {
			t.Skipf("../shared/corpus/docker is not there: no sample was read (%v)", err)
		}
		stage := decode.New([]plugin.Plugin{Plugin}, plugintest.Env(""))
		good, total := 0, 0
		for line := range strings.SplitSeq(strings.TrimSpace(string(content)), "\n") {
			total++
			var in, out event.Batch
			in.Add(event.Event{Decode: "dockerd", Raw: line, Records: 1, Seen: plugintest.Env("").Now()})
			if err := stage.Apply(t.Context(), &in, &out); err != nil || len(out.Events) != 1 {
				t.Fatalf("%v, %d events came of %s", err, len(out.Events), line)
			}
			e := out.Events[0]
			doubtful := slices.ContainsFunc(slices.Collect(e.Fields.All(schema.Tags)), func(v event.Value) bool { return v.Str() == TagIncomplete || v.Str() == decode.Tag })
			if doubtful && e.Raw != line {
				t.Errorf("%q is in doubt and not kept: %q", line, e.Raw)
			}
			if !doubtful {
				good++
			} else {
				t.Logf("in doubt: %s", line)
			}
		}
		t.Logf("%s: %d of %d understood", name, good, total)
		if good < want {
			t.Errorf("%s: %d of %d lines are understood, there were %d", name, good, total, want)
		}
	}
}

// FuzzDecode: nothing makes the decoder panic; one event comes of a line, and
// what is in doubt is kept.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`time="2026-11-21T02:14:09Z" level=info msg="a\tb" c=d`, `msg="a`, `=`, `a="b"c`, "2026/11/21 02:14:13 x", `a="\x"`, "msg=\"\x01\\n\""} {
		f.Add(s)
	}
	env := plugintest.Env("")
	f.Fuzz(func(t *testing.T, line string) {
		var out event.Batch
		err := build(env).Decode(event.Event{Raw: line, Records: 1, Seen: env.Now()}, &out)
		if err == nil && (len(out.Events) != 1 || out.Events[0].ID.IsZero() || out.Events[0].Get(schema.Message).IsZero() && out.Events[0].Raw == "" && !strings.Contains(line, "msg=")) {
			t.Errorf("%q gave %d events", line, len(out.Events))
		}
	})
}

// BenchmarkDecode is one line with a few names.
func BenchmarkDecode(b *testing.B) {
	line := `time="2026-11-21T02:14:09.952533745Z" level=info msg="ignoring event" container=c0ffee0000000000000000000000000000000000000000000000000000000000 module=libcontainerd namespace=moby topic=/tasks/delete type="*events.TaskDelete"`
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

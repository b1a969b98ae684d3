package dockersplunk

import (
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// TestConformance: the decoder passes the suite, with a pair for each format.
func TestConformance(t *testing.T) {
	plugintest.Decoder(t, plugintest.DecoderSuite{Plugin: Plugin, Golden: "testdata"})
}

// FuzzDecode: no record brings the decoder down, and what a container prints never
// chooses its id.
func FuzzDecode(f *testing.F) {
	f.Add("7949c7552a78 hello")
	f.Add(`{"line":{"container":{"id":"x"}},"source":"stdout","tag":"7949c7552a78"}`)
	f.Add(`{"line":"a","tag":"web/7949c7552a78","attrs":{"team":"blue"}}`)
	f.Fuzz(func(t *testing.T, raw string) {
		env := plugintest.Env("")
		var out event.Batch
		if err := build(env).Decode(event.Event{Raw: raw, Records: 1, Seen: env.Now()}, &out); err != nil {
			return
		}
		if len(out.Events) != 1 {
			t.Fatalf("%d events came of %q", len(out.Events), raw)
		}
		if id := out.Events[0].Get(schema.ContainerID).Str(); id != "" && !isID(id) {
			t.Fatalf("the id %q came of %q", id, raw)
		}
	})
}

package dockerjson

import (
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugintest"
)

// BenchmarkDecode is one line of a container; attributes, and a JSON line inside
// the line, cost more.
func BenchmarkDecode(b *testing.B) {
	for _, c := range []struct{ name, line string }{
		{"text", `{"log":"192.168.61.205 - - [24/Aug/2021:09:52:13 +0000] \"GET / HTTP/1.1\" 200 13 \"-\" \"curl/7.68.0\"\n","stream":"stdout","time":"2021-08-24T09:52:13.20764059Z"}`},
		{"plain", `{"log":"Fetching main repository github.com/elastic/beats, which has no escape but the last\n","stream":"stdout","time":"2016-03-02T22:58:51.338462311Z"}`},
		{"attrs", `{"log":"with attributes\n","stream":"stdout","attrs":{"tag":"shop/api","env":"prod"},"time":"2016-03-02T22:58:51.338462311Z"}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			env := plugintest.Env("")
			d := build(env)
			e := event.Event{Decode: "docker_json", Raw: c.line, Records: 1, Seen: env.Now(), Shared: env.Shared}
			var out event.Batch
			b.ReportAllocs()
			b.SetBytes(int64(len(c.line)))
			for i := 0; b.Loop(); i++ {
				if i%1024 == 0 {
					out.Reset()
				}
				if err := d.Decode(e, &out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestAllocations: a line takes none; what had escapes shares one with many others.
func TestAllocations(t *testing.T) {
	env := plugintest.Env("")
	for name, want := range map[string]float64{
		`{"log":"no escape but the last\n","stream":"stdout","time":"2016-03-02T22:58:51.338462311Z"}`:         0,
		`{"log":"\"GET / HTTP/1.1\" 200 13\n","stream":"stdout","time":"2016-03-02T22:58:51.338462311Z"}`:      0,
		`{"log":"x\n","stream":"stdout","attrs":{"tag":"a","env":"b"},"time":"2016-03-02T22:58:51.33846231Z"}`: 0,
	} {
		d := build(env)
		e := event.Event{Decode: "docker_json", Raw: name, Records: 1, Seen: env.Now(), Shared: env.Shared}
		var out event.Batch
		got := testing.AllocsPerRun(500, func() {
			out.Reset()
			if err := d.Decode(e, &out); err != nil {
				t.Fatal(err)
			}
		})
		if got > want {
			t.Errorf("%.0f allocations, want %.0f at most: %s", got, want, name)
		}
	}
}

package generic

import (
	"fmt"
	"strings"
	"testing"

	"tallyman/pipeline/decode"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

var all = []plugin.Plugin{JSON, Logfmt, KeyValue}

// TestSuite runs the conformance suite on lines of each format.
func TestSuite(t *testing.T) {
	for _, p := range all {
		t.Run(p.Type, func(t *testing.T) {
			plugintest.Decoder(t, plugintest.DecoderSuite{Plugin: p, Golden: "testdata/" + p.Type})
		})
	}
}

func apply(t testing.TB, name, text string) *event.Event {
	t.Helper()
	env := plugintest.Env("")
	var out event.Batch
	in := event.Batch{Events: []event.Event{{Decode: name, Raw: text, Records: 1, Seen: env.Now(), Shared: env.Shared}}}
	if err := decode.New(all, env).Apply(t.Context(), &in, &out); err != nil || len(out.Events) != 1 {
		t.Fatalf("%d events, %v", len(out.Events), err)
	}
	return &out.Events[0]
}

// TestNothingIsForged: a line that names fields of the schema gives labels.
func TestNothingIsForged(t *testing.T) {
	for _, c := range []struct{ name, line string }{
		{"json", `{"user":{"name":"root"},"container.id":"x","tallyman":{"container":{"host":true}},"event":{"module":"auditd"}}`},
		{"logfmt", `user.name=root container.id=x tallyman.container.host=true event.module=auditd`},
		{"key_value", `user.name=root,container.id=x,tallyman.container.host=true,event.module=auditd`},
	} {
		e := apply(t, c.name, c.line)
		if !e.Get(schema.UserName).IsZero() || !e.Get(schema.ContainerID).IsZero() || !e.Get(schema.TallymanContainerHost).IsZero() || e.Get(schema.EventModule).Str() != "generic" {
			t.Errorf("%s: %s", c.name, plugintest.Dump(e))
		}
		if e.Fields.GetNamed(schema.Labels, "user.name").Str() != "root" || e.Raw != "" {
			t.Errorf("%s: %s", c.name, plugintest.Dump(e))
		}
	}
}

// TestHostile: I12, what is nested or huge is bounded, and kept.
func TestHostile(t *testing.T) {
	var keys, pairs strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&keys, `"k%d":1,`, i)
		fmt.Fprintf(&pairs, `k%d=1 `, i)
	}
	for _, c := range []struct{ name, line string }{
		{"json", "{" + keys.String() + `"x":1}`}, {"logfmt", pairs.String()}, {"json", `{"a":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}"},
		{"json", `{"msg":"` + strings.Repeat("x", 1<<20) + `"}`}, {"key_value", "a=" + strings.Repeat("x", 1<<20) + ",b=1"},
	} {
		e := apply(t, c.name, c.line)
		if len(e.Fields) > mostLabels+spare || e.Raw != c.line {
			t.Errorf("%s: %d fields, %d bytes kept", c.name, len(e.Fields), len(e.Raw))
		}
	}
}

// FuzzDecode: nothing panics, and what does not fit the fields is kept.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"time":1795600000,"level":"warn","msg":"a","b":{"c":[1]}}`, `ts=1 a=b msg="x y"`, `a=1,b="2,3";c=4`, `{"ts":1e300}`, "a=\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		for _, p := range all {
			e := apply(t, p.Type, line)
			if e.Time.IsZero() || e.Time.Year() < 1970 || e.Time.Year() > 2261 || e.Raw != "" && e.Raw != line || len(e.Fields) > mostLabels+spare {
				t.Errorf("%s %q: %s", p.Type, line, plugintest.Dump(e))
			}
		}
	})
}

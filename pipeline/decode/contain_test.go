package decode

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// fragile has a defect that a record can reach, after it gave a part of its result.
type fragile struct{ idle bool }

func (f *fragile) Decode(e event.Event, out *event.Batch) error {
	out.Add(event.Event{Raw: "a part"})
	if f.idle = e.Raw == "later"; e.Raw == "boom" {
		panic("index out of range")
	}
	return words{}.Decode(e, out)
}

func (f *fragile) Idle(out *event.Batch) {
	if out.Add(event.Event{Raw: "a part"}); f.idle {
		panic("later")
	}
	out.Events = out.Events[:len(out.Events)-1]
}
func (*fragile) Held(dst []event.Event) []event.Event { return dst }
func (*fragile) Flush(*event.Batch)                   {}

// TestADefectTakesItsRecordAlone: what a decoder ends on is kept whole, counted and
// said once; the records before and after it, in the same batch and in the next, are
// what they would have been.
func TestADefectTakesItsRecordAlone(t *testing.T) {
	m, said := &meter.Registry{}, &bytes.Buffer{}
	s := New([]plugin.Plugin{
		plugin.NewDecoder("words", "Words.", func(plugin.Env) plugin.Decoder { return words{} }),
		plugin.NewDecoder("fragile", "Breaks.", func(plugin.Env) plugin.Decoder { return &fragile{} }),
	}, plugin.Env{Name: "in", Meter: m, Log: slog.New(slog.NewTextHandler(said, nil))})
	apply := func(want string, lines ...string) {
		t.Helper()
		var in, out event.Batch
		for _, line := range lines {
			decoder, raw, _ := strings.Cut(line, "|")
			in.Add(event.Event{Decode: decoder, Raw: raw, Records: 5})
		}
		if err := s.Apply(t.Context(), &in, &out); err != nil {
			t.Fatal(err)
		}
		if got := show(out.Events); got != want {
			t.Errorf("%q became\n%s, want\n%s", lines, got, want)
		}
		for i := range out.Events {
			if e := &out.Events[i]; e.Raw == "boom" && (e.Get(schema.Tags).Str() != Tag || e.Decode != "") {
				t.Errorf("the record that was kept is %+v", e)
			}
		}
	}
	const kept = "boomnot understood as "
	apply("5:[before], 5:[]"+kept+"fragile: a defect of the decoder: index out of range, 5:[after]", "words|before", "fragile|boom", "words|after")
	apply("5:[]"+kept+"fragile: a defect of the decoder: index out of range", "fragile|boom")
	apply("5:[]to fragile boomnot understood as words: a defect of the decoder: index out of range, 5:[x]", "words|to fragile boom", "words|to words x")
	apply("0:[]a part, 5:[later]", "fragile|later")
	apply("5:[after]", "words|after")

	panics := 0.0
	m.Each(func(s meter.Sample) {
		if s.Name == "tallyman_decode_panics_total" {
			panics += s.Value
		}
	})
	if panics != 5 {
		t.Errorf("%v panics were counted, want 5", panics)
	}
	if n := strings.Count(said.String(), "level=ERROR"); n != 1 || !strings.Contains(said.String(), "fragile") {
		t.Errorf("it was said %d times:\n%s", n, said)
	}
}

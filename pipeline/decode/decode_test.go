package decode

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// words is a decoder of tests: "bad" is not understood, "to X rest" goes on to
// X, "two" becomes two events, else the record is the message.
type words struct{}

func (words) Decode(e event.Event, out *event.Batch) error {
	e.Fields = out.Take(e.Fields, 2)
	to, rest, _ := strings.Cut(e.Raw, " ")
	switch to {
	case "bad":
		out.Add(e) // dropped
		return errors.New("it is bad")
	case "to":
		e.Decode, e.Raw, _ = strings.Cut(rest, " ")
		out.Add(e)
		return nil
	case "two":
		a, b := e, e
		a.Records, b.Records = 1, e.Records-1
		a.Decode, a.Raw, b.Decode, b.Raw = "", "", "words", "second"
		out.Add(a)
		out.Add(b)
		return nil
	}
	e.Fields.AddString(schema.Message, e.Raw)
	e.Decode, e.Raw, e.Dataset = "", "", "words"
	out.Add(e)
	return nil
}

// pairs is a decoder that joins two records.
type pairs struct{ held []event.Event }

func (p *pairs) Decode(e event.Event, out *event.Batch) error {
	if p.held = append(p.held, e); len(p.held) < 2 {
		return nil
	}
	j := p.held[0]
	j.Records, j.Decode, j.Raw = 2, "words", j.Raw+"+"+p.held[1].Raw
	p.held = nil
	out.Add(j)
	return nil
}

func (p *pairs) Held(dst []event.Event) []event.Event { return append(dst, p.held...) }
func (p *pairs) Idle(*event.Batch)                    {}

func (p *pairs) Flush(out *event.Batch) {
	for _, e := range p.held {
		e.Decode = "words"
		out.Add(e)
	}
	p.held = nil
}

func stage() (*Stage, *meter.Registry) {
	m := &meter.Registry{}
	return New([]plugin.Plugin{
		plugin.NewDecoder("words", "Words.", func(plugin.Env) plugin.Decoder { return words{} }),
		plugin.NewDecoder("pairs", "Pairs.", func(plugin.Env) plugin.Decoder { return &pairs{} }),
		{Kind: plugin.KindTransform, Type: "audit"},
	}, plugin.Env{Name: "in", Meter: m}), m
}

func show(events []event.Event) string {
	var s []string
	for _, e := range events {
		s = append(s, fmt.Sprintf("%d:%s[%s]%s%s", e.Records, e.Decode, e.Fields.Get(schema.Message).Str(), e.Raw, e.Fields.Get(schema.ErrorMessage).Str()))
	}
	return strings.Join(s, ", ")
}

func TestDecode(t *testing.T) {
	for _, c := range []struct{ decode, raw, want string }{
		{"", "bad", "5:[]bad"},
		{"audit", "bad", "5:audit[]bad"}, // a transform's
		{"unknown", "x", "5:unknown[]x"},
		{"words", "hello", "5:[hello]"},
		{"words", "to words hello", "5:[hello]"},
		{"words", "to audit type=", "5:audit[]type="},
		{"words", "two", "1:[], 4:[second]"},
		{"words", "bad", "5:[]badnot understood as words: it is bad"},
		{"words", "to words bad", "5:[]badnot understood as words: it is bad"},
		{"words", "to words to words to words to words x", "5:words[]x"}, // too deep: kept whole by the chain
	} {
		s, m := stage()
		var in, out event.Batch
		in.Add(event.Event{Decode: c.decode, Raw: c.raw, Records: 5, Seen: time.Unix(7, 0)})
		if err := s.Apply(t.Context(), &in, &out); err != nil {
			t.Fatal(err)
		}
		if got := show(out.Events); got != c.want {
			t.Errorf("%s %q became %s, want %s", c.decode, c.raw, got, c.want)
		}
		failed := 0.0
		m.Each(func(s meter.Sample) {
			if s.Name == "tallyman_decode_errors_total" {
				failed += s.Value
			}
		})
		if bad := strings.Contains(c.want, "it is bad"); bad != (failed == 1) {
			t.Errorf("%q: %v errors were counted", c.raw, failed)
		}
		if strings.Contains(c.want, "it is bad") {
			e := &out.Events[0]
			if e.Get(schema.Tags).Str() != Tag || e.Get(schema.EventKind).Str() != "pipeline_error" || !e.Time.Equal(e.Seen) || e.Dataset == "" {
				t.Errorf("%q: the event is %+v", c.raw, e)
			}
		}
	}
}

// A batch of which no record is for a decoder passes as it is, as long as none holds anything.
func TestPasses(t *testing.T) {
	s, _ := stage()
	for _, c := range []struct {
		decode string
		want   bool
	}{{"", true}, {"audit", true}, {"audit", true}, {"unknown", true}, {"audit", true}, {"words", false}, {"audit", true}, {"pairs", false}} {
		if got := s.Passes(&event.Batch{Events: []event.Event{{}, {Decode: c.decode, Raw: "x"}}}); got != c.want {
			t.Errorf("a record for %q: %v, want %v", c.decode, got, c.want)
		}
	}
	var in, out event.Batch
	in.Add(event.Event{Decode: "pairs", Raw: "x", Records: 1})
	if err := s.Apply(t.Context(), &in, &out); err != nil {
		t.Fatal(err)
	}
	if s.Passes(&event.Batch{}) {
		t.Error("a decoder that holds a record gets no time to pass")
	}
}

func TestHeldAndFlushed(t *testing.T) {
	s, _ := stage()
	var in, out event.Batch
	for _, raw := range []string{"a", "b", "c"} {
		in.Add(event.Event{Decode: "pairs", Raw: raw, Records: 1})
	}
	if err := s.Apply(t.Context(), &in, &out); err != nil {
		t.Fatal(err)
	}
	if got := show(out.Events); got != "2:[a+b]" {
		t.Errorf("got %s", got)
	}
	if got := show(s.Held(nil)); got != "1:pairs[]c" {
		t.Errorf("held are %s", got)
	}
	out.Reset()
	s.Flush(&out)
	if got := show(out.Events); got != "1:[c]" {
		t.Errorf("flushed %s", got)
	}
	if got := s.Held(nil); len(got) != 0 {
		t.Errorf("held after a flush: %v", got)
	}
}

func TestNothingIsAllocatedForAnother(t *testing.T) {
	s, _ := stage()
	var in, out event.Batch
	for range 100 {
		in.Add(event.Event{Decode: "audit", Raw: "type=SYSCALL", Records: 1})
	}
	if n := testing.AllocsPerRun(100, func() {
		out.Reset()
		_ = s.Apply(t.Context(), &in, &out)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

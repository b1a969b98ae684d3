package main

import (
	"testing"
	"time"

	"tallyman/outputs/format/json"
	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
	ours "tallyman/transforms/decode/tallyman"
)

// TestOurJSONComesBack: an event with a field of the schema, each in turn, comes
// back from JSON as what renders to the same JSON again.
func TestOurJSONComesBack(t *testing.T) {
	for _, dotted := range []bool{false, true} {
		enc, dec := json.New(dotted), ours.Plugin.Decoder(plugin.Env{Meter: &meter.Registry{}})
		for _, k := range schema.Keys() {
			for _, text := range []string{"x", `a\b "c"`, "\xff\\x41", "é\n"} {
				e := oursOf(k, text)
				first, err := enc.Append(nil, &e)
				if err != nil {
					t.Fatal(err)
				}
				var out event.Batch
				if err := dec.Decode(event.Event{Raw: string(first), Records: 1}, &out); err != nil {
					t.Errorf("dotted %v, %s: %v: %s", dotted, k, err, first)
					continue
				}
				again, err := enc.Append(nil, &out.Events[0])
				if err != nil || string(again) != string(first) || out.Events[0].ID != e.ID {
					t.Errorf("dotted %v, %s: %v\n%s\n%s", dotted, k, err, first, again)
				}
			}
		}
	}
}

// oursOf is an event with a value of the type of a field.
func oursOf(k schema.Key, text string) event.Event {
	at := time.Date(2026, 11, 25, 10, 0, 0, 120_000_000, time.UTC)
	e := event.Event{ID: event.NewID([]byte(text)), Time: at, Seen: at.Add(time.Second), Dataset: "auditd.log"}
	info := k.Info()
	switch k {
	case schema.EventID, schema.EventDataset, schema.Timestamp, schema.EventCreated, schema.EventHash:
		return e
	case schema.EventOriginal:
		e.Raw = text
		return e
	}
	switch info.Type {
	case schema.Long:
		e.Fields.Add(k, event.Int(-42))
	case schema.Float:
		e.Fields.Add(k, event.Float(0.25))
	case schema.Boolean:
		e.Fields.Add(k, event.Bool(true))
	case schema.Date:
		e.Fields.Add(k, event.Time(at))
	case schema.IP:
		v, _ := event.IP("10.0.0.1")
		e.Fields.Add(k, v)
	case schema.Object, schema.Flattened:
		name := "team"
		if info.Many {
			name = "0.team"
		}
		e.Fields.AddNamed(k, name, event.String(text))
	default:
		e.Fields.Add(k, event.String(text))
		if info.Many {
			e.Fields.Add(k, event.String("second"))
		}
	}
	return e
}

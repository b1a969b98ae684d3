package codec

import (
	"strconv"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// frame is 200 events of 40 fields, as a lane hands them on.
func frame() []event.Event {
	at := time.Date(2026, 11, 21, 2, 25, 1, 123456789, time.UTC)
	keys := schema.Keys()
	var out []event.Event
	for i := range 200 {
		e := event.Event{ID: event.NewID([]byte{byte(i)}), Time: at, Seen: at, Dataset: "auditd.log", Records: 5, Offset: int64(i) * 1000}
		for k := range 30 {
			e.Fields.AddString(keys[20+k], "value "+strconv.Itoa(i*k))
		}
		for k := range 8 {
			e.Fields.AddNamed(schema.AuditdData, "a"+strconv.Itoa(k), event.String("7ffd4a"))
		}
		e.Fields.Add(schema.ProcessPID, event.Int(int64(i)))
		e.Fields.Add(schema.ProcessInteractive, event.Bool(true))
		out = append(out, e)
	}
	return out
}

func BenchmarkEncode(b *testing.B) {
	events, enc := frame(), NewEncoder()
	buf := enc.Append(nil, events)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = enc.Append(buf[:0], events)
	}
}

func BenchmarkDecode(b *testing.B) {
	raw, dec, out := NewEncoder().Append(nil, frame()), NewDecoder(), &event.Batch{}
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		if err := dec.Decode(raw, out); err != nil {
			b.Fatal(err)
		}
	}
}

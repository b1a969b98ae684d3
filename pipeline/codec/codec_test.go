package codec

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

func ip(s string) event.Value {
	v, _ := event.IP(s)
	return v
}

var opts = cmp.AllowUnexported(event.Value{})

func TestBatchesComeBack(t *testing.T) {
	at := time.Date(2026, 11, 21, 2, 25, 1, 123456789, time.UTC)
	shared := event.Fields{{Key: schema.HostName, Val: event.String("node-7")}}
	in := []event.Event{
		{ID: event.NewID([]byte("x")), Time: at, Seen: at.Add(time.Second), Dataset: "auditd.log", Records: 5, Offset: 77, Shared: shared,
			Fields: event.Fields{
				{Key: schema.ProcessArgs, Val: event.String("a\xff\x00b")},
				{Key: schema.ProcessArgs, Val: event.String("")},
				{Key: schema.AuditdData, Name: "a0", Val: event.String("7f")},
				{Key: schema.ProcessPID, Val: event.Int(math.MinInt64)},
				{Key: schema.FileInode, Val: event.Uint(math.MaxUint64)},
				{Key: schema.EventRiskScore, Val: event.Float(0.1)},
				{Key: schema.ProcessInteractive, Val: event.Bool(true)},
				{Key: schema.ProcessStart, Val: event.Time(at)},
				{Key: schema.SourceIP, Val: ip("2001:db8::1")},
			}},
		{Decode: "audit", Raw: "type=…", Records: 1, Shared: shared},
		{},
	}
	enc := NewEncoder()
	enc.Append(nil, in[:1]) // what an earlier batch used must not show in the next
	b := &event.Batch{}
	if err := NewDecoder().Decode(enc.Append(nil, in), b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, b.Events, opts); diff != "" {
		t.Error(diff)
	}
	if &b.Events[0].Shared[0] != &b.Events[1].Shared[0] {
		t.Error("a shared set came back as two")
	}
}

func TestUnknownFieldsAreKept(t *testing.T) {
	raw := NewEncoder().Append(nil, []event.Event{{Fields: event.Fields{{Key: schema.ProcessName, Val: event.String("sh")}}}})
	for i := range raw {
		if string(raw[i:i+12]) == "process.name" {
			copy(raw[i:], "process.nine")
			break
		}
	}
	b := &event.Batch{}
	if err := NewDecoder().Decode(raw, b); err != nil {
		t.Fatal(err)
	}
	if got := b.Events[0].Fields.GetNamed(schema.Labels, "process.nine").Str(); got != "sh" {
		t.Errorf("the field of another build came back as %+v", b.Events[0].Fields)
	}
}

func TestDamageIsAnError(t *testing.T) {
	raw := NewEncoder().Append(nil, []event.Event{{Dataset: "d", Fields: event.Fields{{Key: schema.ProcessName, Val: event.String("sh")}}}})
	for n := range raw {
		b := &event.Batch{}
		if err := NewDecoder().Decode(raw[:n], b); !errors.Is(err, ErrCorrupt) || len(b.Events) != 0 {
			t.Errorf("%d of %d bytes gave %d events and %v", n, len(raw), len(b.Events), err)
		}
	}
	raw[0] = 9
	if err := NewDecoder().Decode(raw, &event.Batch{}); !errors.Is(err, ErrVersion) {
		t.Errorf("version 9: %v", err)
	}
}

func TestAnyBatchComesBack(t *testing.T) {
	keys := schema.Keys()
	value := rapid.OneOf(
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) event.Value { return event.String(string(b)) }),
		rapid.Map(rapid.Int64(), event.Int), rapid.Map(rapid.Uint64(), event.Uint), rapid.Map(rapid.Bool(), event.Bool))
	field := rapid.Custom(func(t *rapid.T) event.Field {
		return event.Field{Key: rapid.SampledFrom(keys).Draw(t, "key"), Name: rapid.StringN(0, 3, 9).Draw(t, "name"), Val: value.Draw(t, "value")}
	})
	enc, dec := NewEncoder(), NewDecoder()
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) event.Event {
			e := event.Event{Records: rapid.Uint32().Draw(t, "records"), Raw: rapid.String().Draw(t, "raw"), Offset: rapid.Int64().Draw(t, "offset")}
			if f := rapid.SliceOf(field).Draw(t, "fields"); len(f) > 0 {
				e.Fields = f
			}
			return e
		}), 1, 5).Draw(t, "events")
		b := &event.Batch{}
		if err := dec.Decode(enc.Append(nil, in), b); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(in, b.Events, opts); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(NewEncoder().Append(nil, []event.Event{{Dataset: "d", Raw: "r"}}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		b := &event.Batch{}
		if err := NewDecoder().Decode(raw, b); err != nil && len(b.Events) != 0 {
			t.Errorf("%v and %d events", err, len(b.Events))
		}
	})
}

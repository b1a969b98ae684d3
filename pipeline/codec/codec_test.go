package codec

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
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
	shared := event.Fields{event.NewField(schema.HostName, "", event.String("node-7"))}
	in := []event.Event{
		{ID: event.NewID([]byte("x")), Time: at, Seen: at.Add(time.Second), Dataset: "auditd.log", Records: 5, Offset: 77, Shared: shared,
			Fields: event.Fields{
				event.NewField(schema.ProcessArgs, "", event.String("a\xff\x00b")),
				event.NewField(schema.ProcessArgs, "", event.String("")),
				event.NewField(schema.AuditdData, "a0", event.String("7f")),
				event.NewField(schema.ProcessPID, "", event.Int(math.MinInt64)),
				event.NewField(schema.FileInode, "", event.Uint(math.MaxUint64)),
				event.NewField(schema.EventRiskScore, "", event.Float(0.1)),
				event.NewField(schema.ProcessInteractive, "", event.Bool(true)),
				event.NewField(schema.ProcessStart, "", event.Time(at)),
				event.NewField(schema.SourceIP, "", ip("2001:db8::1")),
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
	raw := NewEncoder().Append(nil, []event.Event{{Fields: event.Fields{event.NewField(schema.ProcessName, "", event.String("sh"))}}})
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
	raw := NewEncoder().Append(nil, []event.Event{{Dataset: "d", Fields: event.Fields{event.NewField(schema.ProcessName, "", event.String("sh"))}}})
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

// Whatever events hold, and whatever came before them, they come back: every kind of
// value to its limits, sets that several share, and heads that say all or nothing.
func TestAnyBatchComesBack(t *testing.T) {
	keys := schema.Keys()
	text := rapid.OneOf(rapid.SampledFrom([]string{"", "a", "\xff", "\x00", strings.Repeat("n", 127), strings.Repeat("n", 128), strings.Repeat("n", 16384)}),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	instant := rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(-9e9, 9e9).Draw(t, "seconds"), rapid.Int64Range(0, 1e9-1).Draw(t, "ns")).UTC()
	})
	value := rapid.OneOf(rapid.Map(text, event.String), rapid.Map(rapid.OneOf(rapid.SampledFrom([]int64{0, 63, 64, -64, -65, 8191, 8192, math.MinInt64, math.MaxInt64}), rapid.Int64()), event.Int),
		rapid.Map(rapid.OneOf(rapid.SampledFrom([]uint64{0, 127, 128, 16383, 16384, math.MaxUint64}), rapid.Uint64()), event.Uint), rapid.Map(rapid.Bool(), event.Bool),
		rapid.Map(rapid.Uint64(), func(u uint64) event.Value { return event.Float(math.Float64frombits(u)) }), rapid.Map(instant, event.Time),
		rapid.Map(rapid.SampledFrom([]string{"10.0.0.1", "::", "fe80::1%eth0", "::ffff:1.2.3.4"}), ip))
	field := rapid.Custom(func(t *rapid.T) event.Field {
		few := rapid.SampledFrom(keys[:3]) // fields that come again
		return event.NewField(rapid.OneOf(few, few, rapid.SampledFrom(keys)).Draw(t, "key"), rapid.OneOf(rapid.Just(""), text).Draw(t, "name"), value.Draw(t, "value"))
	})
	enc, dec := NewEncoder(), NewDecoder()
	b := &event.Batch{}
	rapid.Check(t, func(t *rapid.T) {
		sets := []event.Fields{nil}
		for range rapid.IntRange(0, 3).Draw(t, "sets") {
			sets = append(sets, rapid.SliceOfN(field, 1, 20).Draw(t, "set"))
		}
		in := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) event.Event {
			e := event.Event{Records: rapid.Uint32().Draw(t, "records"), Offset: rapid.Int64().Draw(t, "offset"), Raw: text.Draw(t, "raw"), Dataset: text.Draw(t, "dataset"),
				Decode: text.Draw(t, "decode"), Shared: rapid.SampledFrom(sets).Draw(t, "shared"), ID: event.NewID([]byte(text.Draw(t, "id")))}
			if rapid.Bool().Draw(t, "timed") {
				e.Time, e.Seen = instant.Draw(t, "time"), instant.Draw(t, "seen")
			}
			if f := rapid.SliceOfN(field, 0, 40).Draw(t, "fields"); len(f) > 0 {
				e.Fields = f
			}
			return e
		}), 1, 5).Draw(t, "events")
		for range rapid.IntRange(0, 8).Draw(t, "more") { // like one of them, but for some fields
			e := rapid.SampledFrom(in).Draw(t, "model")
			e.Fields, e.Records = slices.Clone(e.Fields), e.Records+1
			for range rapid.IntRange(0, min(3, len(e.Fields))).Draw(t, "changes") {
				at := rapid.IntRange(0, len(e.Fields)-1).Draw(t, "at")
				if x := rapid.OneOf(rapid.Just(e.Fields[at]), field).Draw(t, "other"); rapid.Bool().Draw(t, "inserted") {
					e.Fields = slices.Insert(e.Fields, at, x)
				} else {
					e.Fields[at].SetValue(x.Value())
				}
			}
			in = append(in, e)
		}
		filtered := rapid.Uint32().Draw(t, "filtered")
		raw := enc.AppendBatch(nil, in, filtered)
		for range 2 { // the second time the sets are known
			b.Reset()
			if err := dec.Decode(raw, b); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(in, b.Events, opts); diff != "" || b.Filtered != filtered {
				t.Fatal(b.Filtered, filtered, diff)
			}
		}
	})
}

// What is read of any bytes is written and read again the same.
func FuzzDecode(f *testing.F) {
	shared := event.Fields{event.NewField(schema.HostName, "", event.String("h")), event.NewField(schema.SourceIP, "", ip("10.0.0.1"))}
	f.Add(NewEncoder().Append(nil, []event.Event{{Dataset: "d", Raw: "r"}}))
	f.Add(NewEncoder().AppendBatch(nil, []event.Event{{ID: event.ID{1}, Time: time.Unix(1, 2), Shared: shared, Fields: event.Fields{event.NewField(schema.Labels, "n", event.Float(0.5)),
		event.NewField(schema.ProcessPID, "", event.Int(-300)), event.NewField(schema.FileInode, "", event.Uint(1<<40)), event.NewField(schema.ProcessStart, "", event.Time(time.Unix(3, 4)))}}, {Shared: shared}}, 300))
	random := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		f.Add(NewEncoder().Append(nil, alikes(random)))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, again, dec := &event.Batch{}, &event.Batch{}, NewDecoder()
		if err := dec.Decode(raw, b); err != nil {
			if len(b.Events) != 0 {
				t.Errorf("%v and %d events", err, len(b.Events))
			}
			return
		}
		if n := dec.Size(); n < 0 {
			t.Errorf("%d bytes", n)
		}
		if err := dec.Decode(NewEncoder().AppendBatch(nil, b.Events, b.Filtered), again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b.Events, again.Events, opts, cmpopts.EquateEmpty()); diff != "" || b.Filtered != again.Filtered {
			t.Error(b.Filtered, again.Filtered, diff)
		}
	})
}

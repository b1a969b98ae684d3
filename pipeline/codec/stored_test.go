package codec

import (
	"encoding/hex"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// storedAt is the time of the events in frames of older versions.
var storedAt = time.Date(2026, 11, 21, 2, 25, 1, 123456789, time.UTC)

// storedFields are what these events share, and a field of each kind of their own.
func storedFields() (shared, own event.Fields) {
	return event.Fields{event.NewField(schema.HostName, "", event.String("node-7"))}, event.Fields{
		event.NewField(schema.ProcessArgs, "", event.String("a\xff\x00b")),
		event.NewField(schema.ProcessArgs, "", event.String("")),
		event.NewField(schema.AuditdData, "a0", event.String("7f")),
		event.NewField(schema.ProcessPID, "", event.Int(math.MinInt64)),
		event.NewField(schema.FileInode, "", event.Uint(math.MaxUint64)),
		event.NewField(schema.EventRiskScore, "", event.Float(0.1)),
		event.NewField(schema.ProcessInteractive, "", event.Bool(true)),
		event.NewField(schema.ProcessStart, "", event.Time(storedAt)),
		event.NewField(schema.SourceIP, "", ip("2001:db8::1")),
	}
}

// reads wants the events of a stored frame, of which three records were filtered, and nothing
// of a part of it.
func reads(t *testing.T, want []event.Event, stored string) {
	t.Helper()
	raw, err := hex.DecodeString(stored)
	if err != nil {
		t.Fatal(err)
	}
	b := &event.Batch{}
	if err := NewDecoder().Decode(raw, b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, b.Events, opts); diff != "" || b.Filtered != 3 {
		t.Error(b.Filtered, diff)
	}
	for n := range raw {
		b.Reset()
		if err := NewDecoder().Decode(raw[:n], b); err == nil || len(b.Events) != 0 {
			t.Errorf("%d of %d bytes gave %d events and %v", n, len(raw), len(b.Events), err)
		}
	}
}

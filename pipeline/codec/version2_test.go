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

// TestVersion2 reads what the second version wrote.
func TestVersion2(t *testing.T) {
	raw, err := hex.DecodeString("02030909686f73742e6e616d650c70726f636573732e617267730b6175646974642e646174610b70726f636573732e7069640a66696c652e696e6f6465106576656e742e7269736b5f73636f72651370" +
		"726f636573732e696e7465726163746976650d70726f636573732e737461727409736f757263652e6970010101066e6f64652d37022d711642b726b04401627ca9fbac32f501fa8388b00d959aef3a01" +
		"fc8388b00d959aef3a0a6175646974642e6c6f6700059a010109110461ff006211002902613002376632ffffffffffffffffff0143ffffffffffffffffff01549a9999999999b93f650176aabcab95f7" +
		"90f7e93187010b323030313a6462383a3a3100000000000000000000000000000000000000000561756469740100010008747970653de280a6")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 21, 2, 25, 1, 123456789, time.UTC)
	shared := event.Fields{event.NewField(schema.HostName, "", event.String("node-7"))}
	want := []event.Event{
		{
			ID: event.NewID([]byte("x")), Time: at, Seen: at.Add(time.Second), Dataset: "auditd.log", Records: 5, Offset: 77, Shared: shared,
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
			},
		},
		{Decode: "audit", Raw: "type=…", Records: 1, Shared: shared},
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

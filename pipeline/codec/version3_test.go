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

// TestVersion3 reads what the third version wrote.
func TestVersion3(t *testing.T) {
	raw, err := hex.DecodeString("03030109686f73742e6e616d65010101066e6f64652d37032d711642b726b04401627ca9fbac32f503fa8388b00d959aef3a03fc8388b00d959aef3a176175646974642e6c6f67" +
		"03059a01010900021b70726f636573732e6172677303010b61ff00620002030003196175646974642e646174610761300107376600041970726f636573732e706964030201ffffffffffffffffff010005" +
		"1766696c652e696e6f6465030301ffffffffffffffffff010006236576656e742e7269736b5f73636f72650304019a9999999999b93f00072970726f636573732e696e7465726163746976650305010100" +
		"081d70726f636573732e7374617274030601aabcab95f790f7e931000915736f757263652e6970030719323030313a6462383a3a3100a1fce4363854ff888cff4b8e7875d600010200000203040d000700" +
		"030c01ffffffffffffffffff0101ffffffffffffffffff01019a9999999999b93f010101aabcab95f790f7e9311a00000000000000000000000000000000000000030d6175646974018b01010008747970653de280a6")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 21, 2, 25, 1, 123456789, time.UTC)
	shared := event.Fields{event.NewField(schema.HostName, "", event.String("node-7"))}
	fields := event.Fields{
		event.NewField(schema.ProcessArgs, "", event.String("a\xff\x00b")),
		event.NewField(schema.ProcessArgs, "", event.String("")),
		event.NewField(schema.AuditdData, "a0", event.String("7f")),
		event.NewField(schema.ProcessPID, "", event.Int(math.MinInt64)),
		event.NewField(schema.FileInode, "", event.Uint(math.MaxUint64)),
		event.NewField(schema.EventRiskScore, "", event.Float(0.1)),
		event.NewField(schema.ProcessInteractive, "", event.Bool(true)),
		event.NewField(schema.ProcessStart, "", event.Time(at)),
		event.NewField(schema.SourceIP, "", ip("2001:db8::1")),
	}
	want := []event.Event{
		{ID: event.NewID([]byte("x")), Time: at, Seen: at.Add(time.Second), Dataset: "auditd.log", Records: 5, Offset: 77, Shared: shared, Fields: fields},
		{ID: event.NewID([]byte("y")), Time: at, Seen: at.Truncate(time.Second).Add(time.Second), Dataset: "auditd.log", Records: 4, Offset: 70, Fields: fields[2:]},
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

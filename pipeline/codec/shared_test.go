package codec

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// firstVersion is what the first version wrote.
const firstVersion = "01060c70726f636573732e617267730b6175646974642e646174610b70726f636573732e7069640a66696c652e696e6f64651370726f636573732e696e74657261637469766509" +
	"686f73742e6e616d650101050001066e6f64652d37022d711642b726b04401627ca9fbac32f501fa8388b00d959aef3a000a6175646974642e6c6f6700059a01010500000101610102613001023766" +
	"02000205030003090400050103726177000000000000000000000000000000000000000561756469740100010005747970653d"

// TestFirstVersion reads what the first version wrote.
func TestFirstVersion(t *testing.T) {
	raw, err := hex.DecodeString(firstVersion)
	if err != nil {
		t.Fatal(err)
	}
	shared := event.Fields{event.NewField(schema.HostName, "", event.String("node-7"))}
	want := []event.Event{
		{ID: event.NewID([]byte("x")), Time: time.Date(2026, 11, 21, 2, 25, 1, 123456789, time.UTC), Dataset: "auditd.log", Records: 5, Offset: 77, Shared: shared, Raw: "raw",
			Fields: event.Fields{
				event.NewField(schema.ProcessArgs, "", event.String("a")),
				event.NewField(schema.AuditdData, "a0", event.String("7f")),
				event.NewField(schema.ProcessPID, "", event.Int(-3)),
				event.NewField(schema.FileInode, "", event.Uint(9)),
				event.NewField(schema.ProcessInteractive, "", event.Bool(true)),
			}},
		{Decode: "audit", Raw: "type=", Records: 1, Shared: shared},
	}
	b := &event.Batch{}
	if err := NewDecoder().Decode(raw, b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, b.Events, opts); diff != "" {
		t.Error(diff)
	}
}

// TestSharedSetsAreKnownAgain: the same set in frame after frame is the same
// memory, another one with the same bytes under other keys is not taken for it.
func TestSharedSetsAreKnownAgain(t *testing.T) {
	set := func(k schema.Key, v string) event.Fields { return event.Fields{event.NewField(k, "", event.String(v))} }
	dec := NewDecoder()
	read := func(sets ...event.Fields) []event.Event {
		t.Helper()
		var in []event.Event
		for i, s := range sets {
			in = append(in, event.Event{Records: 1, Shared: s, Fields: event.Fields{event.NewField(schema.ProcessPID, "", event.Int(int64(i)))}})
		}
		b := &event.Batch{}
		if err := dec.Decode(NewEncoder().Append(nil, in), b); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(in, b.Events, opts); diff != "" {
			t.Fatal(diff)
		}
		return b.Events
	}
	host, again := set(schema.HostName, "node-7"), set(schema.HostName, "node-7")
	a, b := read(host), read(again)
	if &a[0].Shared[0] != &b[0].Shared[0] {
		t.Error("the same set is not known again")
	}
	read(set(schema.HostID, "node-7"))
	read(set(schema.HostName, "node-8"))
	both := event.Fields{host[0], event.NewField(schema.HostID, "", event.String("1"))}
	read(both, host)
	read(host, both)
	for i := range 3 * knownSets {
		read(set(schema.LogFilePath, string(rune('a'+i))), host, both)
	}
	if len(dec.known) > knownSets {
		t.Errorf("%d sets are remembered", len(dec.known))
	}
}

// TestAViewIsOfItsFrame: the texts of events lie in the frame, and those of what they share do
// not, which is known again when another frame lies there: also under a name of another build,
// with keys that other sets have first, and of the first version.
func TestAViewIsOfItsFrame(t *testing.T) {
	memory, dec := make([]byte, 4096), NewDecoder()
	view := func(raw []byte) *event.Batch {
		t.Helper()
		b, s := &event.Batch{}, memory[:copy(memory, raw)]
		if err := dec.View(unsafe.String(unsafe.SliceData(s), len(s)), b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	own := func(text string) event.Fields {
		return event.Fields{event.NewField(schema.Message, "", event.String(text))}
	}
	host := event.Fields{event.NewField(schema.HostName, "", event.String("node-7")), event.NewField(schema.Labels, "env", event.String("prod"))}
	second := event.Fields{event.NewField(schema.HostID, "", event.String("a-1")), event.NewField(schema.AgentVersion, "", event.String("1.0"))}
	in := []event.Event{{Shared: host, Fields: own("one")}, {Shared: second, Fields: own("two")}}
	raw := NewEncoder().Append(nil, in)
	alien := bytes.Replace(raw, []byte("host.name"), []byte("host.nume"), 1)
	first, err := hex.DecodeString(firstVersion)
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range [][]byte{raw, alien, first, alien, raw} {
		want := &event.Batch{}
		if err := NewDecoder().Decode(raw, want); err != nil {
			t.Fatal(err)
		}
		got := view(raw)
		if diff := cmp.Diff(want.Events, got.Events, opts); diff != "" {
			t.Fatal(diff)
		}
		for i := range memory {
			memory[i] = '#'
		}
		for i := range got.Events {
			if diff := cmp.Diff(want.Events[i].Shared, got.Events[i].Shared, opts); diff != "" {
				t.Error(diff)
			}
		}
		if text := got.Events[0].Fields[0].Str(); strings.Trim(text, "#") != "" {
			t.Errorf("%q is no view", text)
		}
	}
}

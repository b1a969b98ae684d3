package dockerjson

import (
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// TestReadAgain: a line has its id however often it is read, also one without a time, whose
// @timestamp is that of reading; the next one at its place has another.
func TestReadAgain(t *testing.T) {
	var shared event.Fields
	shared.AddString(schema.LogFilePath, "/logs/c-json.log")
	at := time.Unix(1_700_000_000, 0)
	id := func(lines ...string) event.ID {
		var out event.Batch
		d := build(plugin.Env{HostID: "h", Name: "logs", Now: func() time.Time { return at }})
		at = at.Add(time.Hour)
		for _, line := range lines {
			if err := d.Decode(event.Event{Raw: line, Records: 1, Seen: at, Shared: shared}, &out); err != nil {
				t.Fatal(err)
			}
		}
		if len(out.Events) != 1 {
			t.Fatalf("%d events", len(out.Events))
		}
		return out.Events[0].ID
	}
	seen := map[event.ID]bool{}
	for _, lines := range [][]string{
		{`{"log":"one\n","stream":"stdout","time":"2026-09-21T14:13:20.000371000Z"}`},
		{`{"log":"two\n","stream":"stdout","time":"2026-09-21T14:13:20.000371000Z"}`},
		{`{"log":"one\n","stream":"stdout","time":"2026-09-21T14:13:20.000371001Z"}`},
		{`{"log":"one\n","stream":"stderr","time":"2026-09-21T14:13:20.000371000Z"}`},
		{`{"log":"one\n","stream":"stdout"}`}, {`{"log":"two\n","stream":"stdout"}`},
		{`{"log":"one ","stream":"stdout"}`, `{"log":"two\n","stream":"stdout"}`},
		{`{"log":"one ","stream":"stdout","time":"2026-09-21T14:13:20.000371000Z"}`, `{"log":"two\n","stream":"stdout","time":"2026-09-21T14:13:20.000371002Z"}`},
	} {
		got := id(lines...)
		if got.IsZero() || seen[got] {
			t.Errorf("%q: the id came before", lines)
		}
		if seen[got] = true; id(lines...) != got {
			t.Errorf("%q: another id when it is read again", lines)
		}
	}
}

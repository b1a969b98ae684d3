package syslog

import (
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// TestIDsOfTheLivesOfAFile: what stands at one place of a file before and after its
// rotation has two ids, also where the difference is in the head of a record of another
// format; the same line read again, by another process, has its own.
func TestIDsOfTheLivesOfAFile(t *testing.T) {
	var shared event.Fields
	shared.AddString(schema.LogFilePath, "/var/log/syslog")
	at := time.Unix(1_700_000_000, 0)
	id := func(line string) event.ID {
		var out event.Batch
		d := newDecoder(plugin.Env{HostID: "h", Name: "logs", Now: func() time.Time { return at }})
		at = at.Add(time.Hour) // what is read again is read later
		if err := d.Decode(event.Event{Raw: line, Records: 1, Seen: at, Shared: shared}, &out); err != nil || len(out.Events) != 1 {
			t.Fatalf("%q: %v", line, err)
		}
		return out.Events[0].ID
	}
	seen := map[event.ID]string{}
	for _, line := range []string{
		"<13>Sep 21 14:13:20 h app[1]: one", "<13>Sep 21 14:13:20 h app[1]: two", "<13>Sep 22 14:13:20 h app[1]: one", "<13>Sep 21 14:13:20 h app[1]: one\x00",
		"<13>Sep 21 14:13:20 h CEF:0|a|b|c|d|e|1|", "<13>Sep 22 14:13:20 h CEF:0|a|b|c|d|e|1|",
	} {
		got := id(line)
		if was, ok := seen[got]; ok || got.IsZero() {
			t.Errorf("%q and %q have one id", was, line)
		}
		if seen[got] = line; id(line) != got {
			t.Errorf("%q read again has another id", line)
		}
	}
}

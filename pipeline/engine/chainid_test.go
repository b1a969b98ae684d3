package engine

import (
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// TestIDsOfWhatNobodyNamed: a path that ends with a digit does not run into the offset,
// nor a text into what tells apart the events that we make.
func TestIDsOfWhatNobodyNamed(t *testing.T) {
	at := time.Unix(0, 1_700_000_000)
	c := &Chain{hostID: "h", input: "logs", now: func() time.Time { return at }}
	seen := map[event.ID]int{}
	for i, e := range []struct {
		path    string
		offset  int64
		records uint32
		text    string
	}{
		{"/logs/app.1", 23, 1, "x"}, {"/logs/app.12", 3, 1, "x"}, {"/logs/app.1", 2, 1, "3x"}, {"", 0, 0, "x"}, {"", 0, 1, "x"},
		{"", 0, 1, "x\x001700000000\x000"}, {"", 0, 1, "1700000000\x000\x00x"}, {"", 0, 0, "x\x001700000000\x000"},
	} {
		ev := event.Event{Offset: e.offset, Records: e.records, Raw: e.text, Seen: at}
		ev.Shared.AddString(schema.LogFilePath, e.path)
		c.finish(&ev, 0)
		if was, ok := seen[ev.ID]; ok {
			t.Errorf("%d and %d have one id", was, i)
		}
		seen[ev.ID] = i
	}
}

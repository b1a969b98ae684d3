package codec

import (
	"encoding/binary"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// TestVersion1 reads a frame as version 1 of the format has it: no count of what
// was filtered, and of each field its number, its name and its kind apart.
func TestVersion1(t *testing.T) {
	text := func(b []byte, s string) []byte { return append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	b := text([]byte{1, 2}, "message")
	b = text(b, "labels")
	b = append(b, 0, 1)                // no shared fields; one event
	b = append(b, make([]byte, 16)...) // its id
	b = append(b, 0, 0)                // no times
	b = text(text(b, "audit"), "auditd")
	b = append(b, 3, 10, 0, 2) // three records, offset 5, nothing shared, two fields
	b = text(append(text(append(b, 0), ""), byte(event.KindString)), "hello")
	b = append(text(append(b, 1), "team"), byte(event.KindBool), 1)
	b = text(b, "raw text")

	var batch event.Batch
	if err := NewDecoder().Decode(b, &batch); err != nil {
		t.Fatal(err)
	}
	if len(batch.Events) != 1 || batch.Filtered != 0 {
		t.Fatalf("%d events, %d filtered; want 1 and none", len(batch.Events), batch.Filtered)
	}
	e := &batch.Events[0]
	if e.Dataset != "audit" || e.Decode != "auditd" || e.Records != 3 || e.Offset != 5 || e.Raw != "raw text" || len(e.Fields) != 2 {
		t.Errorf("the event is %+v", e)
	}
	if got := e.Get(schema.Message).Str(); got != "hello" {
		t.Errorf("the message is %q", got)
	}
	if f := e.Fields[1]; f.Key != schema.Labels || f.Name() != "team" || !f.Value().True() {
		t.Errorf("the label is %+v", f)
	}
}

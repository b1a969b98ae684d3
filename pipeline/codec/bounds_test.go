package codec

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// TestNamesOfAnotherBuildAreBounded: a frame in which one long name that is not known stands
// before names below it, again and again, is refused before it takes a multiple of itself.
func TestNamesOfAnotherBuildAreBounded(t *testing.T) {
	const fields = 2000
	alien := strings.Repeat("x", 64<<10)
	own := func(b []byte, s string) []byte {
		return append(binary.AppendUvarint(b, ownText+2*uint64(len(s))), s...)
	}
	three := append([]byte{3, 0, 0, 0, 1}, make([]byte, 16+2)...) // an event without an id and a time
	three = append(three, ownText, ownText, 0, 0, 0)
	three = append(binary.AppendUvarint(three, fields), otherColumn, onceColumn)
	three = append(own(own(three, alien), "n"), byte(event.KindString), ownText)
	for range fields - 1 {
		three = append(three, otherColumn, onceColumn, knownText, knownText+2, byte(event.KindString), ownText)
	}
	two := appendString([]byte{2, 0, 1}, alien)
	two = append(append(two, 0, 1), make([]byte, 16+2+2+3)...)
	two = binary.AppendUvarint(two, fields)
	for range fields {
		two = append(two, hasName|byte(event.KindString), 1, 'n', 0)
	}
	for _, raw := range [][]byte{append(three, 0), append(two, 0)} {
		if err := NewDecoder().Decode(raw, &event.Batch{}); !errors.Is(err, ErrCorrupt) {
			t.Errorf("version %d: %v", raw[0], err)
		}
	}
}

// TestSizeIsOfAllTexts: what is a number in a frame counts as what it stands for.
func TestSizeIsOfAllTexts(t *testing.T) {
	long, addr := strings.Repeat("y", 5000), ip("2001:db8::1")
	var e event.Event
	e.Fields.AddString(schema.Message, long)
	e.Fields.AddNamed(schema.Labels, long[:100], event.Int(5))
	e.Fields.Add(schema.SourceIP, addr)
	e.Fields.AddNamed(schema.Labels, long[:200], event.String(long))
	dec, b := NewDecoder(), &event.Batch{}
	for _, n := range []int{1, 50, 1} {
		events := make([]event.Event, n)
		for i := range events {
			events[i] = e
		}
		raw := NewEncoder().Append(nil, events)
		if err := dec.Decode(raw, b); err != nil {
			t.Fatal(err)
		}
		texts := 2*len(long) + 300 + len(addr.Str())
		if got, want := dec.Size(), n*texts; got < want || got > want+want/20+len(raw) {
			t.Errorf("%d events in %d bytes are of %d bytes, want about %d", n, len(raw), got, want)
		}
	}
}

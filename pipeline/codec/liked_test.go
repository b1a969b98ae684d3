package codec

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// alikes are events of which most say what one before says, but for a few fields.
func alikes(random *rand.Rand) []event.Event {
	var events []event.Event
	for range 1 + random.IntN(12) {
		e := event.Event{Dataset: someText(random), Fields: someFields(random)}
		if n := len(events); n > 0 && random.IntN(8) > 0 {
			e = events[max(0, n-1-random.IntN(3))]
			e.Fields = changed(random, slices.Clone(e.Fields))
		}
		e.Offset += random.Int64N(100)
		events = append(events, e)
	}
	return events
}

// changed is f with some fields of another value, some more and some less.
func changed(random *rand.Rand, f event.Fields) event.Fields {
	for range random.IntN(4) {
		at := random.IntN(len(f) + 1)
		more := someFields(random)
		switch kind := random.IntN(6); {
		case kind == 0:
			f = slices.Insert(f, at, more...)
		case at == len(f):
		case kind == 1:
			f = slices.Delete(f, at, min(len(f), at+1+random.IntN(16)))
		case kind == 2: // a list that grows
			for range random.IntN(4) {
				x := f[at]
				f = slices.Insert(f, at, x)
			}
		case kind == 3:
			f[at].SetValue(someValue(random))
		case kind == 4 && f[at].Kind() == event.KindString: // the same elsewhere
			f[at].SetText(strings.Clone(f[at].Str()))
		case f[at].Kind() == event.KindString:
			f[at].SetText(someText(random))
		}
	}
	return f
}

// there are the events without fields that are absent.
func there(events []event.Event) []event.Event {
	events = slices.Clone(events)
	for i := range events {
		events[i].Fields = slices.DeleteFunc(slices.Clone(events[i].Fields), func(f event.Field) bool { return f.IsZero() })
		if len(events[i].Fields) == 0 {
			events[i].Fields = nil
		}
	}
	return events
}

// Events that are like others come back, whatever is other in them, and what they say is counted.
func TestAlikesComeBack(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	enc, dec, b, liked := NewEncoder(), NewDecoder(), &event.Batch{}, 0
	for range 3000 {
		events := alikes(random)
		raw := enc.Append(nil, events)
		b.Reset()
		if err := dec.Decode(raw, b); err != nil {
			t.Fatal(err)
		}
		want, says := there(events), 0
		for i := range want {
			if !want[i].Fields.Equal(b.Events[i].Fields) || want[i].Offset != b.Events[i].Offset || want[i].Dataset != b.Events[i].Dataset {
				t.Fatal(cmp.Diff(want[i], b.Events[i], opts))
			}
			says += len(want[i].Dataset)
			for k := range want[i].Fields {
				says += want[i].Fields[k].NameLen() + want[i].Fields[k].Len()
			}
		}
		if got := dec.Size(); got < says || got > 2*says+len(raw) { // names are said once more where they come first
			t.Fatalf("%d bytes are of %d bytes, want at least %d", len(raw), got, says)
		}
		if len(raw) < says/2 {
			liked++
		}
	}
	if liked < 1000 {
		t.Errorf("only %d frames are much shorter than what they say", liked)
	}
}

// What was damaged is refused, or is something else, and asks for no more memory than it may.
func TestDamagedAlikes(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	dec, b, refused := NewDecoder(), &event.Batch{}, 0
	for range 500 {
		raw := NewEncoder().Append(nil, alikes(random))
		for range 40 {
			bad := slices.Clone(raw[:len(raw)-random.IntN(2)*random.IntN(len(raw))])
			for range random.IntN(3) {
				bad[random.IntN(len(bad))] ^= byte(1) << random.IntN(8)
			}
			b.Reset()
			if err := dec.Decode(bad, b); err != nil {
				refused++
			}
			fields := 0
			for i := range b.Events {
				fields += len(b.Events[i].Fields)
			}
			if fields > fewFields+mostFields*len(bad) {
				t.Fatalf("%d bytes gave %d fields", len(bad), fields)
			}
		}
	}
	if refused == 0 {
		t.Error("nothing was refused")
	}
}

// TestAlikesAreBounded: events of some bytes, of which each has a hundred fields of another one,
// are read as long as a frame has not too many of them, and are not written beyond that.
func TestAlikesAreBounded(t *testing.T) {
	const fields = 1000
	var one event.Event
	for range fields {
		one.Fields.AddString(schema.ProcessArgs, "x")
	}
	raw := NewEncoder().Append(nil, []event.Event{one})
	tiny := append(make([]byte, 16+2), 1, 0, 0) // its model is the event before
	tiny = binary.AppendUvarint(binary.AppendUvarint(tiny, fields), 4*fields)
	tiny = append(tiny, 0)
	frame := func(n int) []byte {
		b := binary.AppendUvarint([]byte{raw[0], 0, 0, 0}, uint64(n+1))
		return append(append(b, raw[5:]...), slices.Repeat(tiny, n)...)
	}
	dec, b := NewDecoder(), &event.Batch{}
	if err := dec.Decode(frame(6), b); err != nil || len(b.Events) != 7 || !b.Events[6].Fields.Equal(one.Fields) {
		t.Errorf("%d events and %v", len(b.Events), err)
	}
	if err := dec.Decode(frame(100), &event.Batch{}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("%d fields in %d bytes: %v", 101*fields, len(frame(100)), err)
	}
	events := slices.Repeat([]event.Event{one}, 100)
	b.Reset()
	if err := dec.Decode(NewEncoder().Append(nil, events), b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(events, b.Events, opts); diff != "" {
		t.Error(diff)
	}
}

// TestAModelIsOneBefore: an event that names one that is not there is refused.
func TestAModelIsOneBefore(t *testing.T) {
	tiny := func(model byte) []byte {
		return append(append(make([]byte, 16+2), model), 0, 0, 0, 0)
	}
	for _, models := range [][]byte{{1}, {2}, {0x7f}} {
		raw := []byte{version, 0, 0, 0, byte(len(models))}
		for _, m := range models {
			raw = append(raw, tiny(m)...)
		}
		if err := NewDecoder().Decode(raw, &event.Batch{}); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%v: %v", models, err)
		}
	}
}

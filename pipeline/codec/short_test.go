package codec

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// Fields are the same, whichever of them were written and read the short way, and so is what
// is refused, wherever the bytes end.
func TestShortIsField(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	one, both := NewDecoder(), NewDecoder()
	for range 120 {
		var events []event.Event
		f := someFields(random)
		for range 1 + random.IntN(6) {
			switch random.IntN(4) {
			case 0:
				f = someFields(random)
			case 1: // one more, one less
				if f = slices.Insert(slices.Clone(f), random.IntN(len(f)+1), someFields(random)...); len(f) > 1 {
					f = slices.Delete(f, 1, 2)
				}
			default: // the same with other values
				f = slices.Clone(f)
				for i := range f {
					if f[i].Kind() == event.KindString {
						f[i].SetValue(event.String(someText(random)))
					}
				}
			}
			events = append(events, event.Event{Fields: f})
		}
		enc, slow, raw := NewEncoder(), NewEncoder(), []byte{}
		enc.begin(events)
		slow.begin(events)
		for i := range events {
			was, last := len(raw), uint32(0)
			b := binary.AppendUvarint(nil, uint64(len(events[i].Fields)))
			raw = enc.fields(append(raw, b...), events[i].Fields)
			for k := range events[i].Fields {
				b, last = slow.field(b, &events[i].Fields[k], last)
			}
			if string(raw[was:]) != string(b) {
				t.Fatalf("%v is written as %q, want %q", events[i].Fields, raw[was:], b)
			}
		}
		raw = append(raw, 0, 0, 0, 0, 0) // what follows
		for end := range len(raw) + 1 {
			if random.IntN(8) == 0 || end == len(raw) {
				readBothWays(t, one, both, string(raw[:end]), len(events))
			}
		}
	}
}

// readBothWays reads the fields of events one by one with slow, and as they are with dec.
func readBothWays(t *testing.T, slow, dec *Decoder, raw string, events int) {
	t.Helper()
	one, both, batch := reader{s: raw}, reader{s: raw}, &event.Batch{}
	slow.said.begin(len(raw), 0)
	dec.said.begin(len(raw), 0)
	for range events {
		got, last := dec.fields(&both, batch), uint32(0)
		want := make(event.Fields, one.count(1))
		for i := 0; i < len(want) && !one.bad; {
			there := false
			if there, last = slow.field(&one, &want[i], last); there {
				i++
			} else {
				want = want[:len(want)-1]
			}
		}
		if both.bad != one.bad || both.at != one.at || !one.bad && !got.Equal(want) {
			t.Fatalf("%q: %v, refused %v, up to %d, want %v, %v, %d", raw, got, both.bad, both.at, want, one.bad, one.at)
		}
	}
}

var (
	text    = strings.Repeat("0123456789abcdefghijklmnopqrstuv", 10)
	lengths = []int{0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 23, 31, 32, 33, 62, 63, 126, 127, 128, 129, 300}
)

// someText is one that comes again, here or elsewhere.
func someText(random *rand.Rand) string {
	s := text[:lengths[random.IntN(len(lengths))]]
	if random.IntN(3) == 0 {
		return strings.Clone(s)
	}
	return s
}

func someFields(random *rand.Rand) event.Fields {
	keys := schema.Keys()[:6]
	var f event.Fields
	for range random.IntN(12) {
		name, v := "", event.Value{}
		if random.IntN(3) == 0 {
			name = someText(random)
		}
		if random.IntN(20) > 0 {
			v = someValue(random)
		}
		f = append(f, event.NewField(keys[random.IntN(len(keys))], name, v))
	}
	return f
}

func someValue(random *rand.Rand) event.Value {
	switch random.IntN(16) {
	case 0:
		return event.Int(random.Int64() - math.MaxInt64/2)
	case 1:
		return event.Uint(uint64(random.IntN(300)))
	case 2:
		return event.Float(0.5)
	case 3:
		return event.Bool(random.IntN(2) == 0)
	case 4:
		return event.Time(time.Unix(random.Int64N(1e9), 5))
	case 5:
		v, _ := event.IP("10.0.0.1")
		return v
	}
	return event.String(someText(random))
}

// TestStringsOfEveryLength: a text comes back, whatever its length is and wherever it lies.
func TestStringsOfEveryLength(t *testing.T) {
	var e event.Event
	for n := range 300 {
		e.Fields.AddNamed(schema.Labels, text[n-n%20:n], event.String(text[n/2:n/2+n%140]))
	}
	var b event.Batch
	if err := NewDecoder().Decode(NewEncoder().Append(nil, []event.Event{e}), &b); err != nil {
		t.Fatal(err)
	}
	if !b.Events[0].Fields.Equal(e.Fields) {
		t.Errorf("%v, want %v", b.Events[0].Fields, e.Fields)
	}
}

// TestManyOfAll: columns and texts without end come back, though only so many have a number,
// and the frame after them is as if they had not been.
func TestManyOfAll(t *testing.T) {
	var events []event.Event
	for round := range 2 {
		for i := range mostColumns + 200 {
			var e event.Event
			for k := range 8 {
				e.Fields.AddNamed(schema.Labels, "n"+strconv.Itoa(i), event.String("v"+strconv.Itoa(8*i+k)))
				e.Fields.AddNamed(schema.AuditdData, "x", event.Int(int64(round)))
			}
			events = append(events, e)
		}
	}
	enc, dec, b := NewEncoder(), NewDecoder(), &event.Batch{}
	one := []event.Event{{Fields: event.Fields{event.NewField(schema.ProcessName, "", event.String("sh"))}}}
	before := enc.Append(nil, one)
	for range 2 {
		b.Reset()
		if err := dec.Decode(enc.Append(nil, events), b); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(events, b.Events, opts); diff != "" {
			t.Fatal(diff)
		}
	}
	if n := len(enc.columns); n != mostColumns+1 || enc.texts.count != mostTexts || len(dec.said.columns) != n || dec.said.count != mostTexts {
		t.Errorf("%d and %d columns, %d and %d texts", n, len(dec.said.columns), enc.texts.count, dec.said.count)
	}
	if after := enc.Append(nil, one); string(after) != string(before) {
		t.Errorf("a frame after many is %q, and was %q", after, before)
	}
}

// TestWhatIsSaidAgainIsNotWritten: an event that says what the one before said takes its id and
// eight bytes more, whatever it says.
func TestWhatIsSaidAgainIsNotWritten(t *testing.T) {
	var events []event.Event
	for i := range 100 {
		e := event.Event{Time: time.Unix(1e9, 5e6), Seen: time.Unix(2e9, 7), Dataset: "auditd.log", Records: 1, Offset: 1e9 + int64(i)*10}
		for k := range 30 {
			e.Fields.AddNamed(schema.AuditdData, text[k:k+3], event.String(text[k:k+20]))
		}
		events = append(events, e)
	}
	enc := NewEncoder()
	one := len(enc.Append(nil, events[:50]))
	if n := (len(enc.Append(nil, events)) - one) / 50; n != 16+8 {
		t.Errorf("an event that says the same takes %d bytes", n)
	}
}

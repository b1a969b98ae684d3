package json

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// TestNamesOfOneLength: an event is not taken for one of before whose fields differ
// in nothing but one byte of a name, wherever it stands.
func TestNamesOfOneLength(t *testing.T) {
	c := New(false)
	named := func(name string) *event.Event {
		e := &event.Event{Dataset: "d"}
		e.Fields.AddNamed(schema.Labels, name, event.String("v"))
		return e
	}
	for n := 1; n <= 40; n++ {
		name := strings.Repeat("n", n)
		for range 3 {
			render(t, c, named(name))
		}
		for i := range n {
			other := name[:i] + "o" + name[i+1:]
			got, _ := c.Append(nil, named(other))
			if want := `{"event":{"dataset":"d"},"labels":{"` + other + `":"v"}}`; string(got) != want {
				t.Fatalf("after %s: got\n%s\nwant\n%s", name, got, want)
			}
		}
	}
}

// TestKindsOfOneKey: nor for one whose value is of another kind.
func TestKindsOfOneKey(t *testing.T) {
	ip, _ := event.IP("10.0.0.1")
	values := []event.Value{event.String("7"), event.Int(7), event.Int(-7), event.Uint(7), event.Uint(1 << 63), event.Bool(true), event.Float(7), event.Time(time.Unix(7, 0)), ip}
	c := New(false)
	for range 3 {
		for _, v := range values {
			for _, k := range []schema.Key{schema.ProcessPID, schema.UserID, schema.ProcessArgs} {
				e := &event.Event{}
				for range 2 {
					e.Fields.Add(k, v)
				}
				got, _ := c.Append(nil, e)
				if want, _ := New(false).Append(nil, e); !bytes.Equal(got, want) {
					t.Fatalf("got\n%s\nwant\n%s", got, want)
				}
			}
		}
	}
}

// TestAnyRoomIsEnough: an event is the same however much room there is behind what it
// is appended to, and nothing before it changes.
func TestAnyRoomIsEnough(t *testing.T) {
	e := exec()
	for i := range 40 { // a list of texts of each length, longer than a window
		e.Fields.AddString(schema.ProcessArgs, strings.Repeat("a", i))
	}
	e.Fields.AddString(schema.ProcessTitle, strings.Repeat("long title", 50))
	e.Fields.AddString(schema.Tags, "t\x01")
	e.Fields.AddString(schema.Tags, "u")
	c := New(false)
	want := render(t, c, e)
	for range 3 {
		render(t, c, e)
	}
	for room := range len(want) + 300 {
		dst := append(make([]byte, 0, len("before")+room), "before"...)
		if got, err := c.Append(dst, e); err != nil || string(got) != "before"+want {
			t.Fatalf("room for %d, %v: got\n%s\nwant\n%s", room, err, got, want)
		}
	}
}

// TestOdd goes through each byte at each place, between bytes that carry nothing,
// borrow, and carry.
func TestOdd(t *testing.T) {
	for b := range 256 {
		for at := range 8 {
			for _, other := range []byte{' ', '!', '#', '[', ']', '~', 'a'} {
				text := bytes.Repeat([]byte{other}, 8)
				text[at] = byte(b)
				if got, want := odd(word(string(text))) != 0, !plain[byte(b)]; got != want {
					t.Fatalf("%q: %v, want %v", text, got, want)
				}
			}
		}
	}
}

// TestDate: an instant is written as it would be without those before it.
func TestDate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d date
		for range rapid.IntRange(1, 9).Draw(t, "times") {
			at := time.Unix(rapid.SampledFrom([]int64{0, 1, -1, 1790000010, -62167219201, 253402300799, 253402300800}).Draw(t, "second"),
				rapid.SampledFrom([]int64{0, 1, 10, 123e6, 120e6, 100e6, 999_999_999, 123_456_789, 5e3}).Draw(t, "ns"))
			if rapid.Bool().Draw(t, "UTC") {
				at = at.UTC()
			}
			if got, want := d.append([]byte("x"), at), appendTime([]byte("x"), at); !bytes.Equal(got, want) {
				t.Fatalf("got %s, want %s", got, want)
			}
		}
	})
}

// TestAnyFormHasAShape: events of many forms, with long names, many lists and long
// texts that are the same in each, come out as one alone does.
func TestAnyFormHasAShape(t *testing.T) {
	shared := event.Fields{}
	for i := range 30 {
		shared.AddNamed(schema.Labels, fmt.Sprint("shared-", i), event.String(strings.Repeat("s", i)))
	}
	shared.AddString(schema.HostName, strings.Repeat("host", 100))
	shared.AddString(schema.LogFilePath, "/x")
	rapid.Check(t, func(t *rapid.T) {
		c := New(rapid.Bool().Draw(t, "dotted"))
		e := &event.Event{Shared: shared, Offset: rapid.Int64().Draw(t, "offset"), Seen: time.Unix(1, 0)}
		keys := schema.Keys()
		for range rapid.IntRange(0, 150).Draw(t, "fields") {
			k, name := rapid.SampledFrom(keys).Draw(t, "key"), ""
			if k.Info().Type.IsMap() {
				name = fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "index"), ".", rapid.StringMatching(`[a-z"]{0,20}`).Draw(t, "name"))
			}
			for range rapid.IntRange(1, 3).Draw(t, "times") {
				e.Fields.AddNamed(k, name, value().Draw(t, "value"))
			}
		}
		want, _ := New(c.plan.leaves[c.plan.rank[schema.AuditdData]].dotted).Append(nil, e)
		for range 3 {
			if got, err := c.Append(nil, e); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%v\ngot  %s\nwant %s", err, got, want)
			}
		}
	})
}

package cef

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// A key that is passed over because the event has none of the fields it looks at
// would have had no value: an encoder that passes over none writes the same.
func TestNoValueIsPassedOver(t *testing.T) {
	c, all := New(Options{}), New(Options{})
	all.always = 1<<len(all.pairs) - 1
	words := []string{"", "a", "renamed", "unix", "/run/x", "@x", "su", "compose", "ingress", "7", "/new/"}
	six, _ := event.IP("2001:db8::1")
	rapid.Check(t, func(t *rapid.T) {
		e := &event.Event{}
		for range rapid.IntRange(0, 8).Draw(t, "fields") {
			v := event.String(rapid.SampledFrom(words).Draw(t, "word"))
			switch rapid.IntRange(0, 5).Draw(t, "kind") {
			case 0:
				v = six
			case 1:
				v = event.Int(7)
			}
			e.Fields.Add(rapid.SampledFrom(asked()).Draw(t, "key"), v)
		}
		if rapid.Bool().Draw(t, "rename") {
			e.Fields.AddString(schema.EventAction, "renamed")
		}
		for _, name := range []string{"opid", "opid_comm", "exit"} {
			if rapid.Bool().Draw(t, name) {
				e.Fields.AddNamed(schema.AuditdData, name, event.String(rapid.SampledFrom(words).Draw(t, "word")))
			}
		}
		got, _ := c.Append(nil, e)
		if want, _ := all.Append(nil, e); string(got) != string(want) {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// What is kept of a shared set is what would be written without: an event that has
// all as its own, behind what is its own, gives the same, whatever came before it.
func TestSharedFieldsAreWrittenAsOwn(t *testing.T) {
	words := []string{"a", "a=b", "\x00", strings.Repeat("long", 300), "compose", "su", "renamed", "7"}
	lists := map[schema.Key]bool{} // of a list the event's own hide what it shares
	for i := range extension {
		if extension[i].how == joined {
			for _, k := range extension[i].from {
				lists[k] = true
			}
		}
	}
	var asks []schema.Key
	for _, k := range asked() {
		if !k.Info().Many && !lists[k] {
			asks = append(asks, k)
		}
	}
	c := New(Options{})
	rapid.Check(t, func(t *rapid.T) {
		fields := func(what string, most int) (f event.Fields) {
			for range rapid.IntRange(0, most).Draw(t, what) {
				f.AddString(rapid.SampledFrom(asks).Draw(t, "key"), rapid.SampledFrom(words).Draw(t, "word"))
			}
			return f
		}
		set := fields("shared", 6)
		if ip, ok := event.IP(rapid.SampledFrom([]string{"192.0.2.1", "2001:db8::1", ""}).Draw(t, "ip")); ok {
			set.Add(schema.HostIP, ip)
		}
		for range 3 {
			own := fields("own", 4)
			got, _ := c.Append(nil, &event.Event{Fields: own, Shared: set})
			want, _ := New(Options{}).Append(nil, &event.Event{Fields: append(own[:len(own):len(own)], set...)})
			if string(got) != string(want) {
				t.Fatalf("got\n%s\nwant\n%s", got, want)
			}
		}
	})
}

// What is found eight bytes at a time is what is found one by one.
func TestRunsAreThoseOfSingleBytes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := string(rapid.SliceOfN(rapid.OneOf(rapid.ByteRange(' ', '~'), rapid.Byte()), 0, 40).Draw(r, "s"))
		n := 0
		for n < len(s) && asIs[s[n]] {
			n++
		}
		if got := run(s); got != n {
			t.Fatalf("%q: %d, want %d", s, got, n)
		}
		hex := false
		for i := 0; i < len(s); {
			size, h := unit(s[i:])
			hex = hex || h
			i += size
		}
		if dirty(s) != hex {
			t.Fatalf("%q: dirty is %v", s, !hex)
		}
	})
}

package cef

import (
	"testing"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// A key that is passed over because the event has none of the fields it looks at
// would have had no value: an encoder that passes over none writes the same.
func TestNoValueIsPassedOver(t *testing.T) {
	c, all := New(Options{}), New(Options{})
	for i := range all.pairs {
		all.pairs[i].head = true
	}
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
		got, _ := c.Append(nil, e)
		if want, _ := all.Append(nil, e); string(got) != string(want) {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
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

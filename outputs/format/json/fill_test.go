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

// forms are lists of keys as an event of one form has them.
var forms = [][]schema.Key{
	{schema.Message, schema.UserName, schema.ProcessPID, schema.AuditdData, schema.AuditdData},
	{schema.Message, schema.Tags, schema.SourceIP, schema.ProcessArgs, schema.UserName},
	{schema.Tags, schema.Message, schema.ProcessArgs, schema.EventSeverity},
}

// Values that are like others as they are rendered, or nearly, and long ones.
var alike = []string{"", "a", "b", `a"`, `a\"`, `a\\`, `\`, "abcdefgh", "abcdefgi", "0123456789abcdef", "0123456789abcdeg", "0123456789abcdef0", "\xff", "é", "\x00", `","`, `a","b`,
	"10.0.0.1", strings.Repeat("long ", 50), strings.Repeat("longer than most ", 500)}

// What a shape keeps of the events before shows in no other: the same encoder
// gives what one gives that has no memory.
func TestAShapeRemembersNothingButWhatIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		encoders := []*Encoder{New(false), New(true)}
		for range rapid.IntRange(3, 20).Draw(t, "events") {
			e := &event.Event{Dataset: rapid.SampledFrom([]string{"d", "e"}).Draw(t, "dataset"),
				Time: time.Unix(rapid.Int64Range(1, 2).Draw(t, "time"), rapid.Int64Range(0, 1).Draw(t, "ns")*1e6)}
			for i, k := range rapid.SampledFrom(forms).Draw(t, "form") {
				name, times := "", 1
				switch {
				case k.Info().Type.IsMap():
					name = "name" + string(rune('a'+i))
				case k.Info().Many:
					times = rapid.IntRange(1, 3).Draw(t, "values")
				}
				for range times {
					e.Fields.AddNamed(k, name, likeValue(t))
				}
			}
			for _, c := range encoders {
				got, err := c.Append([]byte("x"), e)
				plain := New(c.plan.leaves[c.plan.rank[schema.AuditdData]].dotted) // its first event has no shape
				want, _ := plain.Append([]byte("x"), e)
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%v\ngot  %s\nwant %s", err, got, want)
				}
			}
		}
	})
}

func likeValue(t *rapid.T) event.Value {
	s := rapid.SampledFrom(alike).Draw(t, "text")
	switch rapid.IntRange(0, 6).Draw(t, "kind") {
	case 0:
		return event.Int(rapid.Int64Range(9, 10).Draw(t, "int"))
	case 1:
		return event.Bool(true)
	case 2:
		v, _ := event.IP("10.0.0.1")
		return v
	}
	return event.String(s)
}

// TestAListIsNotTheOneOfBefore: a value that reads like the end of a text and the
// start of the next is one value, also where the event before had those two.
func TestAListIsNotTheOneOfBefore(t *testing.T) {
	c := New(false)
	for _, args := range [][]string{{"a", "b"}, {"a", "b"}, {"a", "b"}, {`a","b`}, {"a", "b", "c"}, {`a","b`, "c"}, {"a", "b", "c"}, {"a", `b","c`}} {
		e := &event.Event{Dataset: "d", Time: time.Unix(1, 0)}
		for _, a := range args {
			e.Fields.AddString(schema.ProcessArgs, a)
		}
		got, err := c.Append(nil, e)
		want, _ := New(false).Append(nil, e)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q, %v:\ngot  %s\nwant %s", args, err, got, want)
		}
	}
}

// TestALargeObjectKeepsItsOrder: whether an event has a shape shows nowhere, also not
// in the order of an object with so many members that they are sorted.
func TestALargeObjectKeepsItsOrder(t *testing.T) {
	for _, members := range []int{few, few + 1, 2 * few} {
		c := New(false)
		e := &event.Event{}
		for i := range 2 * members {
			e.Fields.AddNamed(schema.AuditdPaths, fmt.Sprint(i/members, ".", (i*7)%members), event.String("v"))
		}
		want, _ := New(false).Append(nil, e)
		for range 4 {
			if got, err := c.Append(nil, e); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%d members: %v\ngot  %s\nwant %s", members, err, got, want)
			}
		}
	}
}

// TestWhatWantsAnEscapeAnywhere: a text is written the same wherever in it there is what
// wants an escape, and however much room there is for it.
func TestWhatWantsAnEscapeAnywhere(t *testing.T) {
	marks := []string{`"`, `\`, "\n", "\t", "\x00", "\x7f", "é", "\u0085", "\u2028", "日", "\xff", "\xe2\x80", `""`, `\"\n`}
	c := New(false)
	for n := range 40 {
		for at := range n + 1 {
			for _, mark := range marks {
				for _, behind := range []string{"", "plain text", `a"b` + mark} {
					s := strings.Repeat("a", at) + mark + strings.Repeat("b", n-at) + behind
					want, escaped := AppendText([]byte("before"), s)
					c.bad = false
					got := c.text(append(make([]byte, 0, 6+n), "before"...), s, false)
					if c.bad != escaped || !c.bad && !bytes.Equal(got, want) {
						t.Fatalf("%q: got %s, %v, want %s, %v", s, got, c.bad, want, escaped)
					}
				}
			}
		}
	}
}

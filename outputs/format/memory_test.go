package format

import (
	"bytes"
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// nasty are values that read like the end of one and the start of the next, in one
// of the formats or in another, and such that are nearly the same.
var nasty = []event.Value{
	{}, event.String(""), event.String("a"), event.String(`a","b`), event.String(`a":"b`), event.String(`"`), event.String(`\`), event.String(`\"`), event.String(`a\x41`),
	event.String("a,b"), event.String("a=b c=d"), event.String("a|b"), event.String("a\tusrName=b"), event.String("a^b"), event.String("a] b"), event.String("\x00"), event.String("\x7f"),
	event.String("\u2028"), event.String("\u0085"), event.String("é"), event.String("\xff"), event.String("\xe2\x80"), event.String("abcdefg"), event.String("abcdefgh"), event.String("abcdefg\""), event.String("abcdefghi\""),
	event.String("0123456789abcdef"), event.String("0123456789abcde\\"), event.String("\n"), event.String("renamed"), event.String("opened-file"), event.String("auditd"), event.String("connected-to"),
	event.String(string(bytes.Repeat([]byte("long "), 60))), event.String(string(bytes.Repeat([]byte("q\""), 700))), event.Int(0), event.Int(-1), event.Int(math.MinInt64),
	event.Uint(math.MaxUint64), event.Float(0), event.Float(math.Copysign(0, -1)), event.Float(1e21), event.Float(math.Inf(1)), event.Float(math.NaN()), event.Bool(true), event.Bool(false),
	event.Time(time.Unix(0, 0)), event.Time(time.Unix(1, 0)), event.Time(time.Unix(1, 5e8)),
}

// drawn is an event of a few keys, so that many are alike, with lists in one row and
// in several, maps whose names stand twice, and lists of objects in any order.
func drawn(t *rapid.T, sets []event.Fields) *event.Event {
	keys := []schema.Key{schema.Message, schema.ProcessArgs, schema.Tags, schema.ProcessPID, schema.UserName, schema.EventCategory, schema.EventAction, schema.EventModule, schema.HostIP,
		schema.Labels, schema.AuditdData, schema.AuditdPaths, schema.EventStart, schema.FileTargetPath, schema.SourceIP, schema.EventSeverity, schema.Timestamp, schema.EventDataset, schema.TallymanEscaped}
	e := &event.Event{Shared: rapid.SampledFrom(sets).Draw(t, "set"), Dataset: rapid.SampledFrom([]string{"", "d", "d\xff", `d"`}).Draw(t, "dataset"), Offset: rapid.Int64Range(0, 1).Draw(t, "offset")}
	if rapid.IntRange(0, 9).Draw(t, "raw") == 0 {
		e.Raw = "raw\xff"
	}
	if rapid.Bool().Draw(t, "timed") {
		e.Time = time.Unix(rapid.Int64Range(-1, 1).Draw(t, "second"), rapid.Int64Range(0, 2).Draw(t, "half")*25e7)
		e.ID[15] = byte(rapid.IntRange(0, 1).Draw(t, "id"))
	}
	from := rapid.IntRange(0, len(keys)-1).Draw(t, "from") // neighbours, so that forms come again
	for i := range rapid.IntRange(0, 5).Draw(t, "keys") {
		k, name := keys[(from+i)%len(keys)], ""
		for range rapid.SampledFrom([]int{1, 1, 1, 1, 1, 1, 1, 2, 3, 30}).Draw(t, "times") {
			switch k {
			case schema.Labels, schema.AuditdData:
				name = rapid.SampledFrom([]string{"a", "b", "c", "d", "exit", "syscall", `a":"b`, "\xff", ""}).Draw(t, "name")
			case schema.AuditdPaths:
				name = rapid.SampledFrom([]string{"0.a", "0.b", "0.c", "1.a", "1.b", "10.a", "x", "", `0."`}).Draw(t, "name")
			}
			e.Fields = append(e.Fields, event.NewField(k, name, rapid.SampledFrom(nasty).Draw(t, "value")))
		}
	}
	return e
}

// like is an event that differs from another in one thing.
func like(t *rapid.T, e *event.Event, sets []event.Fields) *event.Event {
	other := *e
	other.Fields = append(event.Fields(nil), e.Fields...)
	at, n := 0, len(other.Fields)
	if n > 0 {
		at = rapid.IntRange(0, n-1).Draw(t, "at")
	}
	switch what := rapid.SampledFrom([]string{"value", "value", "name", "name", "less", "more", "order", "set", "raw", "head"}).Draw(t, "what"); {
	case what == "set" || n == 0:
		other.Shared = rapid.SampledFrom(sets).Draw(t, "set")
	case what == "raw":
		other.Raw = rapid.SampledFrom([]string{"", "raw", "raw\xff"}).Draw(t, "raw")
	case what == "head":
		other.Dataset, other.Time, other.ID = "e", time.Unix(rapid.Int64Range(0, 1).Draw(t, "second"), 0), event.ID{1}
	case what == "value":
		other.Fields[at].SetValue(rapid.SampledFrom(nasty).Draw(t, "other"))
	case what == "name" && other.Fields[at].Key.Info().Type.IsMap():
		other.Fields[at].SetName(rapid.SampledFrom([]string{"a", "b", "0.a", "0.b", "1.a"}).Draw(t, "name"))
	case what == "less":
		other.Fields = append(other.Fields[:at], other.Fields[at+1:]...)
	case what == "more":
		other.Fields = append(other.Fields, other.Fields[at])
	default:
		other.Fields[at], other.Fields[n-1] = other.Fields[n-1], other.Fields[at]
	}
	return &other
}

// TestNoEventShowsInAnother: what a format keeps of the events before shows in none
// that follows. Of events that are alike and nearly, one encoder gives what for each
// of them one gives that has seen none, and touches nothing before its place. The texts
// of each lie where those of the one before lay.
func TestNoEventShowsInAnother(t *testing.T) {
	for _, s := range []Settings{{Format: JSON}, {Format: JSON, Shape: "dotted"}, {Format: JSON, JSON: &JSONSettings{MaxBytes: 400}}, {Format: Splunk}, {Format: Splunk, JSON: &JSONSettings{MaxBytes: 400}},
		{Format: OCSF}, {Format: CEF}, {Format: LEEF, LEEF: &LEEFSettings{Delimiter: "^"}}, {Format: RFC5424}, {Format: RFC5424, RFC5424: &RFC5424Settings{Body: JSON}}, {Format: RFC3164}, {Format: Text}, {Format: JSON, OnlyFields: []string{"message", "labels", "host"}}} {
		t.Run(fmt.Sprint(s.Format, s.Shape, s.JSON != nil, s.RFC5424 != nil), func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { remembers(t, &s) }) })
	}
}

// remembers finds what an encoder remembers.
func remembers(t *rapid.T, s *Settings) {
	sets := []event.Fields{nil, {event.NewField(schema.HostName, "", event.String("h")), event.NewField(schema.LogFilePath, "", event.String("/p"))}, {event.NewField(schema.HostName, "", event.String("h\xff"))},
		{event.NewField(schema.HostName, "", event.String("i")), event.NewField(schema.Labels, "a", event.String("shared")), event.NewField(schema.Tags, "", event.String("t")), event.NewField(schema.Tags, "", event.String("u"))}}
	warm, err := New(s, plugin.Env{})
	if err != nil {
		t.Fatal(err)
	}
	known, most, loan := []*event.Event{drawn(t, sets)}, 12, plugintest.Loan{}
	if s.Format == OCSF {
		most = 3 // to make a fresh one takes long
	}
	for i := range most {
		e := rapid.SampledFrom(known).Draw(t, "event")
		if i > 0 {
			e = like(t, e, sets)
		}
		known = append(known, e)
		before := fmt.Sprint(*e)
		fresh, err := New(s, plugin.Env{})
		if err != nil {
			t.Fatal(err)
		}
		want, werr := fresh.Append([]byte("before"), e)
		for range 3 { // by the third time its form is known
			lent := loan.Lend([]event.Event{*e})
			got, err := warm.Append([]byte("before"), &lent[0])
			loan.Back()
			if !bytes.Equal(got, want) || (err == nil) != (werr == nil) || before != fmt.Sprint(*e) {
				t.Fatalf("%v, %v\n%+v\ngot  %s\nwant %s", err, werr, *e, got, want)
			}
		}
	}
}

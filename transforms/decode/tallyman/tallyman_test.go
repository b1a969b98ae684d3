package tallyman

import (
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// TestConformance: the decoder passes the suite.
func TestConformance(t *testing.T) {
	plugintest.Decoder(t, plugintest.DecoderSuite{Plugin: Plugin, Golden: "testdata"})
}

// TestIDsComeBack: the text of an id reads as the id.
func TestIDsComeBack(t *testing.T) {
	for _, seed := range []string{"", "a", "tally", "\xff"} {
		id := event.NewID([]byte(seed))
		if got := parseID(id.String()); got != id {
			t.Errorf("%s reads as %s", id, got)
		}
	}
	for _, bad := range []string{"", "x", "01234567890123456789012345!"} {
		if !parseID(bad).IsZero() {
			t.Errorf("%q is taken for an id", bad)
		}
	}
}

// TestBothShapes: nested and dotted are one event; escaped texts are bytes again.
func TestBothShapes(t *testing.T) {
	id := event.NewID([]byte("x")).String()
	for _, raw := range []string{
		`{"@timestamp":"2026-11-25T10:00:00.123456789Z","event":{"id":"` + id + `","dataset":"auditd.log"},"labels":{"team":"x"},"process":{"pid":7,"args":["a\\xff","b\\\\"]},"tallyman":{"escaped":["process.args"]}}`,
		`{"@timestamp":"2026-11-25T10:00:00.123456789Z","event.id":"` + id + `","event.dataset":"auditd.log","labels.team":"x","process.pid":7,"process.args":["a\\xff","b\\\\"],"tallyman.escaped":["process.args"]}`,
	} {
		var out event.Batch
		if err := build(plugintest.Env("")).Decode(event.Event{Raw: raw, Records: 1}, &out); err != nil {
			t.Fatal(err)
		}
		e := &out.Events[0]
		pid, _ := e.Get(schema.ProcessPID).Int64()
		var args []string
		for v := range e.Fields.All(schema.ProcessArgs) {
			args = append(args, v.Str())
		}
		if e.ID.String() != id || e.Dataset != "auditd.log" || !e.Time.Equal(time.Date(2026, 11, 25, 10, 0, 0, 123456789, time.UTC)) || pid != 7 ||
			e.Fields.GetNamed(schema.Labels, "team").Str() != "x" || len(args) != 2 || args[0] != "a\xff" || args[1] != `b\` {
			t.Errorf("%s, %q", plugintest.Dump(e), args)
		}
	}
}

// TestTheAggregatorIsNotTheHost: an event keeps what its own host said, gets nothing
// of the host that reads it, and keeps what the input knows of the record.
func TestTheAggregatorIsNotTheHost(t *testing.T) {
	id := event.NewID([]byte("x")).String()
	env := plugintest.Env("")
	if env.Shared.Get(schema.HostName).Str() == "" {
		t.Fatal("this host has no name to lose")
	}
	for _, c := range []struct{ host, want string }{{`,"host":{"name":"web-1"}`, "web-1"}, {"", ""}} {
		in := event.Event{Raw: `{"@timestamp":"2026-11-25T10:00:00Z","event":{"id":"` + id + `","dataset":"x"}` + c.host + `}`, Records: 1, Shared: env.Shared}
		in.Fields.AddString(schema.SourceIP, "192.0.2.7")
		var out event.Batch
		if err := build(env).Decode(in, &out); err != nil {
			t.Fatal(err)
		}
		e := &out.Events[0]
		if got := e.Get(schema.HostName).Str(); got != c.want || !e.Get(schema.HostID).IsZero() || e.Get(schema.SourceIP).Str() != "192.0.2.7" {
			t.Errorf("the host is %q, want %q: %s", got, c.want, plugintest.Dump(e))
		}
	}
}

// FuzzDecode: whatever comes, it is one event with its id, or an error.
func FuzzDecode(f *testing.F) {
	f.Add(`{"@timestamp":"2026-11-25T10:00:00Z","event":{"id":"00000000000000000000000001","dataset":"x"}}`)
	f.Add(`{"labels":{"a":[1,{"b":2}]}}`)
	f.Fuzz(func(t *testing.T, raw string) {
		var out event.Batch
		if err := build(plugintest.Env("")).Decode(event.Event{Raw: raw, Records: 1}, &out); err == nil && (len(out.Events) != 1 || out.Events[0].ID.IsZero()) {
			t.Errorf("%q became %d events", raw, len(out.Events))
		}
	})
}

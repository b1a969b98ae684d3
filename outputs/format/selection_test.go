package format

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// told is an event with fields of its own, shared ones and all that its head holds.
func told() *event.Event {
	e := &event.Event{ID: event.ID{1}, Time: time.Unix(1, 0).UTC(), Seen: time.Unix(2, 0).UTC(), Dataset: "d", Offset: 7, Raw: "raw",
		Shared: event.Fields{event.NewField(schema.HostName, "", event.String("h")), event.NewField(schema.HostOSName, "", event.String("o")), event.NewField(schema.HostOSVersion, "", event.String("1")),
			event.NewField(schema.LogFilePath, "", event.String("/p"))}}
	e.Fields.AddString(schema.Message, "m")
	e.Fields.AddNamed(schema.Labels, "env", event.String("prod"))
	e.Fields.AddNamed(schema.Labels, "team", event.String("red"))
	e.Fields.AddString(schema.ProcessName, "sh")
	e.Fields.AddString(schema.ProcessParentName, "sshd")
	return e
}

func TestFieldsAreSelected(t *testing.T) {
	const head = `{"@timestamp":"1970-01-01T00:00:01.000Z"`
	id := `"event":{"id":"` + event.ID{1}.String() + `"`
	for _, c := range []struct {
		name          string
		only, without []string
		want          string
	}{
		{"fields", []string{"message", "host.name"}, nil, head + `,"message":"m",` + id + `},"host":{"name":"h"}}`},
		{"a group", []string{"host.os"}, nil, head + `,` + id + `},"host":{"os":{"name":"o","version":"1"}}}`},
		{"a group and not a part of it", []string{"process"}, []string{"process.parent"}, head + `,` + id + `},"process":{"name":"sh"}}`},
		{"one name of a map", []string{"labels.env"}, nil, head + `,` + id + `},"labels":{"env":"prod"}}`},
		{"a map but one name", []string{"labels"}, []string{"labels.env"}, head + `,` + id + `},"labels":{"team":"red"}}`},
		{"a name that is taken back", []string{"labels.env", "labels.team"}, []string{"labels.env"}, head + `,` + id + `},"labels":{"team":"red"}}`},
		{"what the head holds", []string{"event.created", "event.dataset"}, nil, head + `,"event":{"id":"` + event.ID{1}.String() + `","dataset":"d","created":"1970-01-01T00:00:02.000Z"}}`},
		{"without most", nil, []string{"message", "event.original", "event.hash", "event.created", "event.dataset", "host", "labels", "log"}, head + `,` + id + `},"process":{"name":"sh","parent":{"name":"sshd"}}}`},
	} {
		enc, err := New(&Settings{Format: JSON, OnlyFields: c.only, WithoutFields: c.without}, plugin.Env{})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 { // by the third time the form is known
			if got, err := enc.Append(nil, told()); string(got) != c.want || err != nil {
				t.Errorf("%s: %v\ngot  %s\nwant %s", c.name, err, got, c.want)
			}
		}
	}
}

// An event that has no time but that of its reading keeps it.
func TestTheOnlyTimeStays(t *testing.T) {
	e := told()
	e.Time = time.Time{}
	enc, err := New(&Settings{Format: JSON, WithoutFields: []string{"event.created"}}, plugin.Env{})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := enc.Append(nil, e); !bytes.Contains(got, []byte(`"created":"1970-01-01T00:00:02.000Z"`)) {
		t.Errorf("%s", got)
	}
}

func TestWordsOfASelection(t *testing.T) {
	for _, c := range []struct {
		only, without []string
		text, hint    string
	}{
		{[]string{"proces.name"}, nil, `only_fields: the schema has no field and no group "proces.name"`, `did you mean "process.name"?`},
		{nil, []string{"process.paren"}, `without_fields: the schema has no field and no group "process.paren"`, `did you mean "process.parent"?`},
		{nil, []string{"event.id"}, "without_fields: event.id is always written", "remove it"},
		{nil, []string{"@timestamp"}, "without_fields: @timestamp is always written", "remove it"},
		{[]string{"log.offset"}, nil, "only_fields: log.offset stands beside log.file.path", `name "log.file.path"`},
		{[]string{"labels."}, nil, `no group "labels."`, ""},
		{[]string{""}, nil, `only_fields: the schema has no field and no group ""`, ""},
	} {
		s := Settings{Format: JSON, OnlyFields: c.only, WithoutFields: c.without}
		p := s.Check()
		if len(p) != 1 || !p.Bad() || !strings.Contains(p[0].Text, c.text) || !strings.Contains(p[0].Hint, c.hint) {
			t.Errorf("%v, %v: %v", c.only, c.without, p)
		}
		if _, err := New(&s, plugin.Env{}); err == nil {
			t.Errorf("%v, %v: it is built", c.only, c.without)
		}
	}
	for _, s := range []Settings{{Format: RFC5424, WithoutFields: []string{"host"}}, {Format: RFC3164, OnlyFields: []string{"host"}}, {Format: Raw, OnlyFields: []string{"host"}}} {
		if p := s.Check(); len(p) != 1 || p.Bad() || !strings.Contains(p[0].Text, "are of no use") {
			t.Errorf("%+v: %v", s, p)
		}
	}
}

// TestRawHasNoFields: what was read is written whatever fields were asked for.
func TestRawHasNoFields(t *testing.T) {
	enc, err := New(&Settings{Format: Raw, OnlyFields: []string{"host"}}, plugin.Env{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := enc.Append(nil, &event.Event{Raw: "a line", Records: 1}); err != nil || string(got) != "a line" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestASelectionIsAnEventWithLess: what every format writes of a selection is what
// it writes of an event that never had more.
func TestASelectionIsAnEventWithLess(t *testing.T) {
	without := []string{"process.args", "labels.a", "auditd.paths", "host.name", "event.category", "event.created", "event.dataset"}
	sets := []event.Fields{nil, {event.NewField(schema.HostName, "", event.String("h")), event.NewField(schema.LogFilePath, "", event.String("/p"))},
		{event.NewField(schema.HostName, "", event.String("i")), event.NewField(schema.Labels, "a", event.String("shared")), event.NewField(schema.Labels, "b", event.String("shared"))}}
	left := func(f event.Field) bool {
		return f.Key == schema.ProcessArgs || f.Key == schema.Labels && f.Name() == "a" || f.Key == schema.AuditdPaths || f.Key == schema.HostName || f.Key == schema.EventCategory || f.Key == schema.EventDataset
	}
	for _, s := range []Settings{{Format: JSON}, {Format: JSON, Shape: "dotted", JSON: &JSONSettings{MaxBytes: 600}}, {Format: Splunk, JSON: &JSONSettings{MaxBytes: 600}}, {Format: CEF}, {Format: LEEF}, {Format: Text}, {Format: RFC5424, RFC5424: &RFC5424Settings{Body: JSON}}} {
		less := s
		less.WithoutFields = without
		rapid.Check(t, func(t *rapid.T) {
			full, err := New(&s, plugin.Env{})
			if err != nil {
				t.Fatal(err)
			}
			enc, err := New(&less, plugin.Env{})
			if err != nil {
				t.Fatal(err)
			}
			for range 4 {
				e := drawn(t, sets)
				cut := *e
				if cut.Dataset = ""; !e.Time.IsZero() {
					cut.Seen = time.Time{}
				}
				cut.Fields, cut.Shared = slices.DeleteFunc(slices.Clone(e.Fields), left), slices.DeleteFunc(slices.Clone(e.Shared), left)
				for range 3 { // by the third time its form is known
					want, werr := full.Append(nil, &cut)
					got, err := enc.Append(nil, e)
					if s.Format == RFC5424 { // its head is of the whole event
						want, got = want[bytes.IndexByte(want, '{'):], got[bytes.IndexByte(got, '{'):]
					}
					if !bytes.Equal(got, want) || (err == nil) != (werr == nil) {
						t.Fatalf("%s: %v, %v\ngot  %s\nwant %s", s.Format, err, werr, got, want)
					}
				}
			}
		})
	}
}

// TestASelectionKeepsNothing: neither memory of the event nor an allocation for it.
func TestASelectionKeepsNothing(t *testing.T) {
	var enc plugin.Encoder
	for _, name := range []string{JSON, Splunk} {
		var err error
		enc, err = New(&Settings{Format: name, OnlyFields: []string{"message", "host", "labels.env"}}, plugin.Env{})
		if err != nil {
			t.Fatal(err)
		}
		e, dst := told(), make([]byte, 0, 4096)
		for range 3 {
			_, _ = enc.Append(dst, e)
		}
		if n := testing.AllocsPerRun(100, func() { _, _ = enc.Append(dst, e) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	c := enc.(*selected)
	if slices.ContainsFunc(c.ev.Fields[:cap(c.ev.Fields)], func(f event.Field) bool { return f.Key != schema.None || f.NameLen() > 0 || !f.IsZero() }) || c.ev.Shared != nil || c.ev.Dataset != "" {
		t.Errorf("it holds %+v", c.ev)
	}
}

// Sets of shared fields that take turns are parted once each, and where there are more
// than are known each gets its own all the same.
func TestSelectionsOfSetsInTurn(t *testing.T) {
	var events []*event.Event
	for i := range mostShared + 20 {
		name := "host-" + strconv.Itoa(i)
		events = append(events, &event.Event{Shared: event.Fields{event.NewField(schema.HostName, "", event.String(name)), event.NewField(schema.HostID, "", event.String("id"))}})
	}
	encoders := map[string]plugin.Encoder{}
	for name, want := range map[string]string{JSON: `{"host":{"name":"%s"}}`, OCSF: `"unmapped":{"host.name":"%s"}}`} {
		enc, err := New(&Settings{Format: name, WithoutFields: []string{"host.id"}}, plugin.Env{})
		if err != nil {
			t.Fatal(err)
		}
		encoders[name] = enc
		dst := make([]byte, 0, 4096)
		for range 3 {
			for i, e := range events {
				if got, err := enc.Append(dst, e); err != nil || !strings.HasSuffix(string(got), strings.Replace(want, "%s", "host-"+strconv.Itoa(i), 1)) {
					t.Fatalf("%s: %s, %v", name, got, err)
				}
			}
		}
	}
	c := encoders[OCSF].(*selected)
	if len(c.shared) > mostShared {
		t.Errorf("%d sets are known", len(c.shared))
	}
	clear(c.shared)
	turn := func() {
		for _, e := range events[:mostShared] {
			c.show(e)
			c.forget()
		}
	}
	if n := testing.AllocsPerRun(10, turn); n > 0 {
		t.Errorf("%v allocations for %d events", n, mostShared)
	}
}

// A member of objects is named without the number of the object.
func TestAMemberOfObjects(t *testing.T) {
	e := event.Event{ID: event.ID{1}, Time: time.Unix(1, 0).UTC()}
	for _, x := range []string{"0.name=a", "0.ouid=1", "1.name=b", "1.ouid=2"} {
		name, val, _ := strings.Cut(x, "=")
		e.Fields.AddNamed(schema.AuditdPaths, name, event.String(val))
	}
	for _, s := range []Settings{{Format: JSON, OnlyFields: []string{"auditd.paths.name"}}, {Format: JSON, WithoutFields: []string{"auditd.paths.ouid"}}} {
		enc, err := New(&s, plugin.Env{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := enc.Append(nil, &e); err != nil || !bytes.Contains(got, []byte(`"paths":[{"name":"a"},{"name":"b"}]`)) {
			t.Errorf("%v: %s, %v", s.OnlyFields, got, err)
		}
	}
}

// What is not written neither ends a list nor makes an event one of another form.
func TestAListWithOthersInIt(t *testing.T) {
	enc, err := New(&Settings{Format: JSON, OnlyFields: []string{"tags", "labels.a"}}, plugin.Env{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		var e event.Event
		e.Fields.AddString(schema.Tags, "a")
		e.Fields.AddString(schema.Tags, "b")
		for n := range i % 4 {
			e.Fields.AddNamed(schema.Labels, "other"+strconv.Itoa(n+i), event.String("x"))
			e.Fields.AddString(schema.ProcessArgs, "y")
		}
		e.Fields.AddString(schema.Tags, "c")
		e.Fields.AddNamed(schema.Labels, "a", event.String(strconv.Itoa(i)))
		if got, err := enc.Append(nil, &e); err != nil || string(got) != `{"labels":{"a":"`+strconv.Itoa(i)+`"},"tags":["a","b","c"]}` {
			t.Errorf("%d: %s, %v", i, got, err)
		}
	}
}

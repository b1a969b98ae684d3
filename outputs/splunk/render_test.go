package splunk

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// rendered is what the output makes of one event.
func rendered(t *testing.T, e *event.Event, change func(*Settings)) string {
	t.Helper()
	s := settingsFor(t, "http://127.0.0.1:1")
	change(s)
	if p := s.Check(); p.Bad() {
		t.Fatal(p)
	}
	o, err := build(s, plugintest.Env(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if failed := o.render([]event.Event{*e}); len(failed) > 0 {
		t.Fatal(failed)
	}
	return string(o.raw)
}

func execve() *event.Event {
	e := &event.Event{ID: event.NewID([]byte("x")), Time: time.Unix(1_700_000_000, 7_999_999).UTC(), Dataset: "auditd.log"}
	e.Fields.AddString(schema.EventModule, "auditd")
	e.Fields.AddString(schema.EventAction, "executed")
	e.Shared.AddString(schema.HostName, "web-1")
	e.Shared.AddString(schema.TallymanInput, "audit")
	e.Shared.AddString(schema.LogFilePath, "/var/log/audit/audit.log")
	return e
}

func TestEnvelope(t *testing.T) {
	const head = `{"time":1700000000.007,"host":"web-1","source":"tallyman:audit:/var/log/audit/audit.log",`
	id := execve().ID.String()
	for _, c := range []struct {
		name   string
		change func(*Settings)
		want   string // what it begins with
	}{
		{"defaults", func(*Settings) {}, head + `"sourcetype":"tallyman:auditd","fields":{"event_id":"` + id + `","action":"executed","dataset":"auditd.log"},"event":{"@timestamp":"2023-11-14T22:13:20.007`},
		{"a text", func(s *Settings) { s.Format.Format = "cef" }, head + `"sourcetype":"tallyman:cef","fields":{"event_id":"` + id + `","action":"executed","dataset":"auditd.log"},"event":"CEF:0|`},
		{"templates", func(s *Settings) {
			s.Host.Value, s.Source.Value, s.Sourcetype.Value = "h-{{ container.id | host.name }}", "s", "st:{{ event.action }}"
			s.Index.Value, s.Fields = "audit_{{ event.module }}", map[string]string{"b\"": "{{ container.id }}", "a\"": "1", "event_id": "mine"}
		}, `{"time":1700000000.007,"host":"h-web-1","source":"s","sourcetype":"st:executed","index":"audit_auditd","fields":{"event_id":"` + id + `","a\"":"1"},"event":{`},
	} {
		got := rendered(t, execve(), c.change)
		if !strings.HasPrefix(got, c.want) || !json.Valid([]byte(got)) {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

// TestWhatAnEventCannotDo: no value ends a line, leaves the fixed beginning of an
// index, or fills the metadata.
func TestWhatAnEventCannotDo(t *testing.T) {
	for _, c := range []struct{ value, index, source string }{
		{"../_internal\r\nx", "audit_____internal__x", "s-../_internal__x"},
		{"A\x00ß", "audit_a___", "s-A_ß"},
		{"", "audit_none", "s-"},
		{strings.Repeat("y", 9000), "audit_" + strings.Repeat("y", most-6), "s-" + strings.Repeat("y", most-2)},
	} {
		e := execve()
		e.Fields = nil
		e.Fields.AddString(schema.EventAction, c.value)
		got := rendered(t, e, func(s *Settings) {
			s.Index.Value, s.Source.Value, s.Fields = "audit_{{ event.action }}", "s-{{ event.action }}", nil
		})
		var out envelope
		if err := json.Unmarshal([]byte(got), &out); err != nil || out.Index != c.index || out.Source != c.source {
			t.Errorf("%q: index %q, source %q, %v", c.value, out.Index, out.Source, err)
		}
	}
	e := execve()
	for value, want := range map[string]string{"auditd": "auditd", "other": ""} {
		e.Fields.Set(schema.EventModule, event.String(value))
		got := rendered(t, e, func(s *Settings) { s.Index.Value, s.Indexes = "{{ event.module }}", []string{"auditd", "docker"} })
		var out envelope
		if err := json.Unmarshal([]byte(got), &out); err != nil || out.Index != want {
			t.Errorf("module %q goes to index %q, %v", value, out.Index, err)
		}
	}
}

func TestSourcetypes(t *testing.T) {
	for dataset, want := range map[string]string{"auditd.log": "tallyman:auditd", "docker.events": "tallyman:docker", "kubernetes.audit": "tallyman:kubernetes:audit",
		"tallyman.internal": "tallyman:internal", "": "tallyman:event"} {
		e := &event.Event{Dataset: dataset}
		if got := rendered(t, e, func(*Settings) {}); !strings.Contains(got, `"sourcetype":"`+want+`"`) || strings.Contains(got, `"time"`) {
			t.Errorf("%s: %s", dataset, got)
		}
	}
	e := execve()
	e.Fields.AddString(schema.EventKind, "alert")
	if got := rendered(t, e, func(*Settings) {}); !strings.Contains(got, `"sourcetype":"tallyman:alert"`) {
		t.Errorf("an alert: %s", got)
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Settings)
		want   string
		warn   bool
	}{
		{"no token", func(s *Settings) { s.Token = plugin.Secret{} }, "token refers to nothing", false},
		{"zstd", func(s *Settings) { s.Web.Compression = "zstd" }, "does not take zstd", false},
		{"a path", func(s *Settings) { s.Web.URL[0].Value += "/services/collector/event" }, "end it before /services/collector", false},
		{"unencrypted", func(s *Settings) { s.Web.URL[0].Value = "http://h:8088" }, "unencrypted", true},
		{"no time", func(s *Settings) { s.AckTimeout = 0 }, "ack_timeout the longer one", false},
		{"no window", func(s *Settings) { s.Window = 0 }, "more than nothing", false},
		{"small bodies", func(s *Settings) { s.MaxBytes = 1 }, "max_bytes is 1", false},
		{"no deliveries", func(s *Settings) { s.Concurrency = 0 }, "at least 1", false},
		{"several with ack", func(s *Settings) { s.Ack, s.Concurrency = true, 2 }, "no effect with ack", true},
		{"an index of Splunk's own", func(s *Settings) { s.Index.Value = "_internal" }, "is no name of an index", false},
		{"an index that any event may choose", func(s *Settings) { s.Index.Value = "{{ event.module }}" }, "could choose any index", false},
		{"a beginning of Splunk's own", func(s *Settings) { s.Index.Value = "_{{ event.module }}" }, "which no name of an index does", false},
		{"a list for nothing", func(s *Settings) { s.Index.Value, s.Indexes = "a", []string{"b"} }, "remove indexes", false},
		{"a bad list", func(s *Settings) { s.Index.Value, s.Indexes = "{{ event.module }}", []string{"B"} }, `"B" is no name`, false},
		{"no such field", func(s *Settings) { s.Host.Value = "{{ host.nmae }}" }, `there is no field "host.nmae"`, false},
		{"an open place", func(s *Settings) { s.Source.Value = "{{ host.name" }, "there is no }}", false},
		{"a line end", func(s *Settings) { s.Sourcetype.Value = "a\nb" }, "line end", false},
	} {
		s := settingsFor(t, "https://127.0.0.1:8088")
		c.change(s)
		if p := s.Check(); !strings.Contains(p.Error(), c.want) || p.Bad() == c.warn {
			t.Errorf("%s: %v", c.name, p)
		}
	}
}

// TestObjectsStayObjects: what is a JSON object stands in an envelope as one, so
// that Splunk finds its fields; every other format is a text there.
func TestObjectsStayObjects(t *testing.T) {
	for format, first := range map[string]byte{"json": '{', "splunk": '{', "ocsf": '{', "cef": '"', "leef": '"', "rfc5424": '"', "text": '"'} {
		d := newDouble(t, nil)
		s := settingsFor(t, d.URL)
		s.Format.Format = format
		out, _ := open(t, s)
		if refused := send(t, out, marks(0, 2)); len(refused) > 0 {
			t.Fatal(refused)
		}
		for _, e := range d.indexers[0].events {
			if len(e.Event) == 0 || e.Event[0] != first {
				t.Errorf("%s: the event is %.40s", format, e.Event)
			}
		}
		if n := len(d.stored()); n != 2 {
			t.Errorf("%s: %d are stored", format, n)
		}
	}
}

// TestAHeadIsOfItsEvent: what an envelope says of where its event came from is that of
// this event, whatever the one before shared or had of its own.
func TestAHeadIsOfItsEvent(t *testing.T) {
	shared := func(host, path string) event.Fields {
		var f event.Fields
		f.AddString(schema.HostName, host)
		f.AddString(schema.TallymanInput, "logs")
		f.AddString(schema.LogFilePath, path)
		return f
	}
	one, two := shared("web-1", "/a"), shared("web-2", "/b")
	own := func(set event.Fields, k schema.Key, v string) event.Event {
		e := event.Event{Time: time.Unix(1_700_000_000, 0), Dataset: "d." + v, Shared: set}
		e.Fields.AddString(k, v)
		return e
	}
	events := []event.Event{
		own(one, schema.Message, "m"), own(one, schema.Message, "n"), own(two, schema.Message, "o"), own(one, schema.HostName, "mine"),
		own(one, schema.Message, "p"), own(one, schema.LogFilePath, "/mine"), own(one, schema.TallymanInput, "other"), own(one[:1], schema.Message, "q"),
		own(nil, schema.Message, "r"), own(nil, schema.LogSourceAddress, "10.0.0.1"), own(two, schema.LogSourceAddress, "10.0.0.1"), own(two, schema.Message, "s"),
	}
	for _, c := range []struct{ host, source string }{
		{"{{ host.name }}", ""}, {"{{ container.name | host.name }}", "s:{{ log.file.path }}"}, {"h", "{{ event.dataset }}"}, {"{{ host.name }}", "{{ message }}"},
	} {
		s := settingsFor(t, "http://127.0.0.1:1")
		s.Host.Value, s.Source.Value = c.host, c.source
		if p := s.Check(); p.Bad() {
			t.Fatal(p)
		}
		o, err := build(s, plugintest.Env(t.TempDir()))
		if err != nil {
			t.Fatal(err)
		}
		for i := range events {
			want := rendered(t, &events[i], func(s *Settings) { s.Host.Value, s.Source.Value = c.host, c.source })
			if failed := o.render(events[i : i+1]); len(failed) > 0 || string(o.raw) != want {
				t.Errorf("host %q, source %q, event %d: %v\ngot  %s\nwant %s", c.host, c.source, i, failed, o.raw, want)
			}
		}
	}
}

package format

import (
	"encoding/json"
	"strings"
	"testing"

	gosyslog "github.com/influxdata/go-syslog/v3/rfc5424"

	"tallyman/outputs/format/formattest"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

func sample() *event.Event {
	e := &event.Event{Dataset: "auditd.log"}
	e.Fields.AddString(schema.Message, "one\ntwo\r=x")
	e.Fields.AddString(schema.UserName, "ana")
	return e
}

func TestEachFormatIsOneLine(t *testing.T) {
	for _, c := range []struct {
		settings Settings
		part     string
	}{
		{Settings{Format: JSON}, `"user":{"name":"ana"}`},
		{Settings{Format: JSON, Shape: "nested"}, `"user":{"name":"ana"}`},
		{Settings{Format: JSON, Shape: "dotted"}, `"user.name":"ana"`},
		{Settings{Format: CEF}, `CEF:0|Tallyman|tallyman|`},
		{Settings{Format: CEF, CEF: &CEFSettings{Version: 1, Vendor: "V", Product: "P"}}, `CEF:1|V|P|`},
		{Settings{Format: RFC5424}, `[tallyman@32473 dataset="auditd.log" escaped="message"] one\x0atwo\x0d=x`},
		{Settings{Format: Splunk}, `{"time":0.000,"message":"one\ntwo\r=x",`},
		{Settings{Format: OCSF}, `{"class_uid":0,"category_uid":0,"activity_id":0,`},
		{Settings{Format: LEEF}, "LEEF:2.0|Tallyman|tallyman|0|auditd|x09|"},
		{Settings{Format: LEEF, LEEF: &LEEFSettings{Version: "1.0", Vendor: "V", Product: "P"}}, "LEEF:1.0|V|P|0|auditd|sev=1\tusrName=ana"},
		{Settings{Format: LEEF, LEEF: &LEEFSettings{Delimiter: "^"}}, "|auditd|^|sev=1^usrName=ana"},
		{Settings{Format: RFC5424, RFC5424: &RFC5424Settings{Body: CEF}}, "auditd-log - CEF:0|"},
		{Settings{Format: RFC5424, RFC5424: &RFC5424Settings{Body: LEEF, StructuredData: "full"}}, `dataset="auditd.log"] LEEF:2.0|`},
		{Settings{Format: RFC5424, RFC5424: &RFC5424Settings{Body: JSON, StructuredData: "none"}, Shape: "dotted"}, `auditd-log - {"message":`},
		{Settings{Format: RFC5424, RFC5424: &RFC5424Settings{StructuredData: "none"}}, `auditd-log - one`},
		{Settings{Format: RFC3164}, `]: one\x0atwo\x0d=x`},
		{Settings{Format: RFC3164, RFC3164: &RFC3164Settings{Body: JSON, TimeZone: "Local"}}, `]: {"message":`},
		{Settings{Format: Text}, `ana       one\ntwo\r=x`},
		{Settings{Format: Raw}, `one\ntwo\r=x`},
		{Settings{Format: RFC5424, RFC5424: &RFC5424Settings{Body: Raw, StructuredData: "none"}}, `auditd-log - one\x0atwo\x0d=x`},
		{Settings{Format: RFC3164, RFC3164: &RFC3164Settings{Body: Raw}}, `]: one\x0atwo\x0d=x`},
	} {
		if p := c.settings.Check(); p != nil {
			t.Errorf("%+v: %v", c.settings, p)
		}
		enc, err := New(&c.settings, plugin.Env{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := enc.Append(nil, sample())
		if err != nil || strings.ContainsAny(string(got), "\n\r\x1b") || !strings.Contains(string(got), c.part) {
			t.Errorf("%s %s: %q, %v; want %q in one line", c.settings.Format, c.settings.Shape, got, err, c.part)
		}
	}
	if _, err := New(&Settings{Format: "xml"}, plugin.Env{}); err == nil {
		t.Error("an unknown format is built")
	}
}

// Every format keeps within its max_bytes, whatever the event holds, and is read
// by its reader afterwards.
func TestLimitsOfSettings(t *testing.T) {
	e := sample()
	for _, k := range []schema.Key{schema.ProcessCommandLine, schema.Message, schema.FilePath, schema.UserName} {
		e.Fields.Set(k, event.String(strings.Repeat("a=b\xff^\"\n", 1<<16)))
	}
	leefs := func(s string) error { _, err := formattest.LEEF(s); return err }
	cefs := func(s string) error { _, err := formattest.CEF(s); return err }
	objects := func(s string) error { return json.Unmarshal([]byte(s), new(map[string]any)) }
	any5424 := func(s string) error { _, err := gosyslog.NewParser().Parse([]byte(s)); return err }
	for _, c := range []struct {
		settings Settings
		read     func(string) error
	}{
		{Settings{Format: JSON, JSON: &JSONSettings{MaxBytes: 2048}}, objects},
		{Settings{Format: Splunk, JSON: &JSONSettings{MaxBytes: 2048}}, objects},
		{Settings{Format: OCSF, OCSF: &OCSFSettings{MaxBytes: 2048}}, objects},
		{Settings{Format: CEF, CEF: &CEFSettings{MaxBytes: 2048}}, cefs},
		{Settings{Format: LEEF, LEEF: &LEEFSettings{MaxBytes: 2048, Delimiter: "^"}}, leefs},
		{Settings{Format: RFC5424, RFC5424: &RFC5424Settings{MaxBytes: 2048}}, any5424},
		{Settings{Format: RFC5424, RFC5424: &RFC5424Settings{MaxBytes: 2048, Body: JSON}}, any5424},
		{Settings{Format: RFC5424, RFC5424: &RFC5424Settings{MaxBytes: 2048, Body: LEEF}, LEEF: &LEEFSettings{MaxBytes: 9000}}, any5424},
		{Settings{Format: RFC3164, RFC3164: &RFC3164Settings{MaxBytes: 2048, Body: Splunk}}, func(s string) error { return objects(s[strings.IndexByte(s, '{'):]) }},
	} {
		enc, err := New(&c.settings, plugin.Env{})
		if err != nil {
			t.Fatal(err)
		}
		out, err := enc.Append(nil, e)
		if err != nil || len(out) > 2048 || len(out) < 300 {
			t.Errorf("%s: %d bytes, %v", c.settings.Format, len(out), err)
		} else if err := c.read(string(out)); err != nil {
			t.Errorf("%s: %v in %s", c.settings.Format, err, out)
		}
		if m, ok := enc.(Messages); !ok || !m.Shortened() {
			t.Errorf("%s does not say that it was shortened", c.settings.Format)
		}
	}
}

// TestWhatWasRead: raw, and a message whose body it is, say the source text where it is
// kept, and all others the event's message.
func TestWhatWasRead(t *testing.T) {
	e := sample()
	e.Raw, e.Records = "type=SYSCALL a0=1", 1
	for _, c := range []struct {
		settings Settings
		raw      bool
	}{
		{Settings{Format: Raw}, true},
		{Settings{Format: RFC5424, RFC5424: &RFC5424Settings{Body: Raw}}, true},
		{Settings{Format: RFC3164, RFC3164: &RFC3164Settings{Body: Raw}}, true},
		{Settings{Format: RFC5424}, false},
		{Settings{Format: RFC3164}, false},
		{Settings{Format: Text}, false},
	} {
		for _, message := range []bool{false, true} {
			enc, err := New(&c.settings, plugin.Env{})
			if message {
				enc, err = NewMessage(&c.settings, Message{}, plugin.Env{})
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := enc.Append(nil, e)
			if err != nil || strings.HasSuffix(string(got), e.Raw) != c.raw {
				t.Errorf("%+v: %q, %v", c.settings, got, err)
			}
		}
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for _, c := range []struct {
		settings Settings
		text     string
		bad      bool
	}{
		{Settings{Format: CEF, Shape: "dotted"}, "shape is for format json", false},
		{Settings{Format: JSON, CEF: &CEFSettings{}}, "cef is for format cef", false},
		{Settings{Format: CEF, CEF: &CEFSettings{Version: 2}}, "cef.version is 2", true},
		{Settings{Format: CEF, CEF: &CEFSettings{MaxBytes: 100}}, "cef.max_bytes is 100", true},
		{Settings{Format: LEEF, LEEF: &LEEFSettings{Version: "1.0", Delimiter: "^"}}, "LEEF 1.0 has no delimiter", true},
		{Settings{Format: OCSF, OCSF: &OCSFSettings{MaxBytes: 1024}}, "ocsf.max_bytes is 1024", true},
		{Settings{Format: RFC5424, RFC5424: &RFC5424Settings{MaxBytes: 479}}, "rfc5424.max_bytes is 479", true},
		{Settings{Format: RFC3164, RFC3164: &RFC3164Settings{TimeZone: "Mars"}}, "rfc3164.time_zone", true},
		{Settings{Format: RFC5424, LEEF: &LEEFSettings{}}, "leef is for format leef", false},
		{Settings{Format: Text, RFC3164: &RFC3164Settings{}}, "rfc3164 is for format rfc3164", false},
	} {
		p := c.settings.Check()
		if len(p) != 1 || !strings.Contains(p[0].Text, c.text) || p.Bad() != c.bad {
			t.Errorf("%+v: %v", c.settings, p)
		}
	}
}

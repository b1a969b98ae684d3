package format

import (
	"strings"
	"testing"

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
		{Settings{Format: Text}, `ana       one\ntwo\r=x`},
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
	} {
		p := c.settings.Check()
		if len(p) != 1 || !strings.Contains(p[0].Text, c.text) || p.Bad() != c.bad {
			t.Errorf("%+v: %v", c.settings, p)
		}
	}
}

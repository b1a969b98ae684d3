package syslog

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"tallyman/outputs/format"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// What New builds renders, for each format, the payload that it names.
func TestFormats(t *testing.T) {
	for _, c := range []struct {
		format string
		change func(*Settings)
		want   string // after the message's fixed beginning
	}{
		{format.RFC5424, func(*Settings) {}, `<132>1 - - tallyman PID d [tallyman@32473 dataset="d" action="a" escaped="message"] one\x0atwo`},
		{format.CEF, func(*Settings) {}, `<132>1 - - tallyman PID d - CEF:0|Tallyman|tallyman|0|d.a|Event|5|deviceFacility=d act=a msg=one\ntwo`},
		{format.JSON, func(s *Settings) { s.Shape = "dotted" }, `<132>1 - - tallyman PID d [tallyman@32473 dataset="d" action="a"] {"message":"one\ntwo","event.action":"a","event.dataset":"d","event.severity":5}`},
		{format.Text, func(s *Settings) { s.DataID = "x@1" }, `<132>1 - - tallyman PID d [x@1 dataset="d" action="a"] -                        medium    -                -         one\ntwo`},
		{format.CEF, func(s *Settings) { s.Facility = "local7" }, `<188>1 - - tallyman PID d - CEF:0|Tallyman|tallyman|0|d.a|Event|5|deviceFacility=d act=a msg=one\ntwo`},
	} {
		s := Default()
		s.Address, s.Format = plugin.Text{Value: "tcp://siem"}, c.format
		c.change(&s)
		if p := s.Check(); p != nil {
			t.Fatal(p)
		}
		o, err := New(&s, plugin.Env{})
		if err != nil {
			t.Fatal(err)
		}
		e := &event.Event{Dataset: "d"}
		e.Fields.AddString(schema.Message, "one\ntwo")
		e.Fields.AddString(schema.EventAction, "a")
		e.Fields.Add(schema.EventSeverity, event.Int(5))
		out := o.(*output)
		if err := out.render(e); err != nil {
			t.Fatal(err)
		}
		pid := strings.Fields(string(out.msg))[4]
		if want := strings.Replace(c.want, "PID", pid, 1); string(out.msg) != want {
			t.Errorf("%s:\ngot  %q\nwant %q", c.format, out.msg, want)
		}
	}
}

// A CEF event that is too long for a message stays CEF: it is shortened by its
// own rules and not cut.
func TestLongCEFIsShortenedAndNotCut(t *testing.T) {
	s := Default()
	s.Address, s.Format, s.MaxBytes = plugin.Text{Value: "udp://siem"}, format.CEF, 1000
	o, err := New(&s, plugin.Env{})
	if err != nil {
		t.Fatal(err)
	}
	out := o.(*output)
	e := &event.Event{}
	e.Fields.AddString(schema.ProcessCommandLine, strings.Repeat("=", 1000))
	for i := range 2 {
		if err := out.render(e); err != nil {
			t.Fatal(err)
		}
		if n := len(out.msg); n > 1000 || n < 990 || !strings.HasSuffix(string(out.msg), `\= cs4Label=CommandLine TallymanTruncated=true`) {
			t.Errorf("%d bytes that end in %q", n, out.msg[n-60:])
		}
		if n := out.truncated.Value(); n != uint64(i+1) {
			t.Errorf("%d messages counted", n)
		}
	}
}

// A long argument leaves JSON valid, and everybody who had to do with it in it.
func TestLongJSONIsShortenedAndNotCut(t *testing.T) {
	for _, address := range []string{"udp://siem", "tcp://siem"} {
		s := Default()
		s.Address, s.Format = plugin.Text{Value: address}, format.JSON
		o, err := New(&s, plugin.Env{})
		if err != nil {
			t.Fatal(err)
		}
		out := o.(*output)
		e := &event.Event{Dataset: "auditd.log"}
		for _, f := range []struct {
			k schema.Key
			v string
		}{{schema.ProcessArgs, strings.Repeat("\\", 20000)}, {schema.ProcessCommandLine, strings.Repeat("\\", 20000)}, {schema.UserName, "ana"}, {schema.ContainerID, strings.Repeat("c", 64)}, {schema.EventOutcome, "success"}} {
			e.Fields.AddString(f.k, f.v)
		}
		if err := out.render(e); err != nil {
			t.Fatal(err)
		}
		_, text, _ := strings.Cut(string(out.msg), "] {")
		var doc struct {
			User      struct{ Name string }
			Container struct{ ID string }
			Event     struct{ Outcome string }
			Tags      []string
		}
		if err := json.Unmarshal([]byte("{"+text), &doc); err != nil || len(out.msg) > out.max || out.truncated.Value() != 1 {
			t.Fatalf("%s: %v, %d bytes, %d counted: %s", address, err, len(out.msg), out.truncated.Value(), out.msg)
		}
		if doc.User.Name != "ana" || len(doc.Container.ID) != 64 || doc.Event.Outcome != "success" || fmt.Sprint(doc.Tags) != "[tallyman_shortened]" {
			t.Errorf("%s: %+v", address, doc)
		}
	}
}

func TestFormatSettingsAreChecked(t *testing.T) {
	for name, change := range map[string]func(*Settings){
		"sd_id":       func(s *Settings) { s.DataID = "a b" },
		"cef.version": func(s *Settings) { s.Format, s.CEF = format.CEF, &format.CEFSettings{Version: 3} },
	} {
		s := Default()
		s.Address = plugin.Text{Value: "tcp://siem"}
		change(&s)
		if p := s.Check(); !p.Bad() || !strings.Contains(fmt.Sprint(p), name) {
			t.Errorf("%s: %v", name, p)
		}
	}
}

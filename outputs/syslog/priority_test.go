package syslog

import (
	"fmt"
	"strings"
	"testing"

	"tallyman/outputs/format"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// severities are the codes of RFC 5424 section 6.2.1 for event.severity 0 to 10.
var severities = [...]int{6, 6, 6, 5, 4, 4, 4, 3, 3, 2, 2}

// Every format, alone and as the body of both forms of syslog, has the facility
// of the settings, or that of the event's kind, and the severity of the event; and
// a body that has a severity of its own agrees.
func TestEveryBodyHasFacilityAndSeverity(t *testing.T) {
	forms := map[string]func(*Settings){}
	for _, w := range format.Words() {
		forms[w] = func(s *Settings) { s.Format = w }
	}
	for _, body := range []string{format.JSON, format.CEF, format.LEEF, format.OCSF, format.Text} {
		forms["rfc5424/"+body] = func(s *Settings) { s.Format, s.RFC5424 = format.RFC5424, &format.RFC5424Settings{Body: body} }
		forms["rfc3164/"+body] = func(s *Settings) { s.Format, s.RFC3164 = format.RFC3164, &format.RFC3164Settings{Body: body} }
	}
	for name, change := range forms {
		for _, kind := range []struct {
			facility, dataset string
			number            int
		}{{"", "auditd.log", 10}, {"", "identity.change", 10}, {"", "file.log", 16}, {"local7", "auditd.log", 23}, {"user", "file.log", 1}} {
			t.Run(name+"/"+kind.facility+kind.dataset, func(t *testing.T) {
				s := Default()
				s.Address, s.Facility = plugin.Text{Value: "tcp://siem"}, kind.facility
				change(&s)
				if p := s.Check(); p.Bad() {
					t.Fatal(p)
				}
				o, err := New(&s, plugin.Env{})
				if err != nil {
					t.Fatal(err)
				}
				out := o.(*output)
				for severity, code := range severities {
					e := &event.Event{Dataset: kind.dataset}
					e.Fields.AddString(schema.Message, "hello")
					e.Fields.Add(schema.EventSeverity, event.Int(int64(severity)))
					if err := out.render(e); err != nil {
						t.Fatal(err)
					}
					if want := fmt.Sprintf("<%d>", 8*kind.number+code); !strings.HasPrefix(string(out.msg), want) {
						t.Errorf("severity %d: %.60q, want %s", severity, out.msg, want)
					}
					if own := ownSeverity(name, severity); !strings.Contains(string(out.msg), own) {
						t.Errorf("severity %d: %q lacks %q", severity, out.msg, own)
					}
				}
			})
		}
	}
}

// ownSeverity is how a body says a severity, "" where it does not.
func ownSeverity(form string, n int) string {
	switch form[strings.LastIndexByte(form, '/')+1:] {
	case format.JSON:
		return fmt.Sprintf(`"severity":%d`, n)
	case format.CEF:
		return fmt.Sprintf("|Event|%d|", n)
	case format.LEEF:
		return fmt.Sprintf("sev=%d", max(n, 1)) // LEEF knows 1 to 10
	}
	return ""
}

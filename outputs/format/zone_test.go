package format

import (
	"strings"
	"testing"
	"unicode/utf8"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// TestTheZoneOfAnAddress: what follows the % of an IPv6 address may be any bytes. None
// of them ends a line or begins a key of another field.
func TestTheZoneOfAnAddress(t *testing.T) {
	for _, zone := range []string{"eth0", "a\nb", "a\rb", "x duser=root", "x\tusrName=root", "x\",\"user\":\"root", "x\\", "x^usrName=root", "\x00", "\xff", "\u0085"} {
		ip, ok := event.IP("fe80::1%" + zone)
		if !ok {
			continue // then it is no address, and escaped as any text
		}
		for _, s := range []Settings{{Format: JSON}, {Format: JSON, Shape: "dotted"}, {Format: Splunk}, {Format: OCSF}, {Format: CEF}, {Format: CEF, CEF: &CEFSettings{IPv6InSrc: true}},
			{Format: LEEF}, {Format: LEEF, LEEF: &LEEFSettings{Delimiter: "^"}}, {Format: LEEF, LEEF: &LEEFSettings{Delimiter: "%"}}, {Format: LEEF, LEEF: &LEEFSettings{Version: "1.0"}}, {Format: RFC5424}, {Format: Text}} {
			e := &event.Event{Dataset: "auditd.log"}
			e.Fields.AddString(schema.EventAction, "logged-in")
			e.Fields.AddString(schema.EventOutcome, "success")
			for _, k := range []schema.Key{schema.SourceIP, schema.DestinationIP, schema.HostIP, schema.ServerIP} {
				e.Fields.Add(k, ip)
			}
			enc, err := New(&s, plugin.Env{})
			if err != nil {
				t.Fatal(err)
			}
			out, err := enc.Append(nil, e)
			got := string(out)
			broken := strings.ContainsAny(got, "\n\r\x00\u0085") || !utf8.ValidString(got)
			switch s.Format {
			case CEF:
				broken = broken || strings.Contains(got, "duser=")
			case LEEF:
				broken = broken || strings.Contains(got, delimiter(&s)+"usrName=") || strings.Contains(got, delimiter(&s)+"eth0")
			case Text, RFC5424: // a quote is a letter as any
			default:
				broken = broken || strings.Contains(got, `,"user":"root`)
			}
			if err != nil || broken {
				t.Errorf("%s, %q: %v\n%q", s.Format, zone, err, got)
			}
			if zone == "eth0" && s.Format != RFC5424 && s.Format != Text && delimiter(&s) != "%" && !strings.Contains(got, "fe80::1%eth0") {
				t.Errorf("%s: %s", s.Format, got)
			}
		}
	}
}

// delimiter parts the attributes of LEEF.
func delimiter(s *Settings) string {
	if s.LEEF == nil || s.LEEF.Delimiter == "" {
		return "\t"
	}
	return s.LEEF.Delimiter
}

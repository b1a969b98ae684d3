package main

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	leefformat "tallyman/outputs/format/leef"
	"tallyman/pipeline/decode"
	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
	leefdecoder "tallyman/transforms/decode/leef"
	syslogdecoder "tallyman/transforms/decode/syslog"
)

// leefTexts are the fields of SCHEMA.md, section 7, that are one text.
var leefTexts = []schema.Key{
	schema.HostName, schema.EventReason, schema.UserName, schema.UserTargetName, schema.GroupName, schema.URLOriginal, schema.ProcessExecutable,
	schema.ProcessParentName, schema.ProcessCommandLine, schema.FilePath, schema.ContainerID, schema.ContainerName, schema.AuditdSession, schema.Message,
}

// leefSays is what a text becomes in LEEF, which has no escapes: tabs and line ends
// are blanks, and what must not stand for itself is written as \xHH.
func leefSays(s string) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	dirty := false
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			b.WriteByte(' ')
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError && n == 1:
			dirty = true
			for _, c := range []byte(s[i : i+n]) {
				b.WriteString(`\x` + string(digits[c>>4]) + string(digits[c&15]))
			}
		case r == '\\':
			b.WriteString(`\\`)
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	if !dirty {
		return strings.NewReplacer("\t", " ", "\n", " ", "\r", " ").Replace(s)
	}
	return b.String()
}

// TestLEEFComesBack: what one tallyman sends as LEEF, behind a head of syslog,
// another reads as the same.
func TestLEEFComesBack(t *testing.T) {
	stage := decode.New([]plugin.Plugin{syslogdecoder.Plugin, leefdecoder.Plugin},
		plugin.Env{Name: "in", Meter: new(meter.Registry), Now: func() time.Time { return time.Unix(1_700_000_000, 0).UTC() }})
	encoders := []*leefformat.Encoder{leefformat.New(leefformat.Options{}), leefformat.New(leefformat.Options{Version: "1.0"})}
	rapid.Check(t, func(t *rapid.T) {
		e := event.Event{Time: time.UnixMilli(rapid.Int64Range(1e11, 4e12).Draw(t, "time")).UTC(), Dataset: "auditd.log"}
		for _, k := range leefTexts {
			e.Fields.AddString(k, cefText().Draw(t, k.String()))
		}
		pid := rapid.Int64Range(0, 1<<22).Draw(t, "pid")
		e.Fields.Add(schema.ProcessPID, event.Int(pid))
		e.Fields.Add(schema.EventSeverity, event.Int(1+pid%10))
		e.Fields.Add(schema.SourcePort, event.Int(pid%65536))
		ip, _ := event.IP(rapid.SampledFrom([]string{"192.0.2.7", "2001:db8::7"}).Draw(t, "ip"))
		e.Fields.Add(schema.SourceIP, ip)
		e.Fields.AddString(schema.EventAction, "opened-file")
		e.Fields.AddString(schema.EventOutcome, "failure")
		line, err := encoders[pid%2].Append([]byte("<86>Nov 14 22:13:19 relay "), &e)
		if err != nil {
			t.Fatal(err)
		}
		got := readBack(t, stage, string(line))
		if got.Dataset != leefdecoder.Dataset || !got.Time.Equal(e.Time) || got.Raw != "" {
			t.Fatalf("dataset %q, time %v for %v, raw %q, error %q", got.Dataset, got.Time, e.Time, got.Raw, got.Get(schema.ErrorMessage).Str())
		}
		for _, k := range leefTexts {
			want := leefSays(e.Get(k).Str())
			if have := got.Get(k).Str(); have != want && strings.Trim(want, " ") != "" {
				t.Fatalf("%s came back as %q, want %q, in\n%q", k, have, want, line)
			}
		}
		for _, k := range []schema.Key{schema.ProcessPID, schema.EventSeverity, schema.SourcePort, schema.SourceIP, schema.EventAction, schema.EventOutcome} {
			if !got.Get(k).Equal(e.Get(k)) {
				t.Fatalf("%s came back as %s, was %s", k, got.Get(k).Append(nil), e.Get(k).Append(nil))
			}
		}
	})
}

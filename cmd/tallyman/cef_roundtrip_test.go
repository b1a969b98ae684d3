package main

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	cefformat "tallyman/outputs/format/cef"
	"tallyman/pipeline/decode"
	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
	cefdecoder "tallyman/transforms/decode/cef"
	syslogdecoder "tallyman/transforms/decode/syslog"
)

// This file holds the CEF that is written to the CEF that is read: what one
// tallyman sends as CEF, behind a head of syslog, another reads as the same.

// roundTripped are the fields of SCHEMA.md, section 6, that are one text.
var roundTripped = []schema.Key{
	schema.HostName, schema.HostID, schema.EventAction, schema.EventReason, schema.SourceDomain, schema.UserName, schema.UserID,
	schema.ProcessExecutable, schema.UserTargetName, schema.UserTargetID, schema.FileName, schema.FilePath, schema.FileType, schema.FileInode,
	schema.FileMode, schema.URLOriginal, schema.HTTPRequestMethod, schema.UserAgentOriginal, schema.ContainerID, schema.ProcessCommandLine,
	schema.ContainerName, schema.Message,
}

// cefText draws texts with all that CEF gives a meaning, and bytes that are no
// text at all.
func cefText() *rapid.Generator[string] {
	piece := rapid.OneOf(rapid.SampledFrom([]string{`\`, "|", "=", " a=b", " suser=root", "\n", "\r", "\t", "\x00", "\x1b", "\xff", `\x41`, `\n`, "é", "CEF:0|", " cs1Label=x"}),
		rapid.StringN(1, 6, 12))
	return rapid.Map(rapid.SliceOfN(piece, 0, 6), func(s []string) string { return strings.Join(s, "") })
}

func newReader() *decode.Stage {
	return decode.New([]plugin.Plugin{syslogdecoder.Plugin, cefdecoder.Plugin},
		plugin.Env{Name: "in", Meter: new(meter.Registry), Now: func() time.Time { return time.Unix(1_700_000_000, 0).UTC() }})
}

func readBack(t *rapid.T, stage *decode.Stage, text string) event.Event {
	var in, out event.Batch
	in.Add(event.Event{Decode: "syslog", Raw: text, Records: 1, Seen: time.Unix(1_700_000_000, 0).UTC()})
	if err := stage.Apply(t.Context(), &in, &out); err != nil || len(out.Events) != 1 {
		t.Fatalf("%d events, %v", len(out.Events), err)
	}
	return out.Events[0]
}

// drawEvent draws an event, the texts that it holds by field, and its pid.
func drawEvent(t *rapid.T) (e event.Event, want map[schema.Key]string, pid int64) {
	e = event.Event{Time: time.UnixMilli(rapid.Int64Range(1e11, 4e12).Draw(t, "time")).UTC(), Dataset: "auditd.log"}
	want = map[schema.Key]string{}
	for _, k := range roundTripped {
		s := cefText().Draw(t, k.String())
		if k == schema.EventAction || k == schema.FileMode {
			s = s[:min(len(s), 9)] // the limit of act is 63 characters
		}
		e.Fields.AddString(k, s)
		want[k] = s
	}
	pid = rapid.Int64Range(0, 1<<22).Draw(t, "pid")
	e.Fields.Add(schema.ProcessPID, event.Int(pid))
	e.Fields.Add(schema.ProcessParentPID, event.Int(pid+1))
	e.Fields.Add(schema.EventSeverity, event.Int(pid%11))
	ip, _ := event.IP(rapid.SampledFrom([]string{"192.0.2.7", "2001:db8::7"}).Draw(t, "ip"))
	e.Fields.Add(schema.SourceIP, ip)
	e.Fields.AddString(schema.EventCategory, "process")
	e.Fields.AddString(schema.EventCategory, "file")
	e.Fields.AddString(schema.EventOutcome, "failure")
	return e, want, pid
}

func TestCEFComesBack(t *testing.T) {
	encoder, stage := cefformat.New(cefformat.Options{}), newReader()
	rapid.Check(t, func(t *rapid.T) {
		e, want, pid := drawEvent(t)
		line, err := encoder.Append([]byte("<86>Nov 14 22:13:19 relay "), &e)
		if err != nil {
			t.Fatal(err)
		}
		got := readBack(t, stage, string(line))
		if got.Dataset != cefdecoder.Dataset || !got.Time.Equal(e.Time) || got.Raw != "" {
			t.Fatalf("dataset %q, time %v for %v, raw %q, error %q", got.Dataset, got.Time, e.Time, got.Raw, got.Get(schema.ErrorMessage).Str())
		}
		for k, s := range want {
			if k == schema.HostName && s == "" {
				s = "relay"
			}
			if k == schema.EventAction && s == "" {
				s = "cef"
			}
			if have := got.Get(k).Str(); have != s && k != schema.Message && strings.Trim(s, " ") != "" {
				t.Fatalf("%s came back as %q, was %q, in\n%s", k, have, s, line)
			}
		}
		if m := want[schema.Message]; strings.Trim(m, " ") != "" && got.Get(schema.Message).Str() != m {
			t.Fatalf("the message came back as %q, was %q", got.Get(schema.Message).Str(), m)
		}
		n, _ := got.Get(schema.ProcessParentPID).Int64()
		if n != pid+1 || !got.Get(schema.SourceIP).Equal(e.Get(schema.SourceIP)) || got.Get(schema.EventOutcome).Str() != "failure" {
			t.Fatalf("parent %d, source %q", n, got.Get(schema.SourceIP).Str())
		}
		var categories []string
		for v := range got.Fields.All(schema.EventCategory) {
			categories = append(categories, v.Str())
		}
		if !slices.Equal(categories, []string{"process", "file"}) {
			t.Fatalf("categories %q", categories)
		}
	})
}

// Whatever the fields of an event hold, no key is read that was not written: the
// text of one field makes no other.
func TestCEFTextMakesNoKey(t *testing.T) {
	encoder, stage := cefformat.New(cefformat.Options{}), newReader()
	rapid.Check(t, func(t *rapid.T) {
		e := event.Event{Time: time.UnixMilli(1).UTC()}
		e.Fields.AddString(schema.Message, cefText().Draw(t, "message")+" suser=root src=192.0.2.66 cs1=x")
		e.Fields.AddString(schema.ProcessCommandLine, cefText().Draw(t, "command")+" suser=root")
		line, _ := encoder.Append(nil, &e)
		got := readBack(t, stage, string(line))
		for _, k := range []schema.Key{schema.UserName, schema.SourceIP, schema.ContainerID, schema.UserID} {
			if !got.Get(k).IsZero() {
				t.Fatalf("%s=%q was made of text: %s", k, got.Get(k).Str(), strconv.Quote(string(line)))
			}
		}
	})
}

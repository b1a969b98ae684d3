package syslog

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	gosyslog "github.com/influxdata/go-syslog/v3/rfc5424"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

func sample() *event.Event {
	e := &event.Event{ID: event.NewID([]byte("x")), Time: time.Date(2026, 11, 21, 2, 25, 1, 123456789, time.UTC), Dataset: "auditd.log", Raw: "raw text"}
	e.Fields.AddString(schema.EventAction, `ex]ec"uted\`)
	e.Fields.AddString(schema.EventOutcome, "success\xff")
	e.Fields.Add(schema.EventSeverity, event.Int(8))
	e.Shared.AddString(schema.HostName, "höst a")
	return e
}

func TestAMessageIsRFC5424(t *testing.T) {
	got, err := newMessage(nil, true).Append([]byte("before "), sample())
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`before <83>1 2026-11-21T02:25:01.123456Z h__st_a tallyman %d auditd-log [tallyman@32473 id="%s" dataset="auditd.log" action="ex\]ec\"uted\\" outcome="success%s"] raw text`,
		os.Getpid(), sample().ID, "\uFFFD")
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// A parser that others wrote must read the same.
	m, err := gosyslog.NewParser().Parse(got[len("before "):])
	if err != nil {
		t.Fatal(err)
	}
	parsed := m.(*gosyslog.SyslogMessage)
	if *parsed.Facility != authpriv || *parsed.Severity != 3 || *parsed.Message != "raw text" || *parsed.MsgID != "auditd-log" {
		t.Errorf("read back as %+v", parsed)
	}
	if id := (*parsed.StructuredData)["tallyman@32473"]["id"]; id != sample().ID.String() {
		t.Errorf("the id came back as %q", id)
	}
}

func TestAnEmptyEventIsRFC5424(t *testing.T) {
	got, err := newMessage(nil, false).Append(nil, &event.Event{})
	if want := fmt.Sprintf("<134>1 - - tallyman %d - - ", os.Getpid()); err != nil || string(got) != want {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAPayloadThatFailsLeavesNothing(t *testing.T) {
	e := &event.Event{}
	e.Fields.AddString(schema.Message, "bad")
	got, err := newMessage(plainText{}, true).Append([]byte("before"), e)
	if err == nil || string(got) != "before" {
		t.Errorf("%q, %v", got, err)
	}
	e.Fields = nil
	e.Fields.AddString(schema.Message, "payload")
	if got, err = newMessage(plainText{}, false).Append(nil, e); err != nil || !strings.HasSuffix(string(got), " - payload") {
		t.Errorf("%q, %v", got, errors.Unwrap(err))
	}
}

func TestSeverities(t *testing.T) {
	want := []int{6, 6, 6, 5, 4, 4, 4, 3, 3, 2, 2}
	for n, code := range want {
		e := &event.Event{}
		e.Fields.Add(schema.EventSeverity, event.Int(int64(n)))
		if got := severity(e); got != code {
			t.Errorf("event.severity %d is syslog %d, want %d", n, got, code)
		}
	}
}

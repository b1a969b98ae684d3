package rfc3164

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	gosyslog "github.com/influxdata/go-syslog/v3/rfc3164"
	"pgregory.net/rapid"

	"tallyman/outputs/format/cef"
	"tallyman/outputs/format/formattest"
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

func sample(host, message string) *event.Event {
	e := &event.Event{Time: time.Date(2026, 11, 1, 2, 25, 1, 123456789, time.UTC), Dataset: "auditd.log", Raw: "raw text"}
	e.Fields.AddString(schema.Message, message)
	e.Fields.Add(schema.EventSeverity, event.Int(8))
	e.Shared.AddString(schema.HostName, host)
	return e
}

func TestAMessage(t *testing.T) {
	tag := fmt.Sprintf("tallyman[%d]: ", os.Getpid())
	zone := time.FixedZone("", 3600)
	for _, c := range []struct {
		name, host, message, want string
		o                         Options
	}{
		{"usual", "node-7.corp.example", "hello", "<83>Nov  1 02:25:01 node-7 " + tag + "hello", Options{}},
		{"an address", "10.0.0.8", "hello", "<83>Nov  1 02:25:01 10.0.0.8 " + tag + "hello", Options{}},
		{"no host and no message", "", "", "<83>Nov  1 02:25:01 localhost " + tag + "raw text", Options{}},
		{"a zone and a facility", "höst a", "a\nb", "<131>Nov  1 03:25:01 h__st_a " + tag + `a\x0ab`, Options{Zone: zone, Facility: 16}},
	} {
		got, err := New(c.o).Append([]byte("before "), sample(c.host, c.message))
		if err != nil || string(got) != "before "+c.want {
			t.Errorf("%s: got\n%s, %v\nwant\n%s", c.name, got, err, c.want)
		}
		// A parser that others wrote must read the same.
		m, err := gosyslog.NewParser().Parse(got[len("before "):])
		if err != nil {
			t.Fatal(err)
		}
		p := m.(*gosyslog.SyslogMessage)
		if *p.Severity != 3 || *p.Appname != "tallyman" || p.Timestamp.Month() != time.November || !strings.HasSuffix(c.want, *p.Message) {
			t.Errorf("%s: read back as %+v", c.name, p)
		}
	}
}

var form = regexp.MustCompile(`^<\d{1,3}>[A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} [!-~]+ tallyman\[\d+\]: `)

// Whatever an event holds, it is one message of one line within the limit.
func TestEveryEventIsOneMessage(t *testing.T) {
	text := rapid.Custom(func(t *rapid.T) string {
		s := rapid.OneOf(rapid.SampledFrom([]string{"\n<34>Oct 11 22:14:15 x su: y", "\x00", "\xff", `\`, "é", "\u0085"}), rapid.StringN(0, 9, 20)).Draw(t, "text")
		return strings.Repeat(s, rapid.SampledFrom([]int{1, 1, 400}).Draw(t, "times"))
	})
	rapid.Check(t, func(t *rapid.T) {
		e := sample(text.Draw(t, "host"), text.Draw(t, "message"))
		limit := rapid.IntRange(480, 2000).Draw(t, "limit")
		m := New(Options{MaxBytes: limit})
		got, err := m.Append(nil, e)
		if err != nil || len(got) > limit || !form.Match(got) || !utf8.Valid(got) || strings.ContainsAny(string(got), "\n\r\x00") {
			t.Fatalf("%d bytes of %d, %v: %q", len(got), limit, err, got)
		}
		whole, _ := New(Options{MaxBytes: 1 << 20}).Append(nil, e)
		if m.Shortened() != (len(whole) > limit) || !m.Shortened() && string(got) != string(whole) {
			t.Fatalf("shortened is %v, %d bytes in %d", m.Shortened(), len(whole), limit)
		}
		// What it says may be an event of another format, which stays one.
		got, _ = New(Options{MaxBytes: limit, Payload: cef.New(cef.Options{})}).Append(nil, e)
		head := form.Find(got)
		if _, err := formattest.CEF(string(got[len(head):])); err != nil || len(got) > limit {
			t.Fatalf("%d bytes of %d, %v: %q", len(got), limit, err, got)
		}
	})
}

func TestNothingIsAllocatedForAnEvent(t *testing.T) {
	m, e, buf := New(Options{}), sample("node-7", "hello"), make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { buf, _ = m.Append(buf[:0], e) }); n != 0 {
		t.Errorf("%v allocations for an event", n)
	}
}

package rfc5424

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gosyslog "github.com/influxdata/go-syslog/v3/rfc5424"
	"pgregory.net/rapid"

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

// plainText is a payload that gives an event's message and refuses "bad".
type plainText struct{}

func (plainText) Append(dst []byte, e *event.Event) ([]byte, error) {
	text := e.Get(schema.Message).Str()
	if text == "bad" {
		return append(dst, "half"...), errors.New("not for this format")
	}
	return append(dst, text...), nil
}

func TestAMessageIsRFC5424(t *testing.T) {
	got, err := New(Options{Data: true}).Append([]byte("before "), sample())
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`before <83>1 2026-11-21T02:25:01.123456Z h__st_a tallyman %d auditd-log [tallyman@32473 id="%s" dataset="auditd.log" action="ex\]ec\"uted\\" outcome="success\\xff" escaped="outcome"] raw text`,
		os.Getpid(), sample().ID)
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
	got, err := New(Options{}).Append(nil, &event.Event{})
	if want := fmt.Sprintf("<134>1 - - tallyman %d - - ", os.Getpid()); err != nil || string(got) != want {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAPayloadThatFailsLeavesNothing(t *testing.T) {
	e := &event.Event{}
	e.Fields.AddString(schema.Message, "bad")
	got, err := New(Options{Payload: plainText{}, Data: true}).Append([]byte("before"), e)
	if err == nil || string(got) != "before" {
		t.Errorf("%q, %v", got, err)
	}
	e.Fields = nil
	e.Fields.AddString(schema.Message, "payload")
	if got, err = New(Options{Payload: plainText{}}).Append(nil, e); err != nil || !strings.HasSuffix(string(got), " - payload") {
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

// keeper is a payload that can keep within a limit.
type keeper struct{ plainText }

func (k keeper) AppendMax(dst []byte, e *event.Event, limit int) ([]byte, error) {
	out, err := k.Append(nil, e)
	return append(dst, out[:min(len(out), limit)]...), err
}

func (keeper) Shortened() bool { return true }

func TestAPayloadThatKeepsWithinALimit(t *testing.T) {
	e := sample()
	e.Fields.AddString(schema.Message, strings.Repeat("x", 1000))
	m := New(Options{Payload: keeper{}, MaxBytes: 480})
	got, err := m.Append([]byte("before"), e)
	if err != nil || len(got) != len("before")+480 || !m.Shortened() {
		t.Errorf("%d bytes, %v, shortened %v", len(got), err, m.Shortened())
	}
	if m = New(Options{Payload: keeper{}}); m.Shortened() {
		t.Error("without a limit nothing is shortened")
	}
}

func TestOptions(t *testing.T) {
	e := &event.Event{Dataset: "auditd.log", Raw: "a\nb\r\nc"}
	e.Fields.AddString(schema.EventAction, "x\ny")
	got, err := New(Options{Data: true, ID: "own@1", Facility: 23}).Append([]byte("a\n"), e)
	want := fmt.Sprintf("a\n<190>1 - - tallyman %d auditd-log [own@1 dataset=\"auditd.log\" action=\"x\\\\x0ay\" escaped=\"action,message\"] a\\x0ab\\x0d\\x0ac", os.Getpid())
	if err != nil || string(got) != want {
		t.Errorf("got  %q, %v\nwant %q", got, err, want)
	}
}

func TestNames(t *testing.T) {
	for s, want := range map[string]bool{"tallyman@32473": true, "": false, "a b": false, "a=b": false, "a]": false, `a"`: false, "\xff": false, strings.Repeat("a", 33): false} {
		if IsName(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}

// Whatever an event holds, a parser that others wrote reads one message of one
// line with its text and its structured data in it, and both lead back to the
// bytes of the event.
func TestAnyEventIsOneMessage(t *testing.T) {
	m := New(Options{Data: true})
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{" ", `"`, `\`, "]", "=", "[", "<", ">", "a", "\n", "\x00", "\x1b", "\x1d", "\x7f", "\xff", "\xc3", "é", "\u0085", "-", ".", `\x41`})).Draw(t, "parts"), "")
		})
		e := sample()
		e.Fields = nil
		e.Dataset = text.Draw(t, "dataset")
		action, message := text.Draw(t, "action"), text.Draw(t, "message")
		e.Fields.AddString(schema.EventAction, action)
		e.Fields.AddString(schema.EventOutcome, text.Draw(t, "outcome"))
		e.Fields.AddString(schema.HostName, text.Draw(t, "host"))
		e.Fields.AddString(schema.Message, message)
		e.Raw = ""
		out, err := m.Append(nil, e)
		if err != nil {
			t.Fatal(err)
		}
		if dirty(string(out)) {
			t.Fatalf("a control character or no UTF-8 in %q", out)
		}
		head := HeadEnd(out)
		got, err := gosyslog.NewParser().Parse(out[:head])
		if err != nil {
			t.Fatalf("%v in %q", err, out)
		}
		data := (*got.(*gosyslog.SyslogMessage).StructuredData)[DefaultID]
		escaped := strings.Split(data["escaped"], ",")
		if data["id"] != e.ID.String() || back(t, data["action"], slices.Contains(escaped, "action")) != action {
			t.Fatalf("the structured data is %q, the action %q", data, action)
		}
		if back(t, string(out[head+1:]), slices.Contains(escaped, "message")) != message {
			t.Fatalf("after the header stands %q, for %q, in %q", out[head:], message, out)
		}
	})
}

// back undoes the escape of SCHEMA rule 6 where there is one.
func back(t *rapid.T, s string, escaped bool) string {
	if !escaped {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '\\':
			b.WriteByte(s[i])
		case s[i+1] == '\\':
			b.WriteByte('\\')
			i++
		default:
			n, err := strconv.ParseUint(s[i+2:i+4], 16, 8)
			if err != nil || s[i+1] != 'x' {
				t.Fatalf("no escape in %q", s)
			}
			b.WriteByte(byte(n))
			i += 3
		}
	}
	return b.String()
}

func TestAMessageIsCutBetweenEscapes(t *testing.T) {
	e := &event.Event{}
	e.Fields.AddString(schema.Message, strings.Repeat("\n世", 500))
	long := len(e.Get(schema.Message).Str())
	for limit := 480; limit < 500; limit++ {
		m := New(Options{Data: true, MaxBytes: limit})
		out, err := m.Append(nil, e)
		text := strings.TrimSuffix(string(out[HeadEnd(out)+1:]), "世")
		if err != nil || len(out) > limit || len(out) < limit-6 || !m.Shortened() || strings.Trim(strings.ReplaceAll(text, `\x0a世`, ""), `\x0a`) != "" || strings.HasSuffix(text, `\x0`) {
			t.Errorf("limit %d: %v, shortened %v, %d bytes: %q", limit, err, m.Shortened(), len(out), out)
		}
	}
	m := New(Options{Data: true, MaxBytes: long * 3})
	if _, err := m.Append(nil, e); err != nil || m.Shortened() {
		t.Errorf("a message that fits was shortened, %v", err)
	}
}

func TestNothingIsAllocatedForAnEvent(t *testing.T) {
	e, buf := sample(), make([]byte, 0, 4096)
	e.Fields.AddString(schema.Message, "two\nlines")
	m := New(Options{Data: true})
	if n := testing.AllocsPerRun(100, func() { buf, _ = m.Append(buf[:0], e) }); n != 0 {
		t.Errorf("%v allocations for an event", n)
	}
}

package text

import (
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

func line(t *testing.T, color bool, e *event.Event) string {
	t.Helper()
	got, err := New(color).Append([]byte("> "), e)
	if err != nil || !strings.HasPrefix(string(got), "> ") {
		t.Fatalf("%q, %v", got, err)
	}
	return string(got[2:])
}

func at() *event.Event {
	return &event.Event{Time: time.Date(2026, 11, 21, 3, 25, 1, 123999999, time.FixedZone("x", 3600))}
}

func with(k schema.Key, s string) func(*event.Event) {
	return func(e *event.Event) { e.Fields.AddString(k, s) }
}

func TestLines(t *testing.T) {
	type set = []func(*event.Event)
	sev := func(n int64) func(*event.Event) {
		return func(e *event.Event) { e.Fields.Add(schema.EventSeverity, event.Int(n)) }
	}
	for _, c := range []struct {
		name string
		set  set
		want string
	}{
		{"a message", set{sev(2), with(schema.ContainerName, "shop-api-1"), with(schema.UserName, "ana"), with(schema.Message, "ran /usr/bin/curl")},
			"2026-11-21 02:25:01.123Z info      shop-api-1       ana       ran /usr/bin/curl"},
		{"an alert", set{sev(8), with(schema.EventKind, "alert"), with(schema.ContainerID, "9ceff3d23f248274d76f1d1d"), with(schema.UserID, "1000"),
			with(schema.RuleID, "TM-CT-001"), with(schema.RuleName, "Shell in a container"), with(schema.Message, "ran sh")},
			"2026-11-21 02:25:01.123Z high      9ceff3d23f24     uid 1000  ALERT TM-CT-001 Shell in a container: ran sh"},
		{"what was said is not said again", set{sev(8), with(schema.UserID, "1000"), with(schema.RuleID, "R"), with(schema.RuleName, "Shell"), with(schema.Message, "Shell: uid 1000 ran sh")},
			"2026-11-21 02:25:01.123Z high      -                uid 1000  ALERT R Shell: ran sh"},
		{"another person's message", set{with(schema.UserAuditName, "ana"), with(schema.Message, "anastasia ran sh")},
			"2026-11-21 02:25:01.123Z -         -                ana       anastasia ran sh"},
		{"only the person", set{with(schema.UserName, "ana"), with(schema.Message, "ana")},
			"2026-11-21 02:25:01.123Z -         -                ana       ana"},
		{"an alert without a rule", set{with(schema.EventKind, "alert"), with(schema.Message, "m")},
			"2026-11-21 02:25:01.123Z -         -                -         ALERT: m"},
		{"the host", set{sev(3), func(e *event.Event) { e.Fields.Add(schema.TallymanContainerHost, event.Bool(true)) },
			with(schema.EventAction, "opened-file"), with(schema.FilePath, "/etc/shadow"), with(schema.EventOutcome, "failure"), with(schema.EventReason, "EACCES")},
			"2026-11-21 02:25:01.123Z low       host             -         opened-file /etc/shadow (failed: EACCES)"},
		{"the login before the account", set{sev(10), with(schema.UserName, "root"), with(schema.UserAuditName, "ana"), with(schema.Message, "m")},
			"2026-11-21 02:25:01.123Z critical  -                ana       m"},
		{"only the source", set{func(e *event.Event) { e.Raw = "type=X\nmsg=\x1b[2J" }},
			`2026-11-21 02:25:01.123Z -         -                -         type=X\nmsg=\x1b[2J`},
		{"nothing but a time", nil, "2026-11-21 02:25:01.123Z -         -                -         -"},
		{"wide names", set{sev(5), with(schema.ContainerName, "größer-als-die-spalte"), with(schema.Message, "m")},
			"2026-11-21 02:25:01.123Z medium    größer-als-die-spalte -         m"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := at()
			for _, f := range c.set {
				f(e)
			}
			if got := line(t, false, e); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
	if got := line(t, false, &event.Event{}); got != "-                        -         -                -         -" {
		t.Errorf("an empty event is %q", got)
	}
}

func TestColourOnlyWhenTold(t *testing.T) {
	e := at()
	e.Fields.Add(schema.EventSeverity, event.Int(8))
	e.Fields.AddString(schema.RuleID, "TM-1")
	e.Fields.AddString(schema.Message, "m\x1b[0m")
	if got := line(t, false, e); strings.ContainsRune(got, 0x1b) {
		t.Errorf("colour without being told: %q", got)
	}
	want := "\x1b[2m2026-11-21 02:25:01.123Z\x1b[0m \x1b[31mhigh     \x1b[0m -                -         \x1b[1;31mALERT TM-1: \x1b[0mm\\x1b[0m"
	if got := line(t, true, e); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"plain é€ 漢":               "plain é€ 漢",
		"\x00\x07\x1b]0;x\x07\x7f": `\x00\x07\x1b]0;x\x07\x7f`,
		"\u009b31m":                `\u009b31m`,
		"a\u202eb\u2066c\u200b":    `a\u202eb\u2066c\u200b`,
		"\u2028\u00a0\ufeff":       `\u2028\u00a0\ufeff`,
		"\xff\xc3":                 `\xff\xc3`,
		"\r\n\t":                   `\r\n\t`,
		"\U000e0001":               `\U000e0001`,
		"\ufffd":                   "\ufffd",
	} {
		if got := string(visible(nil, in, most)); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
	if got := string(visible(nil, "abcé", 4)); got != "abc…" {
		t.Errorf("cut to %q", got)
	}
	if got := string(visible(nil, "abc\x1b", 5)); got != "abc…" {
		t.Errorf("cut inside an escape: %q", got)
	}
}

// Whatever is in a log, a line is one line, and a terminal is not moved by it.
func TestALineIsAlwaysSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := &event.Event{Raw: string(rapid.SliceOf(rapid.Byte()).Draw(t, "raw"))}
		for _, k := range []schema.Key{schema.Message, schema.ContainerName, schema.UserName, schema.RuleID, schema.RuleName, schema.EventAction, schema.FilePath, schema.ProcessPID} {
			e.Fields.AddString(k, string(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "text")))
		}
		got, err := New(false).Append(nil, e)
		if err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(got) {
			t.Fatalf("no UTF-8: %q", got)
		}
		for _, r := range string(got) {
			if !strconv.IsPrint(r) {
				t.Fatalf("%q is in %q", r, got)
			}
		}
	})
}

func TestNothingIsAllocatedForAnEvent(t *testing.T) {
	c, e, buf := New(true), at(), make([]byte, 0, 4096)
	e.Fields.AddString(schema.Message, "m")
	if n := testing.AllocsPerRun(100, func() { buf, _ = c.Append(buf[:0], e) }); n != 0 {
		t.Errorf("%v allocations for an event", n)
	}
}

func TestALongLineKeepsItsHead(t *testing.T) {
	e := &event.Event{Time: time.Date(2026, 11, 21, 2, 25, 1, 0, time.UTC)}
	e.Fields.AddString(schema.ContainerName, "shop-api-1")
	e.Fields.AddString(schema.UserAuditName, "ana")
	e.Fields.AddString(schema.Message, strings.Repeat("世", 300))
	c := New(false)
	whole, _ := c.AppendMax(nil, e, 5000)
	if c.Shortened() {
		t.Error("a line that fits was shortened")
	}
	for limit := 100; limit < 110; limit++ {
		got, err := c.AppendMax([]byte("before"), e, limit)
		line, ok := strings.CutPrefix(string(got), "before")
		head, cut := strings.CutSuffix(line, more)
		if err != nil || !ok || !cut || !c.Shortened() || len(line) > limit || len(line) < limit-9 || !strings.HasPrefix(string(whole), head) || !strings.Contains(head, " ana ") || !utf8.ValidString(line) {
			t.Errorf("limit %d: %d bytes, shortened %v, %v: %q", limit, len(line), c.Shortened(), err, line)
		}
	}
	for limit := range 12 {
		if got, _ := c.AppendMax(nil, e, limit); len(got) > limit {
			t.Errorf("limit %d: %q", limit, got)
		}
	}
}

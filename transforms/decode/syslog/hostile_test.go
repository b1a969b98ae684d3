package syslog

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tallyman/pipeline/decode"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

func stage() *decode.Stage { return decode.New([]plugin.Plugin{Plugin}, plugintest.Env("")) }

// RELIABILITY.md I7: what breaks the rules is kept whole and flagged.
func TestI7WhatBreaksTheRulesIsKeptWhole(t *testing.T) {
	for _, c := range []struct{ name, text, why string }{
		{"RFC 3164 with a line end", "<13>Nov 14 22:13:19 h app: a\nb", "several lines"},
		{"RFC 3164 with a carriage return", "<13>Nov 14 22:13:19 h app: a\rb", "several lines"},
		{"RFC 5424 that is no UTF-8", "<13>1 2023-11-14T22:13:19Z h a - - - caf\xe9", "UTF-8"},
		{"RFC 3164 that is no UTF-8", "<13>Nov 14 22:13:19 h app: caf\xe9", "UTF-8"},
		{"a NUL", "<13>1 2023-11-14T22:13:19Z h a - - - a\x00b", "NUL"},
		{"PRI 192", "<192>1 2023-11-14T22:13:19Z h a - - - x", "PRI"},
		{"PRI 999", "<999>Nov 14 22:13:19 h app: x", "PRI"},
		{"PRI with zeros", "<013>Nov 14 22:13:19 h app: x", "PRI"},
		{"version 999", "<13>999 2023-11-14T22:13:19Z h a - - - x", "version 999"},
		{"no version", "<13>2023-11-14T22:13:19Z h a - - - x", "version"},
		{"no head", "just a text", "neither a PRI nor a time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := one(t, stage(), c.text)
			if got := e.Get(schema.ErrorMessage).Str(); !strings.Contains(got, c.why) || e.Get(schema.ErrorCode).Str() != CodeParse || e.Raw != c.text {
				t.Errorf("error %q, raw %q", got, e.Raw)
			}
			if m := e.Get(schema.Message).Str(); m == "" || !strings.HasSuffix(c.text, m) {
				t.Errorf("the message is %q", m)
			}
		})
	}
}

// A message as long as a datagram can be is no error.
func TestLongMessages(t *testing.T) {
	body := strings.Repeat("a b=c ", 64<<10/6)
	for _, head := range []string{"<13>Nov 14 22:13:19 h app: ", "<13>1 2023-11-14T22:13:19Z h a - - - ", `<13>1 2023-11-14T22:13:19Z h a - - [x y="z"] `} {
		e := one(t, stage(), head+body)
		if e.Get(schema.Message).Str() != body || e.Raw != "" || !whole(&e) {
			t.Errorf("%s: %d bytes came back, error %q", head, len(e.Get(schema.Message).Str()), e.Get(schema.ErrorMessage).Str())
		}
	}
	for _, text := range []string{strings.Repeat("<", 64<<10), strings.Repeat("[", 64<<10), "<13>1 - - - - - " + strings.Repeat(`[a b="c"]`, 7000),
		"<13>1 - - - - - [" + strings.Repeat(`a="b" `, 10000), "<86>Nov 14 22:13:19 h sshd[1]: Failed password for " + strings.Repeat(" from ", 10000)} {
		one(t, stage(), text)
	}
}

func TestEmptyMessages(t *testing.T) {
	for _, text := range []string{"", "\n", "\x00", " \r\n"} {
		e := one(t, stage(), text)
		if whole(&e) || e.Raw != text {
			t.Errorf("%q: raw %q", text, e.Raw)
		}
	}
}

// RELIABILITY.md I8: the year is the one that puts the time nearest to receipt.
func TestI8TheYearIsNearestToReceipt(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct{ name, seen, stamp, want string }{
		{"the last of December on the first of January", "2027-01-01T00:00:10Z", "Dec 31 23:59:59", "2026-12-31T23:59:59Z"},
		{"the first of January on the last of December", "2026-12-31T23:59:50Z", "Jan  1 00:00:10", "2027-01-01T00:00:10Z"},
		{"a leap day in a year without one", "2026-11-21T00:00:00Z", "Feb 29 12:00:00", "2028-02-29T12:00:00Z"},
		{"a leap day a year after", "2025-03-01T00:00:00Z", "Feb 29 12:00:00", "2024-02-29T12:00:00Z"},
		{"a leap day in its year", "2024-02-29T12:00:01Z", "Feb 29 12:00:00", "2024-02-29T12:00:00Z"},
		{"a leap day around 2100", "2100-03-01T00:00:00Z", "Feb 29 12:00:00", "2096-02-29T12:00:00Z"},
		{"half a year ago", "2026-07-01T00:00:00Z", "Jan  2 00:00:00", "2026-01-02T00:00:00Z"},
		{"now", "2026-07-01T00:00:00Z", "Jul  1 00:00:00", "2026-07-01T00:00:00Z"},
		{"a year that is said", "2026-07-01T00:00:00Z", "Jul  1 2019 00:00:00", "2019-07-01T00:00:00Z"},
		{"a zone at the turn of the year", "2027-01-01T00:00:10Z", "Dec 31 19:00:00 EST", "2027-01-01T00:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDecoder(plugintest.Env(""))
			d.m.reset()
			d.parse("<13>"+c.stamp+" host app: text", at(c.seen))
			if !d.m.timed || !d.m.at.Equal(at(c.want)) {
				t.Errorf("read as %v, want %s", d.m.at, c.want)
			}
		})
	}
}

// A time without a zone is of the zone of this host.
func TestLocalTime(t *testing.T) {
	env := plugintest.Env("")
	zone := time.FixedZone("", -5*3600-30*60)
	env.Now = func() time.Time { return receipt.In(zone) }
	d := newDecoder(env)
	for _, text := range []string{"<13>Nov 14 16:43:19 h a: x", "<13>2023-11-14T16:43:19 h a: x"} {
		var out event.Batch
		if err := d.Decode(event.Event{Raw: text, Seen: receipt}, &out); err != nil {
			t.Fatal(err)
		}
		e := out.Events[0]
		if !e.Time.Equal(receipt.Add(-time.Second)) || e.Get(schema.EventTimezone).Str() != "-05:30" {
			t.Errorf("%s: %v, zone %q", text, e.Time, e.Get(schema.EventTimezone).Str())
		}
	}
}

// A time without a zone is of the zone that the input says of its senders, one that
// says its own is not, and neither keeps what the input said of all.
func TestTheInputsZone(t *testing.T) {
	d := newDecoder(plugintest.Env(""))
	for _, c := range []struct{ text, zone, at, said string }{
		{"<13>Nov 14 16:43:19 h a: x", "+05:30", "2023-11-14T11:13:19Z", "+05:30"},
		{"<13>2023-11-14T16:43:19 h a: x", "Etc/GMT+5", "2023-11-14T21:43:19Z", "-05:00"},
		{"<13>2023-11-14T16:43:19Z h a: x", "+05:30", "2023-11-14T16:43:19Z", ""},
		{"<13>1 2023-11-14T16:43:19+01:00 h a - - - x", "+05:30", "2023-11-14T15:43:19Z", ""},
		{"<13>Nov 14 16:43:19 h a: x", "", "2023-11-14T16:43:19Z", "+00:00"},
	} {
		var out event.Batch
		var f event.Fields
		f.AddString(schema.EventTimezone, c.zone)
		if err := d.Decode(event.Event{Raw: c.text, Seen: receipt, Fields: f}, &out); err != nil {
			t.Fatal(err)
		}
		e := out.Events[0]
		if got := e.Time.Format(time.RFC3339); got != c.at || e.Get(schema.EventTimezone).Str() != c.said {
			t.Errorf("%s in %q: %s, zone %q", c.text, c.zone, got, e.Get(schema.EventTimezone).Str())
		}
	}
}

// The civil calendar is that of the time package.
func TestCalendar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := time.Unix(rapid.Int64Range(-9e9, 9e9).Draw(t, "unix"), 0).UTC()
		c := civil{want.Year(), int(want.Month()), want.Day(), want.Hour(), want.Minute(), want.Second(), 0, false}
		if c.unix() != want.Unix() || c.day > daysIn(c.year, c.month) {
			t.Fatalf("%v is %d, want %d", want, c.unix(), want.Unix())
		}
	})
}

// FuzzDecode: of any bytes comes one event, nothing of them is lost, and nothing of
// the messages before is in it.
func FuzzDecode(f *testing.F) {
	for _, line := range goldenLines(f) {
		f.Add(line)
	}
	for _, line := range []string{`<34>1 - h a p m [x b="1" c="2"][y b="3"] t`, `<34>1 - h a p m [xb b="1" c="2"] t`, `<34>1 - h a p m [x b="1" b="2" b#2="3"] t`, `<35>1 - h a p m [x bb="1" c="2"] t`,
		"<35>Nov 14 22:13:19 h a: x", "<35>Nov 14 22:13:19.5 h a: x", "<35>Nov 14 22:13:19 2024 h a: x", "Nov 14 22:13:19 h a[7]: x", "<0>Nov 15 22:13:19 h a: x", "<191>a: x",
		"<34>1 2023-11-14T22:13:15Z h a p m - t", "<34>1 2023-11-14T22:13:15.5Z h a p m - t", "<34>1 2023-11-14T22:13:15.123456789+01:30 h a p m - t", "<34>1 2023-11-14T22:13:15.1234567891Z h a p m - t",
		"<34>1 2023-11-14T22:13:15,5Z h a p m - t", "<34>1 2023-11-14T22:13:15+0100 h a p m - t", "<34>1 2023-11-14T22:13:15.5ZZ h a p m - t", "<34>1 2023-11-14T22:13:15 h a p m - t", "<34>1 2023-11-14T22:13:155Z h a p m - t",
		`<34>1 - h a p m [x b="\]" c="2"] t`, `<34>1 - h a p m [x b="]" c="2"] t`, `<34>1 - h a p m [x b= "1" c="2"] t`, `<34>1 - h a p m [xé b="1"] t`, `<13>1 - h a p m [x b="1" c="2"] é`} {
		f.Add(line)
	}
	env := plugintest.Env("")
	d := newDecoder(env)
	f.Add("Nov 1 0:00:00<auth.notice>  0") // two blanks where a host or a tag would be
	f.Fuzz(func(t *testing.T, text string) {
		var out, fresh event.Batch
		in := event.Event{Decode: "syslog", Raw: text, Records: 1, Seen: receipt}
		err := d.Decode(in, &out)
		if other := newDecoder(env).Decode(in, &fresh); (err == nil) != (other == nil) || len(out.Events) != len(fresh.Events) ||
			err == nil && plugintest.Dump(&out.Events[0]) != plugintest.Dump(&fresh.Events[0]) {
			t.Fatalf("%q: %v after others, %v by itself\n%+v\n%+v", text, err, other, out.Events, fresh.Events)
		}
		if err != nil {
			if len(out.Events) != 0 {
				t.Error("an error and an event")
			}
			return
		}
		e := out.Events[0]
		if len(out.Events) != 1 || e.Records != 1 || e.Time.IsZero() {
			t.Fatalf("%d events of %q: %+v", len(out.Events), text, e)
		}
		if e.Decode == "" && e.Raw != "" && e.Raw != text || e.Decode == "" && e.Raw == "" && !whole(&e) {
			t.Errorf("%q is in doubt and not kept: %q", text, e.Raw)
		}
		if !strings.Contains(text, e.Get(schema.Message).Str()) || e.Decode != "" && !strings.Contains(text, e.Raw) {
			t.Errorf("%q has a message that it has not: %q", text, e.Get(schema.Message).Str())
		}
	})
}

var benchmarks = []struct{ name, text string }{
	{"rfc3164", "<34>Nov 14 22:13:15 mymachine app[4242]: a message of the usual length that says what happened to whom"},
	{"rfc5424", "<165>1 2023-11-14T22:13:15.003123Z mymachine.example.com evntslog 4242 ID47 - a message of the usual length that says what happened"},
	{"rfc5424-data", `<165>1 2023-11-14T22:13:15.003Z mymachine evntslog 42 ID47 [exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"] An application event`},
	{"cisco", "<166>Nov 14 22:13:19 10.22.8.216 %ASA-6-302014: Teardown TCP connection 488 for outside:192.0.2.1/26436 to inside:192.0.2.2/443"},
	{"sshd", "<86>Nov 14 22:13:19 web-1 sshd[7]: Failed password for invalid user bob from 192.0.2.7 port 4711 ssh2"},
	{"audit", "<14>Nov 14 22:13:19 web-1 audispd: node=web-1 type=SYSCALL msg=audit(1699999999.464:2828209): arch=c000003e syscall=59"},
}

// A message costs few allocations: none, or what an address of sshd takes.
func TestAllocations(t *testing.T) {
	for _, c := range benchmarks {
		d := newDecoder(plugintest.Env(""))
		var out event.Batch
		e := event.Event{Decode: "syslog", Raw: c.text, Records: 1, Seen: receipt}
		got := testing.AllocsPerRun(200, func() {
			out.Reset()
			if err := d.Decode(e, &out); err != nil {
				t.Fatal(err)
			}
		})
		if most := map[bool]float64{true: 2, false: 0}[c.name == "sshd"]; got > most {
			t.Errorf("%s: %v allocations for a message", c.name, got)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range benchmarks {
		b.Run(c.name, func(b *testing.B) {
			d := newDecoder(plugintest.Env(""))
			var out event.Batch
			e := event.Event{Decode: "syslog", Raw: c.text, Records: 1, Seen: receipt}
			b.ReportAllocs()
			b.SetBytes(int64(len(c.text)))
			n := 0
			for b.Loop() {
				if n++; n%64 == 0 {
					out.Reset()
				}
				if err := d.Decode(e, &out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What the input says of a message stays beside what is in doubt of it.
func TestTheInputsWordsStay(t *testing.T) {
	var out event.Batch
	var f event.Fields
	f.AddString(schema.LogSourceAddress, "192.0.2.9:514")
	f.AddString(schema.Tags, "tallyman_truncated")
	f.AddString(schema.ErrorMessage, "cut")
	if err := newDecoder(plugintest.Env("")).Decode(event.Event{Raw: "no head", Seen: receipt, Records: 1, Fields: f}, &out); err != nil {
		t.Fatal(err)
	}
	e := out.Events[0]
	if got := e.Get(schema.ErrorMessage).Str(); !strings.HasPrefix(got, "cut; ") || e.Get(schema.LogSourceAddress).IsZero() || len(f) != 3 {
		t.Errorf("error %q, fields %v", got, e.Fields)
	}
}

// A name that is a number's turn of another is its own, wherever it stands.
func TestNamesWithANumber(t *testing.T) {
	for text, want := range map[string]string{
		`[x b#2="1" b="2"]`:             "x.b#2=1 x.b=2",
		`[x b="1" b="2" c="3"]`:         "x.b=1 x.b#2=2 x.c=3",
		`[x b="1"][y b="2"][x b="3"]`:   "x.b=1 y.b=2 x.b#2=3",
		`[x b="1" bb="2" b="3" b="4"]`:  "x.b=1 x.bb=2 x.b#2=3 x.b#3=4",
		`[x b="1" b#c="2" b="3" d="4"]`: "x.b=1 x.b#c=2 x.b#2=3 x.d=4",
	} {
		e := one(t, stage(), "<34>1 - h a p m "+text+" t")
		var got []string
		for i := range e.Fields {
			if f := &e.Fields[i]; f.Key == schema.LogSyslogStructuredData {
				got = append(got, f.Name()+"="+f.Str())
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %s", text, got, want)
		}
	}
}

// What senders name is kept in bounds: neither many names nor long ones stay.
func TestNamesAreBounded(t *testing.T) {
	d := newDecoder(plugintest.Env(""))
	for i := range 3 * keptNames {
		d.name(pair{"id", strings.Repeat("n", i%20) + string(rune('a'+i%26)) + string(rune(0x4e00+i))})
	}
	d.name(pair{"id", strings.Repeat("n", 1000)})
	if len(d.names) > keptNames {
		t.Errorf("%d names are kept", len(d.names))
	}
	for p := range d.names {
		if len(p.id)+len(p.name) > 2*maxName {
			t.Errorf("a name of %d bytes is kept", len(p.id)+len(p.name))
		}
	}
}

// TestPrintable: one byte of every value, at every place of a word and behind it.
func TestPrintable(t *testing.T) {
	for at := range 19 {
		for c := range 256 {
			text := []byte("nineteen characters")
			text[at] = byte(c)
			if got, want := printable(string(text)), c >= ' ' && c < 0x7f; got != want {
				t.Errorf("%q is printable: %v", text, got)
			}
		}
	}
}

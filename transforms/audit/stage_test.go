package audit

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

const (
	sysA  = `type=SYSCALL msg=audit(1795227901.123:7): arch=c000003e syscall=59 success=yes exit=0 ppid=1 pid=2 auid=4294967295 uid=0 comm="a" exe="/a"`
	exeA  = `type=EXECVE msg=audit(1795227901.123:7): argc=1 a0="a"`
	cwdA  = `type=CWD msg=audit(1795227901.123:7): cwd="/"`
	endA  = `type=PROCTITLE msg=audit(1795227901.123:7): proctitle="a"`
	eoeA  = `type=EOE msg=audit(1795227901.123:7): `
	sysB  = `type=SYSCALL msg=audit(1795227901.124:8): arch=c000003e syscall=87 success=yes exit=0 ppid=1 pid=2 auid=4294967295 uid=0 comm="b" exe="/b"`
	endB  = `type=PROCTITLE msg=audit(1795227901.124:8): proctitle="b"`
	loneC = `type=USER_ACCT msg=audit(1795227901.125:9): pid=3 uid=0 auid=4294967295 ses=4294967295 msg='op=PAM:accounting acct="root" exe="/usr/sbin/cron" hostname=? addr=? terminal=cron res=success'`
)

// heads writes events as "action/serial/records", with * for a late one.
func heads(events []event.Event) string {
	var out []string
	for i := range events {
		e := &events[i]
		s := fmt.Sprintf("%s/%s/%d", e.Fields.Get(schema.EventAction).Str(), e.Fields.Get(schema.EventSequence).Append(nil), e.Records)
		for v := range e.Fields.All(schema.Tags) {
			if v.Str() == TagLate {
				s += "*"
			}
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestWhatEndsAnEvent(t *testing.T) {
	other := strings.Replace
	for name, c := range map[string]struct {
		lines []string
		want  string
	}{
		"proctitle, interleaved":              {[]string{sysA, sysB, exeA, endB, cwdA, endA}, "deleted/8/2 executed/7/4"},
		"a record that stands alone":          {[]string{sysA, loneC, exeA, endA}, "was-authorized/9/1 executed/7/3"},
		"the same serial at another time":     {[]string{sysA, exeA, other(sysB, ":8)", ":7)", 1), endA, other(endB, ":8)", ":7)", 1)}, "executed/7/3 deleted/7/2"},
		"the same stamp of another node":      {[]string{sysA, exeA, "node=x " + sysA, endA, "node=x " + exeA, "node=x " + endA}, "executed/7/3 executed/7/3"},
		"a late record":                       {[]string{sysA, exeA, endA, cwdA, loneC}, "executed/7/3 was-authorized/9/1 cwd/7/1*"},
		"late records join":                   {[]string{sysA, endA, exeA, cwdA, endA}, "executed/7/2 executed/7/3*"},
		"EOE counts, and is learnt":           {[]string{sysA, exeA, endA, eoeA, sysB, loneC, endB, other(eoeA, "3:7", "4:8", 1)}, "executed/7/4 was-authorized/9/1 deleted/8/3"},
		"EOE in the middle of a file":         {[]string{sysA, endA, sysB, endB, other(eoeA, "3:7", "4:8", 1), sysA}, "executed/7/2 deleted/8/2 eoe/8/1* executed/7/1*"},
		"a younger record of the node":        {[]string{sysA, exeA, other(sysB, "901.124", "903.124", 1), endB}, "executed/7/2 deleted/8/1 proctitle/8/1"},
		"a record as old as the limit":        {[]string{sysA, exeA, other(sysB, "901.124", "903.123", 1), endA}, "executed/7/3 deleted/8/1"},
		"the clock is set back":               {[]string{sysA, other(sysB, "901.124", "301.124", 1), endA, other(endB, "901.124", "301.124", 1)}, "executed/7/2 deleted/8/2"},
		"the login that a system call writes": {[]string{other(other(loneC, "USER_ACCT", "LOGIN", 1), "5:9", "4:8", 1), sysB, endB}, "changed-login-id-to/8/3"},
		"a copy of a single record":           {[]string{loneC, loneC}, "was-authorized/9/1 was-authorized/9/1*"},
		"a type that nobody knows":            {[]string{`type=UNKNOWN[1498] msg=audit(1795227901.123:7): x=1`, sysA, endA}, "executed/7/3"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := heads(run(t, build(t, nil), records(c.lines), 100)); got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestTheWindowEndsTheOldest(t *testing.T) {
	tr := build(t, func(s *Settings) { s.Window = 3 })
	var lines []string
	for i := range 5 {
		lines = append(lines, strings.Replace(sysB, ":8)", fmt.Sprintf(":%d)", 100+i), 1))
	}
	st := tr.Lane("x").(*stage)
	if got := heads(apply(t, st, records(lines))); got != "deleted/100/1 deleted/101/1" {
		t.Errorf("the window let go of %s", got)
	}
	if got := heads(flush(st)); got != "deleted/102/1 deleted/103/1 deleted/104/1" {
		t.Errorf("the flush gave %s", got)
	}
	if got := flush(st); len(got) != 0 {
		t.Errorf("a second flush gave %s", heads(got))
	}
}

func TestAnIdleLaneEndsWhatWaits(t *testing.T) {
	now := start
	tr := build(t, nil)
	tr.env.Now = func() time.Time { return now }
	st := tr.Lane("x").(*stage)
	if got := apply(t, st, records([]string{sysA, exeA})); len(got) != 0 {
		t.Fatalf("an open event came out: %s", heads(got))
	}
	now = now.Add(2*time.Second - 1)
	if got := apply(t, st, nil); len(got) != 0 {
		t.Fatalf("too early: %s", heads(got))
	}
	now = now.Add(1)
	if got := heads(apply(t, st, nil)); got != "executed/7/2" {
		t.Errorf("after two seconds: %q", got)
	}
}

func TestOtherRecordsPassUnchangedAndInOrder(t *testing.T) {
	tr := build(t, nil)
	in := records([]string{sysA, "", exeA, endA, loneC})
	done := event.Event{Dataset: "docker.events", Records: 1, Fields: event.Fields{event.NewField(schema.Message, "", event.String("x"))}}
	wait := event.Event{Decode: "cri", Raw: sysA, Records: 1}
	in = slices.Insert(in, 1, done, wait)
	got := run(t, tr, in, 100)
	if len(got) != 4 || got[0].Dataset != "docker.events" || got[0].Fields.Get(schema.Message).Str() != "x" ||
		got[1].Decode != "cri" || got[1].Raw != sysA || heads(got[2:]) != "executed/7/3 was-authorized/9/1" {
		t.Errorf("%+v", got)
	}
}

func TestALineThatIsNoRecordIsKept(t *testing.T) {
	for _, keep := range []string{"never", "on_error", "always"} {
		tr := build(t, func(s *Settings) { s.KeepOriginal = keep })
		got := run(t, tr, records([]string{"nonsense \xff", sysA, endA}), 10)
		if len(got) != 2 || got[0].Raw != "nonsense \xff" || got[0].Records != 1 || got[0].Fields.Get(schema.EventKind).Str() != "pipeline_error" ||
			got[0].Fields.Get(schema.Tags).Str() != TagUnparsed || got[0].Fields.Get(schema.ErrorMessage).Str() == "" || !got[0].Time.Equal(start) {
			t.Errorf("%s: %+v", keep, got)
		}
	}
}

func TestTheOriginalIsKeptAsAsked(t *testing.T) {
	broken := strings.Replace(exeA, "argc=1", "argc=2", 1)
	for _, c := range []struct {
		keep, second string
		want         bool
	}{{"never", broken, false}, {"on_error", exeA, false}, {"on_error", broken, true}, {"always", exeA, true}} {
		e := oneEvent(t, build(t, func(s *Settings) { s.KeepOriginal = c.keep }), sysA, c.second, endA)
		want, hash := "", false
		if c.want {
			want = sysA + "\n" + c.second + "\n" + endA
		}
		hash = !e.Fields.Get(schema.EventHash).IsZero()
		if e.Raw != want || hash != c.want {
			t.Errorf("%s of %s: the original is %q, hash %v", c.keep, c.second, e.Raw, hash)
		}
	}
}

func TestTheIDIsStable(t *testing.T) {
	a := oneEvent(t, build(t, nil), sysA, exeA, endA)
	b := oneEvent(t, build(t, nil), sysA, endA)
	if a.ID != b.ID {
		t.Error("the id depends on more than the first record")
	}
	head := event.NewID([]byte("4c4c4544\x00auditd.log\x00"))
	want := event.NewID(append(head[:], "\x00\x00\x01\xa1\xfb\xeb\xdc\xc3\x00\x00\x00\x00\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x00"...))
	if a.ID != want {
		t.Errorf("the id is %v, want %v", a.ID, want)
	}
	late := run(t, build(t, nil), append(records([]string{sysA, endA}), records([]string{cwdA})...), 10)
	if len(late) != 2 || late[1].ID == late[0].ID || late[1].Offset != late[0].Offset {
		t.Errorf("a late record of a source without positions has the id of its event: %s", heads(late))
	}
	if c := oneEvent(t, build(t, nil), "", sysA, endA); c.ID == a.ID {
		t.Error("the place of the first record is no part of the id")
	}
}

func TestHeldRecordsAreCopies(t *testing.T) {
	line := []byte(sysA)
	st := build(t, nil).Lane("x").(*stage)
	in := records([]string{sysB, string(line), exeA})
	in[2].Fields = event.Fields{event.NewField(schema.LogSourceAddress, "", event.String("10.0.0.8"))}
	apply(t, st, in)
	held := st.Held(nil)
	if len(held) != 3 {
		t.Fatalf("%d records are held", len(held))
	}
	for i := range held {
		h := &held[i]
		if h.Decode != Decoder || h.Raw != in[i].Raw || h.Offset != in[i].Offset || h.Records != 1 || !h.Seen.Equal(start) {
			t.Errorf("%d: %+v", i, h)
		}
	}
	if held[2].Fields.Get(schema.LogSourceAddress).Str() != "10.0.0.8" {
		t.Error("what the input knew of a record is lost")
	}
}

// restart cuts a stream of records in two lanes, as a stop and a start do.
func restart(t testing.TB, tr *Transform, in []event.Event, cut, size int) []event.Event {
	t.Helper()
	st := tr.Lane("x").(*stage)
	var out []event.Event
	for at := 0; at < cut; at += size {
		out = append(out, apply(t, st, in[at:min(at+size, cut)])...)
	}
	again := tr.Lane("x").(*stage)
	if h := st.Held(nil); len(h) > 0 {
		out = append(out, apply(t, again, h)...)
	}
	for at := cut; at < len(in); at += size {
		out = append(out, apply(t, again, in[at:min(at+size, len(in))])...)
	}
	return append(out, flush(again)...)
}

// TestARestartChangesNothing cuts captures at any record.
func TestARestartChangesNothing(t *testing.T) {
	sources := map[string][]event.Event{}
	for _, c := range captures {
		if c.dir != "medium-raw" {
			in := records(captureLines(t, c.dir, c.files))
			sources[c.dir] = in[:min(len(in), 500)]
		}
	}
	sources["captured"] = records(readLines(t, filepath.Join(shared, "audit", "captured", "auditd_enriched_kernel_6.18.log")))
	tr := build(t, nil)
	for name, in := range sources {
		want := run(t, tr, in, 200)
		rapid.Check(t, func(rt *rapid.T) {
			cut := rapid.IntRange(0, len(in)).Draw(rt, "cut")
			size := rapid.IntRange(1, 300).Draw(rt, "size")
			got := restart(t, tr, in, cut, size)
			if diff := sameEvents(got, want); diff != "" {
				rt.Fatalf("%s: %s", name, diff)
			}
		})
	}
}

func sameEvents(got, want []event.Event) string {
	if len(got) != len(want) {
		return fmt.Sprintf("%d events, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i].ID != want[i].ID || show(&got[i]) != show(&want[i]) {
			return fmt.Sprintf("event %d is\n%s, want\n%s", i, show(&got[i]), show(&want[i]))
		}
	}
	return ""
}

// FuzzStage feeds anything, in batches of any size, with a stop in the middle.
func FuzzStage(f *testing.F) {
	f.Add(strings.Join([]string{sysA, exeA, "junk", endA, loneC}, "\n"), uint8(3), uint8(2))
	f.Add(strings.Join([]string{sysA, `type=EXECVE msg=audit(1795227901.123:7): argc=3 a0="a" a1_len=4 a1[0]=6120 a1[1]="x" a2=(null)`, endA, eoeA}, "\n"), uint8(1), uint8(1))
	f.Add(`type=SOCKADDR msg=audit(1.001:1): saddr=0A00`+"\n"+`type=SYSCALL msg=audit(1.001:1): arch=c000003e syscall=42 a0=3`, uint8(9), uint8(1))
	f.Add(`type=AVC msg=audit(1.001:1): avc:  denied  { read } for  pid=1 name=2F path=2F2E2E2F`+"\n"+`type=PATH msg=audit(1.001:1): item=5 name="../../a/./b" mode=1`, uint8(9), uint8(1))
	f.Add("type=PROCTITLE msg=audit(1.001:1): 0\ntype=PATH msg=audit(1.001:2): 0", uint8(1), uint8(1))
	tr := build(f, nil)
	f.Fuzz(func(t *testing.T, text string, size, cut uint8) {
		in := records(strings.Split(text, "\n"))
		got := restart(t, tr, in, min(int(cut), len(in)), int(size)+1)
		if total(got) != len(in) {
			t.Fatalf("%d records came out of %d", total(got), len(in))
		}
		for i := range got {
			checkEvent(t, "fuzz", &got[i])
		}
	})
}

func TestABatchThatIsRecycledTouchesNoEvent(t *testing.T) {
	st := build(t, nil).Lane("x").(*stage)
	var in, out event.Batch
	in.Events = append(in.Events, records([]string{sysA, exeA})...)
	if err := st.Apply(context.Background(), &in, &out); err != nil {
		t.Fatal(err)
	}
	in.Reset()
	in.Events = append(in.Events, records([]string{sysB, endA})...)
	if err := st.Apply(context.Background(), &in, &out); err != nil {
		t.Fatal(err)
	}
	in.Reset()
	if err := st.Apply(context.Background(), &in, &out); err != nil {
		t.Fatal(err)
	}
	if got := heads(out.Events); got != "executed/7/3" {
		t.Errorf("got %s", got)
	}
}

// TestSilenceTellsThatThereIsNoEOE: after one pause without EOE the events of a
// quiet source end with their PROCTITLE, not with the next pause.
func TestSilenceTellsThatThereIsNoEOE(t *testing.T) {
	st := build(t, nil).Lane("audit")
	apply := func(lines ...string) int {
		in, out := &event.Batch{}, &event.Batch{}
		for _, l := range lines {
			in.Add(event.Event{Decode: Decoder, Raw: l, Records: 1})
		}
		if err := st.Apply(t.Context(), in, out); err != nil {
			t.Fatal(err)
		}
		return len(out.Events)
	}
	one := []string{"type=SYSCALL msg=audit(1795227901.123:7): arch=c000003e syscall=59 success=yes exit=0 pid=1", "type=PROCTITLE msg=audit(1795227901.123:7): proctitle=\"x\""}
	two := []string{"type=SYSCALL msg=audit(1795227902.123:8): arch=c000003e syscall=59 success=yes exit=0 pid=1", "type=PROCTITLE msg=audit(1795227902.123:8): proctitle=\"x\""}
	if n := apply(one...); n != 0 {
		t.Fatalf("%d events before it is known whether EOE comes", n)
	}
	if n := apply(); n != 1 {
		t.Fatalf("%d events after a pause", n)
	}
	if n := apply(two...); n != 1 {
		t.Errorf("%d events: it is known now that no EOE comes", n)
	}
}

// TestARecordOfAnotherHost: a record that came by syslog from another host has
// the serials and users of that host, also where it names no node.
func TestARecordOfAnotherHost(t *testing.T) {
	in := records([]string{
		`type=SYSCALL msg=audit(1795227901.123:7): arch=c000003e syscall=59 success=yes exit=0 items=1 ppid=1 pid=2 auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=1 comm="a" exe="/a"`,
		`type=SYSCALL msg=audit(1795227901.123:7): arch=c000003e syscall=59 success=yes exit=0 items=1 ppid=1 pid=3 auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=1 comm="b" exe="/b"`,
		`type=PROCTITLE msg=audit(1795227901.123:7): proctitle="b"`,
		`type=PROCTITLE msg=audit(1795227901.123:7): proctitle="a"`,
	})
	for i, host := range []string{"", "web-1", "web-1", "node-7"} {
		if host != "" {
			in[i].Fields = event.Fields{event.NewField(schema.HostName, "", event.String(host))}
		}
	}
	for size := range 4 {
		tr := build(t, func(s *Settings) { s.Passwd = "testdata/passwd" })
		out := run(t, tr, in, size+1)
		if len(out) != 2 {
			t.Fatalf("%d events came of the two hosts", len(out))
		}
		for _, e := range out {
			name, host, user := e.Get(schema.ProcessName).Str(), e.Get(schema.HostName).Str(), e.Get(schema.UserName).Str()
			if e.Records != 2 || name == "b" && (host != "web-1" || user != "") || name == "a" && (host == "web-1" || user != "root") {
				t.Errorf("%s of host %q has %d records and user %q", name, host, e.Records, user)
			}
		}
	}
}

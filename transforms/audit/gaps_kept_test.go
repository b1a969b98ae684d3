package audit

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// give takes a batch through a stage and returns what came of it.
func give(t *testing.T, st *stage, in event.Batch) *event.Batch {
	t.Helper()
	var out event.Batch
	if err := st.Apply(context.Background(), &in, &out); err != nil {
		t.Fatal(err)
	}
	return &out
}

// counted sums what a batch adds to the losses of a reason.
func counted(b *event.Batch, reason event.LossReason) (n uint64) {
	for _, l := range b.Losses {
		if l.Reason == reason {
			n += l.Count
		}
	}
	return n
}

func TestSerialsOfOneKernelAreTold(t *testing.T) {
	for name, c := range map[string]struct {
		kind event.Serials
		in   []event.Event
		want string
	}{
		"perhaps shared":        {event.SerialsUnknown, fileRecords("", 500, 700, -60, 800), ""},
		"no hole":               {event.SerialsWhole, fileRecords("", 1, 2, 3, 3, 4, -60, 5), ""},
		"a hole":                {event.SerialsWhole, fileRecords("", 10, 14, -13, 15), "11-13"},
		"a hole, ours":          {event.SerialsOurs, fileRecords("", 10, 14, -13, 15), "11-13"},
		"out of order":          {event.SerialsWhole, fileRecords("", 10, 12, 11, 13, -13, 14), ""},
		"a start of the host":   {event.SerialsWhole, fileRecords("", 500, -60, 1, 2), ""},
		"late by eleven second": {event.SerialsWhole, fileRecords("", 10, 12, -11, 11, 13, -60, 14), ""},
	} {
		t.Run(name, func(t *testing.T) {
			st := build(t, nil).Lane("audit").(*stage)
			out := give(t, st, event.Batch{Events: c.in, Serials: c.kind})
			if g := gapText(t, append(out.Events, flush(st)...)); g != c.want {
				t.Errorf("gaps are %q, want %q", g, c.want)
			}
		})
	}
}

// TestALossIsCountedOnce: what another reason counts is told as a gap, and adds to
// the gaps only what the other cannot have.
func TestALossIsCountedOnce(t *testing.T) {
	for name, c := range map[string]struct {
		loss []event.Loss
		wait time.Duration
		want uint64
		as   string
	}{
		"nobody else counted":       {nil, 0, 6, ""},
		"a number that is unknown":  {[]event.Loss{{Reason: event.ReceiveDrop}}, 0, 6, ""},
		"as many":                   {[]event.Loss{{Reason: event.ReceiveDrop, Count: 6}}, 0, 0, "udp_rx_drop"},
		"records of these events":   {[]event.Loss{{Reason: event.Overrun, Count: 31}}, 0, 0, "input_overrun"},
		"fewer":                     {[]event.Loss{{Reason: event.KernelLost, Count: 2}}, 0, 4, "kernel_audit_lost"},
		"asked eleven seconds on":   {[]event.Loss{{Reason: event.KernelLost, Count: 6}}, 11 * time.Second, 0, "kernel_audit_lost"},
		"bytes are another thing":   {[]event.Loss{{Reason: event.RotatedAway, Count: 6000}}, 0, 6, ""},
		"two of them":               {[]event.Loss{{Reason: event.KernelLost, Count: 2}, {Reason: event.ReceiveDrop, Count: 3}}, 0, 1, "udp_rx_drop"},
		"an unknown and the kernel": {[]event.Loss{{Reason: event.ReceiveDrop}, {Reason: event.KernelLost, Count: 1}}, 0, 5, "kernel_audit_lost"},
	} {
		t.Run(name, func(t *testing.T) {
			now := start
			tr := build(t, nil)
			tr.env.Now = func() time.Time { return now }
			st := tr.Lane("audit").(*stage)
			give(t, st, event.Batch{Events: fileRecords("", 10, 17), Serials: event.SerialsWhole})
			now = now.Add(c.wait)
			give(t, st, event.Batch{Losses: c.loss, Serials: event.SerialsWhole})
			now = start.Add(gapWait)
			out := give(t, st, event.Batch{Serials: event.SerialsWhole})
			if g := gapText(t, out.Events); g != "11-16" {
				t.Fatalf("gaps are %q", g)
			}
			if n := counted(out, event.SerialGap); n != c.want {
				t.Errorf("%d are counted, want %d", n, c.want)
			}
			if as := out.Events[0].Fields.GetNamed(schema.AuditdData, "counted_as").Str(); as != c.as {
				t.Errorf("counted as %q, want %q", as, c.as)
			}
		})
	}
}

// TestALossOfLongAgoExplainsNoGap: a loss that was counted more than a minute
// before has no part in a gap.
func TestALossOfLongAgoExplainsNoGap(t *testing.T) {
	now := start
	tr := build(t, nil)
	tr.env.Now = func() time.Time { return now }
	st := tr.Lane("audit").(*stage)
	give(t, st, event.Batch{Losses: []event.Loss{{Reason: event.KernelLost, Count: 900}}})
	now = now.Add(countedFor + 1)
	give(t, st, event.Batch{Events: fileRecords("/a", 10, 14)})
	now = now.Add(gapWait + time.Second)
	if n := counted(give(t, st, event.Batch{}), event.SerialGap); n != 3 {
		t.Errorf("%d are counted", n)
	}
}

// again is a stage that takes up what another held, in this boot or another.
func again(t *testing.T, st *stage, boot string) *stage {
	t.Helper()
	tr := build(t, nil)
	tr.env.Shared = event.Fields{event.NewField(schema.HostBootID, "", event.String(boot))}
	next := tr.Lane("audit").(*stage)
	if got := give(t, next, event.Batch{Events: st.Held(nil)}); len(got.Events) > 0 {
		t.Errorf("of what was held came %s", show(&got.Events[0]))
	}
	return next
}

func TestAGapOverARestartIsTold(t *testing.T) {
	const log = "/var/log/audit/audit.log"
	for name, c := range map[string]struct {
		kind          event.Serials
		path          string
		before, after []int
		boot          string
		want          string
	}{
		"a file that goes on":                   {0, log, []int{10, 11}, []int{12, 13}, "a", ""},
		"a file that was rotated away":          {0, log, []int{10, 11}, []int{15, 16}, "a", "12-14"},
		"it was waited for at the stop":         {0, log, []int{10, 13}, []int{14}, "a", "11-12"},
		"it was waited for, and came":           {0, log, []int{10, 13}, []int{12, 11, 14}, "a", ""},
		"both":                                  {0, log, []int{10, 13}, []int{17}, "a", "11-12 14-16"},
		"in place of auditd":                    {event.SerialsOurs, "", []int{10, 11}, []int{15}, "a", "12-14"},
		"beside auditd, which read on":          {event.SerialsWhole, "", []int{10, 11}, []int{15, 16}, "a", ""},
		"beside auditd, after it":               {event.SerialsWhole, "", []int{10, 11}, []int{15, 18}, "a", "16-17"},
		"beside auditd, waited for":             {event.SerialsWhole, "", []int{10, 13}, []int{19}, "a", "11-12"},
		"a host that started anew":              {event.SerialsOurs, "", []int{10, 11}, []int{-60, 900, 901}, "b", ""},
		"a host that started anew, below":       {event.SerialsOurs, "", []int{500, 501}, []int{-60, 3, 4}, "b", ""},
		"a host that started anew, then a hole": {0, log, []int{10, 11}, []int{-60, 900, 903}, "b", "901-902"},
	} {
		t.Run(name, func(t *testing.T) {
			st := build(t, nil).Lane("audit").(*stage)
			st.t.env.Shared = event.Fields{event.NewField(schema.HostBootID, "", event.String("a"))}
			got := give(t, st, event.Batch{Events: fileRecords(c.path, c.before...), Serials: c.kind}).Events
			next := again(t, st, c.boot)
			got = append(got, give(t, next, event.Batch{Events: fileRecords(c.path, c.after...), Serials: c.kind}).Events...)
			if g := gapText(t, append(got, flush(next)...)); g != c.want {
				t.Errorf("gaps are %q, want %q", g, c.want)
			}
			if left := next.Held(nil); len(left) > 0 {
				t.Errorf("held after the end: %s", left[0].Raw)
			}
		})
	}
}

// TestHeldRecordsComeAgainAndMakeNoGap: records that are held come again after a restart, and
// the note knows them already.
func TestHeldRecordsComeAgainAndMakeNoGap(t *testing.T) {
	line := func(serial int, typ, rest string) event.Event {
		e := fileRecords("/a", serial)[0]
		e.Raw = fmt.Sprintf("type=%s msg=audit(1795227901.123:%d): %s", typ, serial, rest)
		return e
	}
	now := start
	st := build(t, nil).Lane("audit").(*stage)
	got := give(t, st, event.Batch{Events: []event.Event{line(10, "SYSCALL", "arch=c000003e syscall=59 success=yes exit=0 items=0 pid=1"), fileRecords("/a", 11)[0]}}).Events
	tr := build(t, nil)
	tr.env.Now = func() time.Time { return now.Add(time.Hour) }
	next := tr.Lane("audit").(*stage)
	held := st.Held(nil)
	if len(held) != 2 || held[0].Records != 1 || held[1].Records != 0 {
		t.Fatalf("held are %+v", held)
	}
	got = append(got, give(t, next, event.Batch{Events: held}).Events...)
	after := fileRecords("/a", 12)
	after[0].Seen = now.Add(2 * time.Hour)
	got = append(got, give(t, next, event.Batch{Events: after}).Events...)
	if got = append(got, flush(next)...); gapText(t, got) != "" || total(got) != 3 {
		t.Errorf("gaps are %q, of %d records", gapText(t, got), total(got))
	}
}

// TestANoteIsBoundedAndItsDamageHarmless: no source makes a note longer than that,
// none can write one, and one that cannot be read is as none.
func TestANoteIsBoundedAndItsDamageHarmless(t *testing.T) {
	st := build(t, nil).Lane("audit").(*stage)
	for node := range 3 * seriesMax {
		var serials []int
		for i := range 3 * gapLimit {
			serials = append(serials, 10+3*i)
		}
		give(t, st, event.Batch{Events: fileRecords(fmt.Sprintf("/log/%d", node), serials...)})
	}
	held := st.Held(nil)
	if len(held) != 1 || len(held[0].Raw) > 128<<10 {
		t.Fatalf("%d are held, of %d bytes", len(held), len(held[0].Raw))
	}
	if next := again(t, st, ""); len(next.gaps.list) != seriesMax {
		t.Errorf("%d series came back", len(next.gaps.list))
	}
	for _, text := range []string{"{", `{"series":7}`, `{"boot":"a","series":[` + strings.Repeat(`{},`, seriesMax) + `{}]}`, ""} {
		next := build(t, nil).Lane("audit").(*stage)
		if out := give(t, next, event.Batch{Events: []event.Event{{Decode: Decoder, Raw: keptHead + text, Seen: start}}}); len(out.Events)+len(next.gaps.list) > 0 {
			t.Errorf("%q: %d events, %d series", text, len(out.Events), len(next.gaps.list))
		}
		line := event.Event{Decode: Decoder, Records: 1, Raw: held[0].Raw, Seen: start}
		if out := give(t, next, event.Batch{Events: []event.Event{line}}); len(out.Events) != 1 || len(next.gaps.list) > 0 {
			t.Errorf("a line was taken for a note")
		}
	}
}

// TestASeriesThatHasToGoTellsItsGaps: more nodes than are watched.
func TestASeriesThatHasToGoTellsItsGaps(t *testing.T) {
	st := build(t, nil).Lane("audit").(*stage)
	in := fileRecords("/0", 5, 7)
	for i := range seriesMax {
		in = append(in, fileRecords(fmt.Sprintf("/%d", i+1), 1)...)
	}
	if g := gapText(t, give(t, st, event.Batch{Events: in}).Events); g != "6-6" {
		t.Errorf("gaps are %q", g)
	}
}

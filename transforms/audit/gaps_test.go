package audit

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// fileRecords makes one-record events with these serials, read from a file.
// A negative number lets that many seconds pass.
func fileRecords(path string, serials ...int) []event.Event {
	var out []event.Event
	at := 1795227901
	for _, n := range serials {
		if n < 0 {
			at -= n
			continue
		}
		out = append(out, event.Event{Decode: Decoder, Records: 1, Offset: int64(len(out)), Seen: start,
			Raw: fmt.Sprintf(`type=USER_ACCT msg=audit(%d.123:%d): pid=1 uid=0 auid=4294967295 ses=4294967295 msg='op=x acct="root" res=success'`, at, n)})
		if path != "" {
			out[len(out)-1].Shared = event.Fields{event.NewField(schema.LogFilePath, "", event.String(path))}
		}
	}
	return out
}

// gapText returns the gaps among events: "3-5 9-9".
func gapText(t *testing.T, events []event.Event) string {
	t.Helper()
	var out []string
	for i := range events {
		e := &events[i]
		if e.Fields.Get(schema.EventAction).Str() != "audit-sequence-gap" {
			continue
		}
		if e.Records != 0 || e.Dataset != "tallyman.internal" || e.ID.IsZero() || e.Fields.Get(schema.EventModule).Str() != "tallyman" {
			t.Errorf("a gap is told as %+v", e)
		}
		out = append(out, e.Fields.GetNamed(schema.AuditdData, "first").Str()+"-"+e.Fields.GetNamed(schema.AuditdData, "last").Str())
	}
	return strings.Join(out, " ")
}

func TestSerialsThatNeverComeAreTold(t *testing.T) {
	const log = "/var/log/audit/audit.log"
	for name, c := range map[string]struct {
		in   []event.Event
		want string
	}{
		"no hole":                 {fileRecords(log, 1, 2, 3, 3, 4), ""},
		"a hole, after a while":   {fileRecords(log, 10, 14, -13, 15), "11-13"},
		"a hole at the end":       {fileRecords(log, 10, 12), "11-11"},
		"out of order":            {fileRecords(log, 10, 12, 11, 13, -9, 14), ""},
		"a hole that shrinks":     {fileRecords(log, 10, 20, 11, 19, 15, -9, 21), "12-14 16-18"},
		"a start of the host":     {fileRecords(log, 500, -60, 1, 2), ""},
		"a start after a hole":    {fileRecords(log, 500, 503, -60, 1, 2), "501-502"},
		"another file":            {append(fileRecords(log, 500), fileRecords(log+".1", 700)...), ""},
		"no file, perhaps shared": {fileRecords("", 500, 700, -60, 800), ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, build(t, nil), c.in, 2)
			if g := gapText(t, got); g != c.want {
				t.Errorf("gaps are %q, want %q", g, c.want)
			}
			if total(got) != len(c.in) {
				t.Errorf("%d of %d records came out", total(got), len(c.in))
			}
		})
	}
}

func TestHeldRecordsMakeNoGap(t *testing.T) {
	tr := build(t, nil)
	tr.env.Now = func() time.Time { return start.Add(time.Hour) } // the stage is younger than the records
	if g := gapText(t, run(t, tr, fileRecords("/a", 5, 90), 10)); g != "" {
		t.Errorf("gaps are %q", g)
	}
}

func TestAnIdleLaneTellsItsGaps(t *testing.T) {
	now := start
	tr := build(t, nil)
	tr.env.Now = func() time.Time { return now }
	st := tr.Lane("audit").(*stage)
	apply(t, st, fileRecords("/a", 5, 7))
	now = now.Add(gapWait - 1)
	if g := gapText(t, apply(t, st, nil)); g != "" {
		t.Errorf("too early: %q", g)
	}
	now = now.Add(1)
	if g := gapText(t, apply(t, st, nil)); g != "6-6" {
		t.Errorf("gaps are %q", g)
	}
}

func TestWhatTheKernelSaysOfLostRecordsIsAnEvent(t *testing.T) {
	for line, want := range map[string]string{
		"audit: audit_lost=14778 audit_rate_limit=0 audit_backlog_limit=8192":                                               "14778",
		"Nov 21 02:25:01 node-7 kernel: [  270.853767] audit: audit_lost=3 audit_rate_limit=0 audit_backlog_limit=64":       "3",
		"Nov 21 02:25:01 node-7 sshd[7]: audit: audit_lost=14778 audit_rate_limit=0":                                        "",
		"Nov 21 02:25:01 node-7 sshd[7]: Invalid user kernel: audit: audit_lost=3 audit_rate_limit=0 audit_backlog_limit=4": "",
	} {
		e := oneEvent(t, build(t, nil), line)
		if got := e.Fields.GetNamed(schema.AuditdData, "audit_lost").Str(); got != want || e.Records != 1 || e.Raw != line {
			t.Errorf("%s: audit_lost is %q", line, got)
		}
		if isLost := e.Fields.Get(schema.EventAction).Str() == "lost-audit-records"; isLost != (want != "") {
			t.Errorf("%s: %s", line, show(&e))
		}
	}
}

// serialsAt makes one-record events of serials and their seconds.
func serialsAt(pairs ...int) []event.Event {
	var out []event.Event
	for i := 0; i < len(pairs); i += 2 {
		e := fileRecords("/var/log/audit/audit.log", pairs[i])[0]
		e.Raw = strings.Replace(e.Raw, "1795227901.", fmt.Sprintf("%d.", 1795227901+pairs[i+1]), 1)
		e.Offset = int64(i)
		out = append(out, e)
	}
	return out
}

// TestTimesThatLieBackMakeNoLoss: a call that waited has the newest serial and the
// time at which it began.
func TestTimesThatLieBackMakeNoLoss(t *testing.T) {
	row := func(serial, sec, n int) (pairs []int) {
		for i := range n {
			pairs = append(pairs, serial+i, sec+i)
		}
		return pairs
	}
	with := func(pairs ...[]int) []event.Event { return serialsAt(slices.Concat(pairs...)...) }
	for name, c := range map[string]struct {
		in   []event.Event
		want string
	}{
		"more of the event before a call that waited": {serialsAt(100, 60, 101, 0, 100, 60, 102, 60), ""},
		"one is late behind a call that waited":       {serialsAt(100, 60, 102, 0, 103, 60, 101, 60, 104, 61), ""},
		"one is lost behind a call that waited":       {serialsAt(100, 60, 102, 0, 103, 60, 104, 73), "101-101"},
		"calls that waited and end in a row":          {with([]int{100, 600}, row(101, 0, 9), []int{110, 601, 112, 602, 113, 615}), "111-111"},
		"a clock that was set back":                   {with([]int{100, 3600}, row(101, 0, 20), []int{122, 20, 123, 34}, row(124, 35, 3)), "121-121"},
		"a hole before the clock was set back":        {with([]int{100, 3600, 102, 3600}, row(103, 0, 40)), "101-101"},
		"a start with a clock that lies back":         {with([]int{5000, 3600}, row(1, 0, 20), []int{22, 20, 23, 34}), "21-21"},
		"a start with such a clock, out of order":     {with([]int{5000, 3600}, []int{2, 0, 1, 0, 4, 0, 3, 0}, row(5, 0, 20), []int{26, 20, 27, 34}), "25-25"},
		"old serials that end late":                   {with(row(100, 0, 30), []int{200, 600}, row(105, 0, 9), []int{201, 601, 202, 620}), "130-199"},
	} {
		t.Run(name, func(t *testing.T) {
			st := build(t, nil).Lane("audit").(*stage)
			if g := gapText(t, apply(t, st, c.in)); g != c.want {
				t.Errorf("gaps are %q, want %q", g, c.want)
			}
		})
	}
}

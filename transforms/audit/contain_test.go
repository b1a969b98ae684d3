package audit

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/schema"
)

// TestADefectTakesItsEventAlone: what the interpretation ends on is one event with
// all of its records, said and counted, and what comes after is as ever. The defect is
// made: of a stage whose tables are gone.
func TestADefectTakesItsEventAlone(t *testing.T) {
	said := &bytes.Buffer{}
	tr := build(t, func(s *Settings) { s.KeepOriginal = "never" })
	tr.env.Log = slog.New(slog.NewTextHandler(said, nil))
	meters := &meter.Registry{}
	tr.count.panics = meters.Counter("panics", "Panics.")
	st := tr.Lane("x").(*stage)
	tables := st.f.t
	if got := heads(apply(t, st, records([]string{sysB, endB, loneC}))); got != "deleted/8/2 was-authorized/9/1" {
		t.Fatal(got)
	}

	st.f.t = nil
	for _, serial := range []string{":17)", ":27)"} {
		var lines []string
		for _, line := range []string{sysA, exeA, endA} {
			lines = append(lines, strings.Replace(line, ":7)", serial, 1))
		}
		got := apply(t, st, records(lines))
		if len(got) != 1 || got[0].Records != 3 || strings.Count(got[0].Raw, "\n") != 2 || got[0].ID.IsZero() {
			t.Fatalf("the records became %+v", got)
		}
		e := &got[0]
		if e.Fields.Get(schema.EventKind).Str() != "pipeline_error" || !strings.Contains(e.Fields.Get(schema.ErrorMessage).Str(), "a defect of the transform") ||
			e.Fields.Get(schema.EventSequence).IsZero() {
			t.Errorf("the event says %v", e.Fields)
		}
	}
	st.f.t = tables
	if got := heads(apply(t, st, records([]string{strings.ReplaceAll(sysB, ":8)", ":18)"), strings.ReplaceAll(endB, ":8)", ":18)")}))); got != "deleted/18/2" {
		t.Errorf("after that: %s", got)
	}
	panics := 0.0
	meters.Each(func(s meter.Sample) {
		panics += s.Value
	})
	if n := strings.Count(said.String(), "level=ERROR"); panics != 2 || n != 1 {
		t.Errorf("%v were counted, %d said:\n%s", panics, n, said)
	}
}

// TestADefectInReadingTakesItsRecordAlone: what the reading or joining of a record ends
// on is that record, kept whole; the events that are open go on, and so does the rest of
// the batch. The defect is made: of tables that are gone while a batch is read.
func TestADefectInReadingTakesItsRecordAlone(t *testing.T) {
	for _, keep := range []string{"never", "always"} {
		said := &bytes.Buffer{}
		tr := build(t, func(s *Settings) { s.KeepOriginal = keep })
		tr.env.Log = slog.New(slog.NewTextHandler(said, nil))
		meters := &meter.Registry{}
		tr.count.panics = meters.Counter("panics", "Panics.")
		st := tr.Lane("x").(*stage)
		if got := apply(t, st, records([]string{sysA, exeA})); len(got) != 0 {
			t.Fatal(heads(got))
		}

		tables := tr.tables
		tr.tables = nil
		in := records([]string{loneC, sysB, endB})
		other := event.Event{Decode: "json", Raw: "{}", Records: 1}
		in = append(in, other)
		got := apply(t, st, in)
		tr.tables = tables
		if len(got) != 4 || got[3].Raw != other.Raw || got[3].Decode != other.Decode {
			t.Fatalf("%s: the batch became %+v", keep, got)
		}
		for i := range got[:3] {
			e := &got[i]
			if e.Raw != in[i].Raw || e.Records != 1 || e.ID.IsZero() || e.Offset != in[i].Offset || e.Fields.Get(schema.EventKind).Str() != "pipeline_error" ||
				e.Fields.Get(schema.Tags).Str() != TagUnparsed || !strings.Contains(e.Fields.Get(schema.ErrorMessage).Str(), "a defect of the transform") {
				t.Errorf("%s: the record became %+v", keep, e)
			}
		}
		if got := heads(apply(t, st, records([]string{endA, loneC, loneC}))); got != "executed/7/3 was-authorized/9/1 was-authorized/9/1*" {
			t.Errorf("%s: after that: %s", keep, got)
		}
		panics := 0.0
		meters.Each(func(s meter.Sample) { panics += s.Value })
		if n := strings.Count(said.String(), "level=ERROR"); panics != 3 || n != 1 {
			t.Errorf("%s: %v were counted, %d said:\n%s", keep, panics, n, said)
		}
	}
}

// TestADefectInJoiningLosesNoRecordTwice: a record that an open event took before the
// panic is in that event and nowhere else.
func TestADefectInJoiningLosesNoRecordTwice(t *testing.T) {
	tr := build(t, nil)
	tr.env.Log = slog.New(slog.DiscardHandler)
	tr.count.panics = (&meter.Registry{}).Counter("panics", "Panics.")
	tr.count.overflow = nil // what counts the end of the oldest event, when they hold too much
	st := tr.Lane("x").(*stage)
	if got := apply(t, st, records([]string{sysA})); len(got) != 0 {
		t.Fatal(heads(got))
	}
	st.win.size = windowBytes
	if got := apply(t, st, records([]string{exeA})); len(got) != 0 {
		t.Fatal(heads(got))
	}
	st.win.size = 1000
	if got := apply(t, st, records([]string{endA, loneC})); heads(got) != "executed/7/3 was-authorized/9/1" {
		t.Error(heads(got))
	}
}

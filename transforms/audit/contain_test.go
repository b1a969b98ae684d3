package audit

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

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

package container

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

var _ plugin.Reporter = (*Transform)(nil)

// TestReportOfTheLastHour lets events come at chosen minutes and wants of each
// report those of the hour before it, whatever came earlier.
func TestReportOfTheLastHour(t *testing.T) {
	now := time.Date(2026, 11, 25, 20, 0, 30, 0, time.UTC)
	set := Default()
	set.Procfs.Value, set.DockerRoot.Value, set.Connector, set.Ask = "", "", connectorOff, askOff
	made, err := New(&set, plugin.Env{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	tr := made.(*Transform)
	lane := tr.Lane("audit")
	come := func(known, unknown int) {
		t.Helper()
		in, out := &event.Batch{}, &event.Batch{}
		for range unknown {
			in.Add(event.Event{Dataset: dataset, Time: now})
		}
		for range known {
			e := event.Event{Dataset: "containerd.log", Time: now}
			e.Fields = append(e.Fields, event.NewField(schema.ContainerID, "", event.String("c1")))
			in.Add(e)
		}
		if err := lane.Apply(t.Context(), in, out); err != nil {
			t.Fatal(err)
		}
	}
	wants := func(when string, known, unknown uint64) {
		t.Helper()
		want := Report{Minutes: 60, Events: known + unknown, Found: known}
		if unknown > 0 {
			want.Shares = append(want.Shares, Share{"none", "unknown", unknown})
		}
		if known > 0 {
			want.Shares = append(want.Shares, Share{"source", "exact", known})
		}
		if d := cmp.Diff(want, tr.Report()); d != "" {
			t.Errorf("%s: %s", when, d)
		}
	}
	wants("before anything", 0, 0)
	come(1, 2)
	come(10, 20)
	wants("in the same minute", 11, 22)
	now = now.Add(59 * time.Minute)
	wants("59 minutes later", 11, 22)
	come(100, 0)
	wants("with more", 111, 22)
	now = now.Add(time.Minute)
	wants("when the first minute is past", 100, 0)
	come(0, 1) // takes the place of the first minute in the ring
	wants("with one more", 100, 1)
	now = now.Add(59 * time.Minute)
	wants("an hour later", 0, 1)
	now = now.Add(25 * time.Hour)
	wants("a day later", 0, 0)
	come(3, 0)
	wants("after a quiet day", 3, 0)
	now = now.Add(-10 * time.Minute)
	come(2, 0)
	now = now.Add(10 * time.Minute)
	wants("after a clock that went back and came again", 5, 0)
}

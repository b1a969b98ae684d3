package report

import (
	"slices"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// TestDowntime: what tallyman says of its starts and stops is when it did not run, in
// whatever order it comes, and nothing that only looks like it counts.
func TestDowntime(t *testing.T) {
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	said := func(minute int, dataset, action, reason string) *event.Event {
		at := from.Add(time.Duration(minute) * time.Minute)
		e := &event.Event{Time: at, Seen: at, Dataset: dataset}
		e.Fields.AddString(schema.HostName, "h")
		e.Fields.AddString(schema.EventAction, action)
		e.Fields.AddString(schema.EventReason, reason)
		return e
	}
	started := func(minute int, reason string) *event.Event { return said(minute, internal, "agent-started", reason) }
	stopped := func(minute int) *event.Event { return said(minute, internal, "agent-stopped", "") }
	for _, c := range []struct {
		name string
		give []*event.Event
		want []string // kind, from and to in minutes
	}{
		{"it ran", []*event.Event{started(1, "first-start")}, nil},
		{"stopped and started", []*event.Event{stopped(60), started(75, "clean-stop")}, []string{halted + " 1h0m0s 1h15m0s"}},
		{"in another order", []*event.Event{started(75, "clean-stop"), stopped(60)}, []string{halted + " 1h0m0s 1h15m0s"}},
		{"stopped before the period", []*event.Event{started(30, "clean-stop")}, []string{halted + " 0s 30m0s"}},
		{"not started again", []*event.Event{stopped(200)}, []string{halted + " 3h20m0s 4h0m0s"}},
		{"killed", []*event.Event{said(42, "auditd.log", "executed", ""), started(90, "unclean-stop")}, []string{killed + " 45m0s 1h30m0s"}},
		{"a line that says so", []*event.Event{said(60, "app", "agent-stopped", ""), said(75, "app", "agent-started", "clean-stop")}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			cover, err := newCoverage(from, from.Add(4*time.Hour), time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range c.give {
				cover.read("h", e.Seen)
				cover.happened("h", e.Time)
				cover.life(e, e.Time)
			}
			list, _ := cover.gaps()
			var got []string
			for _, g := range list {
				if g.Kind != halted && g.Kind != killed {
					continue
				}
				since := func(text string) string {
					at, err := time.Parse(time.RFC3339, text)
					if err != nil {
						t.Fatal(err)
					}
					return at.Sub(from).String()
				}
				got = append(got, g.Kind+" "+since(g.From)+" "+since(g.To))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

package plugintest

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// fakeCollector confirms what it took one Settle later; fault is what it does
// wrong. It remembers in its Store what it confirmed.
type fakeCollector struct {
	fault    string
	got      *[]string
	store    plugin.Store
	waiting  []string
	seq      uint64 // taken last
	kept     uint64 // confirmed last
	sealed   bool
	confirms uint64
	offered  uint64 // by the last Collect
}

func (f *fakeCollector) Confirms() bool                            { return true }
func (f *fakeCollector) Close() error                              { return nil }
func (f *fakeCollector) Send(context.Context, []event.Event) error { return errRefused }

func (f *fakeCollector) Collect(_ context.Context, seq uint64, events []event.Event) error {
	f.offered = seq
	if f.fault != "takes twice" && (seq <= f.kept || (f.sealed && seq <= f.seq)) {
		return nil
	}
	f.seq, f.sealed = seq, false
	for i := range events {
		text := events[i].Get(schema.Message).Str()
		if f.fault != "keeps texts" {
			text = strings.Clone(text)
		}
		f.waiting = append(f.waiting, text)
		if f.fault == "changes" {
			events[i].Fields.AddString(schema.Tags, "sent")
		}
	}
	if f.fault == "loses" && seq == firstFrame+3 {
		f.waiting = f.waiting[1:]
	}
	return nil
}

func (f *fakeCollector) Settle(_ context.Context, all bool) (uint64, time.Duration, error) {
	f.sealed = true
	switch {
	case f.fault == "too much" && f.seq > 0:
		return f.seq + 1, 0, nil
	case f.fault == "rests" && all:
		return 0, 0, nil
	case f.fault == "too soon":
		return f.seq, 0, nil // and gives it away at the end only
	case len(f.waiting) < 10 && !all:
		return min(f.confirms, f.offered), 0, nil
	}
	*f.got = append(*f.got, f.waiting...)
	f.waiting, f.confirms = nil, f.seq
	b, err := json.Marshal(f.seq)
	if err != nil {
		return 0, 0, err
	}
	return min(f.seq, f.offered), time.Millisecond, f.store.Save(b)
}

func fakeCollectors(fault string) CollectorSuite {
	var got []string
	return CollectorSuite{
		Plugin: plugin.NewOutput("fake", "Is a fake.", func() fakeSettings { return fakeSettings{Mode: "good"} },
			func(c *fakeSettings, env plugin.Env) (plugin.Output, error) {
				if c.Mode == "refused" {
					return nil, errRefused
				}
				f := &fakeCollector{fault: fault, got: &got, store: env.Store}
				if b, err := env.Store.Load(); err != nil || (len(b) > 0 && json.Unmarshal(b, &f.kept) != nil) {
					return nil, errRefused
				}
				return f, nil
			}),
		Destination: func(testing.TB) (any, func() []string) {
			got = nil
			return &fakeSettings{Mode: "good"}, func() []string { return got }
		},
		Once:    true,
		Refused: noMode,
	}
}

func TestCollectorSuite(t *testing.T) { Collector(t, fakeCollectors("")) }

func TestCollectorSuiteFinds(t *testing.T) {
	for _, c := range []struct {
		fault, want string
		check       func(CollectorSuite, testing.TB)
	}{
		{"takes twice", "came where", func(s CollectorSuite, t testing.TB) { s.rewind(t) }},
		{"takes twice", "came where", func(s CollectorSuite, t testing.TB) { s.restart(t) }},
		{"loses", "came where", func(s CollectorSuite, t testing.TB) { s.order(t) }},
		{"changes", "were changed", func(s CollectorSuite, t testing.TB) { s.order(t) }},
		{"keeps texts", "received what nobody sent", func(s CollectorSuite, t testing.TB) { s.order(t) }},
		{"too much", "was the last that was offered", func(s CollectorSuite, t testing.TB) { s.order(t) }},
		{"too soon", "are received", func(s CollectorSuite, t testing.TB) { s.restart(t) }},
		{"rests", "wants to be left alone", func(s CollectorSuite, t testing.TB) { s.order(t) }},
	} {
		finds(t, c.fault, c.want, func(t testing.TB) { c.check(fakeCollectors(c.fault), t) })
	}
}

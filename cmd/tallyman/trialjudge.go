package main

import (
	"fmt"
	"slices"
	"strings"

	"tallyman/outputs/format"
	"tallyman/pipeline/engine"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// trialEvents is what came out, compared as it comes.
type trialEvents struct {
	t        *trial
	next     int // of t.Events: what is looked for
	near     string
	count    int
	alerts   []string
	rendered map[string]*strings.Builder
}

func (g *trialEvents) add(x *engine.Explained) error {
	e := &x.Event
	if e.Records == 0 && e.Get(schema.EventKind).Str() == "alert" {
		g.alerts = append(g.alerts, strings.Clone(e.Get(schema.RuleID).Str()))
	} else {
		g.count++
	}
	if g.next < len(g.t.Events) {
		if diff := differs(e, g.t.Events[g.next]); diff == "" {
			g.next, g.near = g.next+1, ""
		} else if g.near == "" || strings.Count(diff, "\n") < strings.Count(g.near, "\n") {
			g.near = diff
		}
	}
	for as := range g.t.Rendered {
		enc, err := format.New(&format.Settings{Format: as}, plugin.Env{})
		if err != nil {
			return err
		}
		b, err := enc.Append(nil, e)
		if err != nil {
			return err
		}
		if g.rendered[as] == nil {
			g.rendered[as] = &strings.Builder{}
		}
		_, _ = g.rendered[as].Write(append(b, '\n')) // a Builder takes everything
	}
	return nil
}

// differs says which of the wanted fields an event has otherwise, a line each.
func differs(e *event.Event, want map[string]any) string {
	var b strings.Builder
	names := make([]string, 0, len(want))
	for name := range want {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		got := valuesOf(e, name)
		list, isList := want[name].([]any)
		if !isList {
			list = []any{want[name]}
		}
		var texts []string
		for _, v := range list {
			texts = append(texts, fmt.Sprint(v))
		}
		if isList && slices.Equal(got, texts) || !isList && slices.Contains(got, texts[0]) || !isList && texts[0] == "" && len(got) == 0 {
			continue
		}
		fmt.Fprintf(&b, "      %s is %q, want %q\n", name, got, texts)
	}
	return b.String()
}

// valuesOf returns the texts of a field's values.
func valuesOf(e *event.Event, name string) []string {
	key, rest, err := fieldOf(name)
	if err != nil {
		return nil // it was checked when the file was read
	}
	var out []string
	for _, list := range []event.Fields{e.Fields, e.Shared} {
		for _, f := range list {
			if f.Key == key && f.Name() == rest {
				out = append(out, string(f.Value().Append(nil)))
			}
		}
	}
	if v := e.Get(key); len(out) == 0 && rest == "" && !v.IsZero() {
		out = []string{string(v.Append(nil))} // of the event's head
	}
	return out
}

// judge says what was expected and did not come.
func (g *trialEvents) judge() {
	fail := func(format string, args ...any) {
		g.t.Failures = append(g.t.Failures, fmt.Sprintf(format, args...))
	}
	if g.t.Count != nil && *g.t.Count != g.count {
		fail("%s came out, want %d", many(uint64(g.count), "event"), *g.t.Count)
	}
	if g.next < len(g.t.Events) {
		fail("event %d of those that are expected did not come; the nearest of what came:\n%s", g.next+1, strings.TrimRight(g.near, "\n"))
	}
	if g.t.Alerts != nil && !slices.Equal(g.t.Alerts, g.alerts) {
		fail("the alerts are [%s], want [%s]", strings.Join(g.alerts, " "), strings.Join(g.t.Alerts, " "))
	}
	for as, texts := range g.t.Rendered {
		for _, text := range texts {
			if b := g.rendered[as]; b == nil || !strings.Contains(b.String(), text) {
				fail("nothing that was rendered as %s has %q", as, text)
			}
		}
	}
	slices.Sort(g.t.Failures)
}

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"tallyman/cmd/tallyman/top"
	"tallyman/outputs/format"
	"tallyman/pipeline/meter"
)

func newTop(s streams) *cobra.Command {
	var p top.Plain
	interval := time.Second
	cmd := &cobra.Command{
		Use: "top", Short: "Watch the running tallyman in the terminal: rates, backlogs, books, losses, rules, containers",
		Long: `top shows the running process, live: what each input reads, how each output keeps
up (rates, backlog, its age, and when it will be gone), the books, what was lost,
which rules match, and which containers act. It changes nothing. ? lists its keys.

Where it writes to no terminal, it writes a table every interval; --once writes one
and ends, --json writes an object a line. The exit code is 1 when nothing runs there.`,
		Example: "  tallyman top\n  tallyman top --interval 5s --journal-dir /var/lib/tallyman\n  tallyman top --once --json | jq .outputs",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if interval < 100*time.Millisecond {
				return &exit{exitUsage, errors.New("--interval needs to be 100ms or more")}
			}
			// What is wrong with asking is told before a screen covers it.
			c, err := reach(cmd.Context(), cmd, s)
			if err != nil {
				return err
			}
			_ = c.Close() // each look has a connection of its own
			o := top.Options{Source: &topSource{cmd, streams{in: s.in, out: s.out, err: io.Discard}}, Interval: interval, Colour: colour(cmd, s.out), Now: time.Now}
			if p.Once || p.JSON || !terminal(s.out) || !terminal(s.in) || os.Getenv("TERM") == "dumb" {
				return failed(top.RunPlain(cmd.Context(), o, p, s.out))
			}
			return failed(top.Run(cmd.Context(), o, s.in, s.out))
		},
	}
	f := cmd.Flags()
	f.DurationVar(&interval, "interval", interval, "how long between two looks")
	f.BoolVar(&p.Once, "once", false, "write one table, after one interval, and end")
	f.BoolVar(&p.JSON, "json", false, "write an object a line")
	return asking(cmd)
}

// topSource asks the running process for top.
type topSource struct {
	cmd *cobra.Command
	s   streams
}

// State implements top.Source.
func (t *topSource) State(ctx context.Context) (*top.State, error) {
	c, err := reach(ctx, t.cmd, t.s)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }() // the answer has come or will not
	data, err := c.Status(ctx)
	if err != nil {
		return nil, err
	}
	st := &top.State{}
	if err := json.Unmarshal(data, st); err != nil {
		return nil, fmt.Errorf("the status is not understood: %w", err)
	}
	return st, nil
}

// topRate bounds the events a second that are rendered for the view.
const topRate = 1000

// Watch implements top.Source.
func (t *topSource) Watch(ctx context.Context, seen func(top.Event)) error {
	c, err := reach(ctx, t.cmd, t.s)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // it is of no more use
	a, err := c.Watch(ctx, tapRequest{Stage: "judged", Format: format.JSON, Rate: topRate}, func(data json.RawMessage) error {
		var l tapLine
		if err := json.Unmarshal(data, &l); err != nil {
			return err
		}
		seen(topEvent(&l))
		return nil
	})
	if err == nil && a.Code != exitOK {
		err = errors.New(a.Text)
	}
	return err
}

// topEvent reads what top shows of an event that was rendered as JSON.
func topEvent(l *tapLine) top.Event {
	var e struct {
		Container struct {
			ID    string `json:"id"`
			Name  string `json:"name"`
			Image struct {
				Name string `json:"name"`
			} `json:"image"`
		} `json:"container"`
		Event struct {
			Action string `json:"action"`
			Kind   string `json:"kind"`
		} `json:"event"`
	}
	// What is no such object has no container, and is counted all the same.
	_ = json.Unmarshal([]byte(l.Text), &e)
	return top.Event{ID: e.Container.ID, Name: e.Container.Name, Image: e.Container.Image.Name, Action: e.Event.Action,
		Alert: e.Event.Kind == "alert", Missed: l.Missed}
}

// topCounts are the counts of rules and of what was lost before it could be read, as
// the meters have them.
func topCounts(meters *meter.Registry) (rules []top.Rule, losses []top.Loss) {
	lost := map[[2]string]top.Loss{}
	meters.Each(func(s meter.Sample) {
		label := func(name string) string {
			for _, l := range s.Labels {
				if l.Name == name {
					return l.Value
				}
			}
			return ""
		}
		at := [2]string{label("input"), label("reason")}
		l := lost[at]
		l.Input, l.Reason = at[0], at[1]
		switch s.Name {
		case "tallyman_rules_matches_total":
			rules = append(rules, top.Rule{ID: label("rule"), Matches: uint64(s.Value)})
		case "tallyman_upstream_losses_total":
			l.Times = uint64(s.Value)
			lost[at] = l
		case "tallyman_upstream_lost_total":
			l.Count = uint64(s.Value)
			lost[at] = l
		}
	})
	for _, l := range lost {
		losses = append(losses, l)
	}
	slices.SortFunc(losses, func(a, b top.Loss) int { return cmp.Or(cmp.Compare(a.Input, b.Input), cmp.Compare(a.Reason, b.Reason)) })
	return rules, losses
}

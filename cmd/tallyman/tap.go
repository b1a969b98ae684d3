package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tallyman/outputs/format"
	"tallyman/pipeline/config"
	"tallyman/pipeline/event"
	"tallyman/pipeline/journal"
)

// tapRequest is what `tap` asks the running process for.
type tapRequest struct {
	Input  string `json:"input,omitempty"`
	Output string `json:"output,omitempty"`
	Stage  string `json:"stage,omitempty"` // read, normalised, judged, rendered or a transform
	Filter string `json:"filter,omitempty"`
	Format string `json:"format,omitempty"`
	Rate   int    `json:"rate,omitempty"` // lines a second; 0 for no limit
}

// tapLine is one line of what is seen.
type tapLine struct {
	ID   string `json:"id,omitempty"`
	Text string `json:"text,omitempty"`
	// Missed is how many events were not shown since the last line.
	Missed uint64 `json:"missed,omitempty"`
}

// tap is what the flags of tap say.
type tap struct {
	tapRequest
	since string
	limit uint64
}

func newTap(s streams) *cobra.Command {
	var t tap
	cmd := &cobra.Command{
		Use: "tap [EXPRESSION]", Short: "Watch what flows through the running tallyman, live, at any stage",
		Long: `tap shows what the running process reads, makes of it and delivers, as it happens;
with an expression, only the events for which it is true. It costs the pipeline
nothing while nobody watches, and never holds it up: what cannot be shown in time is
passed over, and counted.

Stages: read (records as they were read), the name of a transform (events as it left
them), normalised (what goes into the journal, without alerts), judged (with them;
the default), rendered (what the output that --output names gets, in its own format).
Secrets are replaced at each of these but the transforms that stand before redact.

--since shows the past first, from the journal.`,
		Example: "  tallyman tap\n  tallyman tap 'container.name == \"shop\"' --format json\n" +
			"  tallyman tap --stage read --input audit\n  tallyman tap --stage rendered --output siem\n  tallyman tap --since 10m",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				t.Filter = args[0]
			}
			return t.run(cmd, s)
		},
	}
	asking(cmd)
	cmd.Args = cobra.MaximumNArgs(1)
	f := cmd.Flags()
	f.StringVar(&t.Input, "input", "", "only what the input of this `NAME` reads")
	f.StringVar(&t.Output, "output", "", "only what the output of this `NAME` gets")
	f.StringVar(&t.Stage, "stage", "judged", "read, normalised, judged, rendered, or the name of a transform")
	f.StringVar(&t.Format, "format", "", "the format that is shown; text where neither this nor an output says so")
	f.IntVar(&t.Rate, "rate", 200, "the most lines a second; 0 for no limit")
	f.Uint64Var(&t.limit, "limit", 0, "end after so many lines; 0 for none")
	f.StringVar(&t.since, "since", "", "show the past first, from this `TIME` on: 10m or 2026-11-21T02:25:01Z")
	return cmd
}

func (t *tap) run(cmd *cobra.Command, s streams) error {
	if t.Filter != "" {
		if _, err := compileFilter(t.Filter); err != nil {
			printExpression(cmd, s, t.Filter, err)
			return &exit{exitUsage, nil}
		}
	}
	since, err := when("--since", t.since, time.Now())
	if err != nil {
		return err
	}
	if t.since != "" && t.Stage != "judged" {
		return &exit{exitUsage, errors.New("--since is for the stage judged: the journal keeps no other")}
	}
	c, err := reach(cmd.Context(), cmd, s)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // it is of no more use
	shown := &shownLines{limit: t.limit, w: s.out, err: s.err, seen: map[string]bool{}}
	if !since.IsZero() {
		if err := t.past(cmd, s, since, shown); err != nil {
			return err
		}
	}
	a, err := c.Watch(cmd.Context(), t.tapRequest, shown.line)
	switch {
	case errors.Is(err, errEnough), cmd.Context().Err() != nil:
		return nil
	case err != nil:
		return failed(err)
	}
	return told(s, a)
}

// past shows what the journal has.
func (t *tap) past(cmd *cobra.Command, s streams, since time.Time, shown *shownLines) error {
	v, _, err := look(cmd, s)
	if err != nil {
		return err
	}
	show, err := newTapShow(&t.tapRequest, nil, "")
	if err != nil {
		return &exit{exitUsage, err}
	}
	r := &searcher{v: v, since: since, dec: newDecoded()}
	r.bad.tell = func(text string) { _, _ = fmt.Fprintln(s.err, "tallyman:", text) }
	from, _ := r.start(cmd)
	err = v.Walk(cmd.Context(), from, func(f *journal.Seen) error {
		list, err := r.dec.events(f)
		if err != nil {
			r.bad.unreadable(f, err)
			return nil
		}
		for i := range list {
			if r.within(&list[i]) && show.wants(&list[i]) {
				if err := shown.past(show.line(&list[i])); err != nil {
					return err
				}
			}
		}
		return nil
	}, r.bad.damage)
	if errors.Is(err, errEnough) {
		return nil
	}
	return failed(err)
}

// shownLines prints what is seen.
type shownLines struct {
	w, err interface{ Write([]byte) (int, error) }
	limit  uint64
	n      uint64
	seen   map[string]bool // ids of the past, which may come again
}

// mostSeen bounds what is remembered of the past.
const mostSeen = 100_000

func (l *shownLines) past(t tapLine) error {
	if len(l.seen) >= mostSeen {
		clear(l.seen)
	}
	l.seen[t.ID] = true
	return l.print(t)
}

func (l *shownLines) line(data json.RawMessage) error {
	var t tapLine
	if err := json.Unmarshal(data, &t); err != nil {
		return err
	}
	if t.ID != "" && l.seen[t.ID] {
		return nil
	}
	return l.print(t)
}

func (l *shownLines) print(t tapLine) error {
	if t.Missed > 0 {
		if _, err := fmt.Fprintf(l.err, "tallyman: %s not shown: more came than can be (--rate, --limit and an expression help)\n", many(t.Missed, "event")); err != nil {
			return err
		}
	}
	if t.Text == "" {
		return nil
	}
	if l.n == l.limit && l.limit > 0 {
		return errEnough
	}
	if _, err := fmt.Fprintln(l.w, inertString(t.Text)); err != nil {
		return err
	}
	if l.n++; l.n == l.limit {
		return errEnough
	}
	return nil
}

// watch serves `tap` in the running process.
func (c *controlled) watch(ctx context.Context, args json.RawMessage, send func(any) error) error {
	var q tapRequest
	if err := json.Unmarshal(args, &q); err != nil {
		return fmt.Errorf("what is to be watched is not understood: %w", err)
	}
	cfg := c.engine.Config()
	stage, err := q.check(cfg, c.engine.TapStages())
	if err != nil {
		return &exit{exitUsage, err}
	}
	show, err := newTapShow(&q, cfg, stage)
	if err != nil {
		return &exit{exitUsage, err}
	}
	t := c.engine.Tap(q.Input, stage)
	defer t.Close()
	return show.run(ctx, t, send)
}

// check finds the stage of the engine that is meant.
func (q *tapRequest) check(cfg *config.Config, transforms []string) (string, error) {
	var names []string
	for _, in := range cfg.Inputs {
		names = append(names, in.Name)
	}
	if err := oneOf("input", q.Input, names); err != nil {
		return "", err
	}
	names = nil
	for _, o := range cfg.Outputs {
		names = append(names, o.Name)
	}
	if err := oneOf("output", q.Output, names); err != nil {
		return "", err
	}
	switch q.Stage {
	case "rendered":
		if q.Output == "" {
			return "", errors.New("the stage rendered needs --output: which one's?")
		}
		return "", nil
	case "", "normalised", "judged":
		return "", nil
	}
	all := append([]string{"read", "normalised", "judged", "rendered"}, transforms...)
	if err := oneOf("stage", q.Stage, all); err != nil {
		return "", err
	}
	if q.Output != "" {
		return "", fmt.Errorf("an output gets nothing of the stage %s: leave --output or --stage out", q.Stage)
	}
	return q.Stage, nil
}

// oneOf refuses a name that is not among those there are.
func oneOf(what, name string, names []string) error {
	for _, n := range names {
		if n == name {
			return nil
		}
	}
	if name == "" {
		return nil
	}
	return fmt.Errorf("there is no %s %q; there are %s", what, inertString(name), strings.Join(names, ", "))
}

// rendering is an output's settings that say its format.
type rendering interface{ Rendering() *format.Settings }

// textOf is a source record as a line.
func textOf(e *event.Event) string { return strings.TrimRight(e.Raw, "\r\n") }

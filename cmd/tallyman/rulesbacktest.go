package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tallyman/pipeline/config"
	"tallyman/pipeline/engine"
	"tallyman/pipeline/event"
	"tallyman/pipeline/journal"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
	"tallyman/transforms/rules"
)

// backtest is what the flags of backtest say.
type backtest struct {
	since, until string
	input        string
	examples     int
	asJSON       bool
}

func newRulesBacktest(s streams) *cobra.Command {
	var b backtest
	cmd := &cobra.Command{
		Use: "backtest [FILE...]", Short: "See how often each rule would have fired on the past, before it goes live",
		Long: `backtest judges events of the past by the rules, beginning with nothing remembered,
and tells how many alerts each rule would have made, when, and shows examples. The
events are those that the journal still holds, or, where files are named, what the
configuration makes of their records. Nothing is journalled or delivered.

Events of the journal are judged as they are kept: secrets in command lines are
replaced, so a rule that looks for one finds none.`,
		Example: "  tallyman rules backtest --since 7d\n" +
			"  tallyman rules backtest --file new.yaml --since 24h --examples 5\n" +
			"  tallyman rules backtest --input audit /var/log/audit/audit.log.1",
		RunE: func(cmd *cobra.Command, args []string) error { return b.run(cmd, s, args) },
	}
	journalDir(cmd.Flags().String)
	f := cmd.Flags()
	f.StringVar(&b.since, "since", "", "only events from this `TIME` on: 1h, 7d or 2026-11-21T02:25:01Z")
	f.StringVar(&b.until, "until", "", "only events before this `TIME`")
	f.StringVar(&b.input, "input", "", "the `NAME` of the input that the records of files are given to; the first where none is named")
	f.IntVar(&b.examples, "examples", 2, "how many alerts of each rule are shown")
	f.BoolVar(&b.asJSON, "json", false, "print JSON")
	return cmd
}

func (b *backtest) run(cmd *cobra.Command, s streams, files []string) error {
	now := time.Now()
	since, err := when("--since", b.since, now)
	if err != nil {
		return err
	}
	until, err := when("--until", b.until, now)
	if err != nil {
		return err
	}
	c, dir, err := ruleSettings(cmd, s)
	if err != nil {
		return err
	}
	t, err := rules.New(c, plugin.Env{Name: "backtest", Dir: dir, Dry: true, Meter: &meter.Registry{}, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		var problems plugin.Problems
		errors.As(err, &problems)
		config.Print(s.err, config.Tidy(problems), colour(cmd, s.err))
		return &exit{exitConfig, nil}
	}
	defer func() { _ = t.Close() }() // it holds nothing
	j := &judging{stage: t.Lane("backtest"), since: since, until: until, examples: b.examples, by: map[string]*fired{}}
	if len(files) > 0 {
		err = b.files(cmd, s, files, j)
	} else {
		err = b.journal(cmd, s, j)
	}
	var bad *exit
	if err != nil && (!errors.As(err, &bad) || bad.code != exitCheck) {
		return err
	}
	return errors.Join(err, failed(j.report(s.out, b.asJSON)))
}

// journal judges what the journal holds.
func (b *backtest) journal(cmd *cobra.Command, s streams, j *judging) error {
	v, _, err := look(cmd, s)
	if err != nil {
		return err
	}
	bar := newProgress(s, v)
	r := &searcher{v: v, since: j.since, until: j.until, dec: newDecoded()}
	r.bad.tell = func(text string) { bar.clear(); _, _ = fmt.Fprintln(s.err, "tallyman:", text) }
	from, passed := r.start(cmd)
	if bar != nil {
		bar.first = passed
	}
	err = v.Walk(cmd.Context(), from, func(f *journal.Seen) error {
		list, err := r.dec.events(f)
		if err != nil {
			r.bad.unreadable(f, err)
			return nil
		}
		bar.at(f.At, j.alerts)
		return j.judge(cmd.Context(), list)
	}, r.bad.damage)
	bar.clear()
	if err != nil {
		return failed(err)
	}
	return r.bad.exit()
}

// atOnce is how many records of a file go through the pipeline at a time.
const atOnce = 512

// files judges what the configuration makes of the records of files.
func (b *backtest) files(cmd *cobra.Command, s streams, files []string, j *judging) error {
	around := surroundings(&meter.Registry{})
	around.Dry, around.Once = true, true
	p, err := load(cmd, s, around)
	if err != nil {
		return err
	}
	defer p.Close()
	name, decoder, err := claims(p.Config, b.input)
	if err != nil {
		return &exit{exitUsage, err}
	}
	chain := p.Chain(name)
	shared := p.Shared(name)
	each := func(out *event.Batch) error { return j.judge(cmd.Context(), out.Events) }
	for _, path := range files {
		if err := through(cmd.Context(), s, path, &event.Event{Decode: decoder, Records: 1, Shared: shared}, chain, j, each); err != nil {
			return failed(err)
		}
	}
	return failed(chain.Flush(cmd.Context(), each))
}

// through takes the records of one file through the pipeline, each as like says.
func through(ctx context.Context, s streams, path string, like *event.Event, chain *engine.Chain, j *judging, each func(*event.Batch) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // nothing was written
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var bar *progress
	if terminal(s.err) {
		bar = &progress{w: s.err, now: time.Now, total: info.Size()}
	}
	defer bar.clear()
	lines := bufio.NewReaderSize(f, 1<<20)
	in, at := &event.Batch{}, int64(0)
	for end := false; !end; {
		in.Reset()
		for len(in.Events) < atOnce && !end {
			line, err := lines.ReadString('\n')
			if end = errors.Is(err, io.EOF); err != nil && !end {
				return err
			}
			if raw := strings.TrimRight(line, "\r\n"); raw != "" {
				one := *like
				one.Raw, one.Offset, one.Seen = raw, at, time.Now().UTC()
				in.Add(one)
			}
			at += int64(len(line))
		}
		out, err := chain.Run(ctx, in)
		if err == nil {
			err = each(out)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		bar.at(at, j.alerts)
	}
	return nil
}

// judging counts what rules make of events.
type judging struct {
	stage        plugin.Stage
	since, until time.Time
	examples     int
	in, out      event.Batch
	events       uint64
	alerts       uint64
	first, last  time.Time
	by           map[string]*fired
}

// fired is what one rule made. Its JSON is what `rules backtest --json` prints.
type fired struct {
	Rule     string         `json:"rule"`
	Title    string         `json:"title"`
	Severity int64          `json:"severity"` // 0 to 10, as event.severity
	Alerts   uint64         `json:"alerts"`
	First    time.Time      `json:"first"`
	Last     time.Time      `json:"last"`
	Examples []firedExample `json:"examples"`
}

type firedExample struct {
	Time    time.Time `json:"time"`
	Event   string    `json:"event_id"` // of the event that was judged
	Message string    `json:"message"`
}

// judge judges events but for the alerts among them.
func (j *judging) judge(ctx context.Context, events []event.Event) error {
	j.in.Reset()
	for i := range events {
		e := &events[i]
		if e.Records == 0 && e.Get(schema.EventKind).Str() == "alert" ||
			!j.since.IsZero() && e.Time.Before(j.since) || !j.until.IsZero() && !e.Time.Before(j.until) {
			continue
		}
		j.in.Add(*e)
		j.events++
		if j.first.IsZero() || e.Time.Before(j.first) {
			j.first = e.Time
		}
		if e.Time.After(j.last) {
			j.last = e.Time
		}
	}
	j.out.Reset()
	if err := j.stage.Apply(ctx, &j.in, &j.out); err != nil {
		return err
	}
	var judged event.ID
	for i := range j.out.Events {
		if e := &j.out.Events[i]; e.Records == 0 && e.Get(schema.EventKind).Str() == "alert" {
			j.count(e, judged)
		} else {
			judged = e.ID
		}
	}
	return nil
}

func (j *judging) count(e *event.Event, judged event.ID) {
	id := e.Get(schema.RuleID).Str()
	f := j.by[id]
	if f == nil {
		f = &fired{Rule: strings.Clone(id), Title: strings.Clone(e.Get(schema.RuleName).Str()), First: e.Time}
		f.Severity, _ = e.Get(schema.EventSeverity).Int64()
		j.by[f.Rule] = f
	}
	j.alerts++
	f.Alerts++
	f.Last = e.Time
	if len(f.Examples) < j.examples {
		f.Examples = append(f.Examples, firedExample{e.Time, judged.String(), strings.Clone(e.Get(schema.Message).Str())})
	}
}

// report prints what was found, the rules that fired most first.
func (j *judging) report(w io.Writer, asJSON bool) error {
	list := make([]*fired, 0, len(j.by))
	for _, f := range j.by {
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b *fired) int {
		if a.Alerts != b.Alerts {
			return int(int64(b.Alerts) - int64(a.Alerts))
		}
		return strings.Compare(a.Rule, b.Rule)
	})
	if asJSON {
		return printJSON(w, map[string]any{"events": j.events, "alerts": j.alerts, "from": j.first, "to": j.last, "rules": list})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s from %s to %s, %s\n", many(j.events, "event"), instant(j.first), instant(j.last), many(j.alerts, "alert"))
	days := max(j.last.Sub(j.first).Hours()/24, 1)
	rows := [][]string{{"RULE", "ALERTS", "A DAY", "LAST", "TITLE"}}
	for _, f := range list {
		rows = append(rows, []string{f.Rule, fmt.Sprint(f.Alerts), fmt.Sprintf("%.1f", float64(f.Alerts)/days), instant(f.Last), f.Title})
	}
	if len(list) > 0 {
		b.WriteString("\n" + string(table(0, rows)))
	}
	for _, f := range list {
		for _, x := range f.Examples {
			fmt.Fprintf(&b, "\n%s  %s  %s\n  %s\n", f.Rule, instant(x.Time), x.Event, inertString(x.Message))
		}
	}
	_, err := io.WriteString(w, inertLines(b.String()))
	return err
}

// instant writes a time for people, "-" for none.
func instant(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

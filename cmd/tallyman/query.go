package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"tallyman/outputs/format"
	"tallyman/pipeline/config"
	"tallyman/pipeline/event"
	"tallyman/pipeline/expr"
	"tallyman/pipeline/journal"
	"tallyman/pipeline/plugin"
)

// query is what the flags of query say.
type query struct {
	since, until string
	as           string
	limit        uint64
}

func newQuery(s streams) *cobra.Command {
	var q query
	cmd := &cobra.Command{
		Use: "query EXPRESSION", Short: "Search the journal's events by an expression",
		Long: `query writes the events that the journal still holds and for which an expression is
true, oldest first, one a line. Expressions are those of rules and of an output's
` + "`when`" + `; ` + "`true`" + ` is every event. The journal keeps what was delivered until it needs
the room, so this is the recent past of the host.

--since and --until are about the time of an event: a duration before now ("90m",
"7d") or an RFC 3339 time. Parts of the journal that were read more than an hour
before --since are passed over.

The exit code is 0 also when nothing matches, and 4 when a part of the journal
could not be read; it is named on standard error.`,
		Example: "  tallyman query 'event.outcome == \"failure\"' --since 1h\n" +
			"  tallyman query 'process.name == \"sh\"' --since 2026-11-21T00:00:00Z --until 2026-11-22T00:00:00Z --format json\n" +
			"  tallyman query true --limit 5 --format cef",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return q.run(cmd, s, args[0]) },
	}
	journalDir(cmd.Flags().String)
	f := cmd.Flags()
	f.StringVar(&q.since, "since", "", "only events from this `TIME` on: 1h, 7d or 2026-11-21T02:25:01Z")
	f.StringVar(&q.until, "until", "", "only events before this `TIME`")
	f.StringVar(&q.as, "format", format.Text, "text, json, cef or rfc5424")
	f.Uint64Var(&q.limit, "limit", 0, "end after so many events; 0 for all")
	return cmd
}

func (q *query) run(cmd *cobra.Command, s streams, expression string) error {
	program, err := expr.NewCompiler(expr.Options{}).Bool(plugin.Text{Value: expression, Pos: plugin.Pos{File: "expression", Line: 1, Col: 1}})
	if err != nil {
		printExpression(cmd, s, expression, err)
		return &exit{exitUsage, nil}
	}
	now := time.Now()
	since, err := when("--since", q.since, now)
	if err != nil {
		return err
	}
	until, err := when("--until", q.until, now)
	if err != nil {
		return err
	}
	v, _, err := look(cmd, s)
	if err != nil {
		return err
	}
	bar := newProgress(s, v)
	w, err := newWriter(cmd, s.out, q.as, q.limit, bar)
	if err != nil {
		return err
	}
	r := &searcher{v: v, w: w, program: program, machine: expr.NewMachine(), since: since, until: until, dec: newDecoded()}
	r.bad.tell = func(text string) { bar.clear(); _, _ = fmt.Fprintln(s.err, "tallyman:", text) }
	from, passed := r.start(cmd)
	if bar != nil {
		bar.first = passed
	}
	if err := w.end(v.Walk(cmd.Context(), from, r.frame, r.bad.damage)); err != nil {
		return failed(err)
	}
	if r.failed > 0 {
		return failed(fmt.Errorf("the expression could not be answered for %s, of which the first says: %w", many(r.failed, "event"), r.first))
	}
	return r.bad.exit()
}

// when reads a time or a duration before now; "" is the zero time.
func when(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := config.ParseDuration(text); err == nil {
		return now.Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, &exit{exitUsage, fmt.Errorf("%s %q is no time: write how long ago (90m, 24h, 7d) or an RFC 3339 time (2026-11-21T02:25:01Z)", flag, text)}
	}
	return t, nil
}

// searcher finds events.
type searcher struct {
	v            *journal.View
	w            *writer
	program      *expr.Program
	machine      *expr.Machine
	since, until time.Time
	dec          *decoded
	bad          troubles
	failed       uint64
	first        error // of those
}

// skew is by how much the clock of a source may be ahead of ours.
const skew = time.Hour

// start returns the sequence to begin at, and the bytes before it: from the
// newest segment back to the one whose first event was read well before since.
func (r *searcher) start(cmd *cobra.Command) (from uint64, passed int64) {
	list := r.v.Segments()
	if r.since.IsZero() {
		return 0, 0
	}
	for i := len(list) - 1; i > 0; i-- {
		// An error of this walk is met again by the one that counts.
		var seen time.Time
		_ = r.v.Walk(cmd.Context(), list[i].First, func(f *journal.Seen) error {
			events, err := r.dec.events(f)
			if err != nil || len(events) == 0 {
				return nil
			}
			seen = events[0].Seen
			return errEnough
		}, nil)
		if !seen.IsZero() && seen.Before(r.since.Add(-skew)) {
			for _, g := range list[:i] {
				passed += g.Bytes
			}
			return list[i].First, passed
		}
	}
	return 0, 0
}

// frame writes the events of a frame that match.
func (r *searcher) frame(f *journal.Seen) error {
	list, err := r.dec.events(f)
	if err != nil {
		r.bad.unreadable(f, err)
		return nil
	}
	for i := range list {
		e := &list[i]
		if !r.within(e) {
			continue
		}
		ok, err := r.program.Test(r.machine, e)
		if err != nil {
			if r.failed++; r.first == nil {
				r.first = err
			}
			continue
		}
		if !ok {
			continue
		}
		if err := r.w.event(e); err != nil {
			return err
		}
	}
	r.w.bar.at(f.At, r.w.n)
	return nil
}

// within reports whether an event is of the time that was asked for. One without
// a time of its own is of the time when it was read.
func (r *searcher) within(e *event.Event) bool {
	at := e.Time
	if at.IsZero() {
		at = e.Seen
	}
	return (r.since.IsZero() || !at.Before(r.since)) && (r.until.IsZero() || at.Before(r.until))
}

// printProblems prints the problems that an error holds as those of a
// configuration.
func printProblems(cmd *cobra.Command, s streams, err error) {
	var list plugin.Problems
	if !errors.As(err, &list) {
		list = plugin.Problems{{Text: err.Error()}}
	}
	config.Print(s.err, list, colour(cmd, s.err))
}

// printExpression prints the problems of an expression of the command line. What
// Print shows comes from files, so the line and the mark are drawn here.
func printExpression(cmd *cobra.Command, s streams, text string, err error) {
	var list plugin.Problems
	if !errors.As(err, &list) {
		list = plugin.Problems{{Text: err.Error()}}
	}
	rows := strings.Split(text, "\n")
	for _, one := range list {
		hint := one.Hint
		one.Hint = ""
		config.Print(s.err, plugin.Problems{one}, colour(cmd, s.err))
		if n := one.Pos.Line; n > 0 && n <= len(rows) {
			row := rows[n-1]
			at := min(max(one.Pos.Col-1, 0), len(row))
			end := min(at+max(one.Width, 1), len(row))
			before := utf8.RuneCountInString(inertString(row[:at]))
			marked := max(utf8.RuneCountInString(inertString(row[at:end])), 1)
			_, _ = fmt.Fprintf(s.err, "%5d | %s\n      | %s^%s\n", n, inertString(row), strings.Repeat(" ", before), strings.Repeat("~", marked-1))
		}
		if hint != "" {
			_, _ = fmt.Fprintf(s.err, "      = %s\n", inertString(hint))
		}
	}
}

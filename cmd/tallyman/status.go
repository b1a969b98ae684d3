package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tallyman/pipeline/engine"
)

var errTimeout = errors.New("--timeout needs to be more than 0")

func newStatus(s streams) *cobra.Command {
	var asJSON bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "status", Short: "Say how the running tallyman is",
		Long: `status asks the running process how it is: its configuration, journal, inputs and
outputs with their books, in source records. The exit code is 0 when it is ready,
and 1 when it is not or nothing runs there. SENT is what was delivered or, where a
protocol acknowledges nothing, is unconfirmed: the ledger has both apart. FRAMES is how
many frames of the journal an output has not finished.`,
		Example: "  tallyman status\n  tallyman status --json --journal-dir /var/lib/tallyman",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			c, err := reach(ctx, cmd, s)
			if err != nil {
				return err
			}
			defer func() { _ = c.Close() }() // the answer has come or will not
			data, err := c.Status(ctx)
			if err != nil {
				return failed(err)
			}
			return showStatus(s.out, data, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().DurationVar(&timeout, "timeout", 10*time.Second, "how long to wait for the answer")
	return asking(cmd)
}

// showStatus prints a status. One that is not ready is an error that has been
// told.
func showStatus(w io.Writer, data json.RawMessage, asJSON bool) error {
	var st processStatus
	if err := json.Unmarshal(data, &st); err != nil {
		return failed(fmt.Errorf("the status is not understood: %w", err))
	}
	b := []byte(statusText(&st))
	if asJSON {
		var buf bytes.Buffer
		if err := json.Indent(&buf, data, "", "  "); err != nil {
			return failed(err)
		}
		b = append(buf.Bytes(), '\n')
	}
	if _, err := w.Write(b); err != nil {
		return failed(err)
	}
	if !st.Ready {
		return &exit{exitFailure, nil}
	}
	return nil
}

// statusText writes a status for people.
func statusText(st *processStatus) string {
	var b strings.Builder
	state := "ready"
	if !st.Ready {
		state = "NOT READY"
	}
	up := (time.Duration(st.Uptime) * time.Second).String()
	fmt.Fprintf(&b, "tallyman %s, pid %d, up %s: %s\n", st.Version, st.PID, up, state)
	fmt.Fprintf(&b, "configuration  %s (SHA-256 %.12s)\n", visible(st.Config.Path), st.Config.Hash)
	if r := st.Reload; r != nil && !r.OK {
		fmt.Fprintf(&b, "last reload    REFUSED at %s, the configuration before runs on\n", r.Time.Local().Format(time.DateTime))
	}
	fmt.Fprintf(&b, "journal        %s: %s of %s\n", visible(st.Journal.Dir), mib(st.Journal.Bytes), mib(st.Journal.Max))
	inputs := [][]string{{"INPUT", "STATE", "RECORDS"}}
	for _, in := range st.Inputs {
		inputs = append(inputs, []string{in.Name, working(in.Up), fmt.Sprint(in.Records)})
	}
	outputs := [][]string{{"OUTPUT", "STATE", "RECEIVED", "SENT", "WAITING", "FILTERED", "DEAD LETTERS", "LOST", "FRAMES"}}
	for _, o := range st.Outputs {
		outputs = append(outputs, outputRow(&o))
	}
	b.WriteString("\n")
	b.Write(table(0, inputs))
	b.WriteString("\n")
	b.Write(table(tabwriter.AlignRight, outputs))
	statusTroubles(&b, st)
	return b.String()
}

// statusTroubles lists what is wrong, in full.
func statusTroubles(b *strings.Builder, st *processStatus) {
	var list []string
	add := func(what, text string) {
		if text != "" {
			list = append(list, what+": "+text)
		}
	}
	add("journal", st.Journal.Blocked)
	for _, in := range st.Inputs {
		add("input "+in.Name, in.Error)
	}
	for _, o := range st.Outputs {
		add("output "+o.Name, o.Error)
		if o.Orphan {
			add("output "+o.Name, fmt.Sprintf("it is of an earlier configuration and keeps about %s of the journal; configure it again, or let go of it with `tallyman reload --discard`", mib(o.Waiting)))
		}
		if !o.Balanced {
			add("output "+o.Name, "its book DOES NOT BALANCE; please report this")
		}
	}
	if r := st.Reload; r != nil && !r.OK {
		add("last reload", r.Text)
	}
	if len(list) == 0 {
		add("not ready", st.Problem)
	}
	for _, text := range list {
		b.WriteString("\n")
		for line := range strings.Lines(text) {
			b.WriteString(visible(strings.TrimSuffix(line, "\n")) + "\n")
		}
	}
}

func working(up bool) string {
	if up {
		return "up"
	}
	return "FAILING"
}

// outputRow adds up the columns of a book. Records come first; our own events,
// where there are some, stand behind them in brackets.
func outputRow(o *engine.BookStatus) []string {
	sum := func(is func(name string) bool) string {
		var n, made uint64
		for name, v := range o.Book {
			if is(name) {
				n += v
				made += o.Generated[name]
			}
		}
		return amount(n, made)
	}
	of := func(names ...string) string {
		return sum(func(name string) bool { return slices.Contains(names, name) })
	}
	state := working(o.Up)
	if o.Orphan {
		state = "REMOVED"
	}
	return []string{o.Name, state, of("received"), of("delivered", "unconfirmed"), of("buffered", "in_flight"), of("filtered"),
		of("dead_lettered"), sum(func(name string) bool { return strings.HasPrefix(name, "dropped_") }), fmt.Sprint(o.Lag)}
}

// mib writes a number of bytes for people.
func mib(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tallyman/pipeline/config"
	"tallyman/pipeline/engine"
	"tallyman/pipeline/journal"
)

func newLedger(s streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "ledger", Short: "Print the books of every output, and whether they balance",
		Long: `ledger prints what became of every source record, per output:

  received = delivered + unconfirmed + buffered + in_flight
           + filtered + dead_lettered + what was dropped, by reason

It reads the journal's folder, whether tallyman runs or not. A running one saves
its cursors once a second; what was on its way then counts as buffered. What was lost
before it could be read stands below, by input and reason; it is in no book. The
exit code is 1 when a book does not balance.`,
		Example: "  tallyman ledger\n  tallyman ledger --json --journal-dir /var/lib/tallyman",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, cfg, err := look(cmd, s)
			if err != nil {
				return err
			}
			list := v.Books()
			orphans(list, cfg)
			if v.Rebuilt() {
				_, _ = fmt.Fprintln(s.err, "Both slots of the journal's state are damaged. These are the books of the newest segment's snapshot.")
			}
			lost := engine.Upstreams(v.Marks())
			if asJSON {
				err = ledgerJSON(s.out, list, lost)
			} else {
				err = errors.Join(ledgerTable(s, list), upstreamTable(s.out, lost))
			}
			if err != nil {
				return failed(err)
			}
			return unbalanced(list)
		},
	}
	journalDir(cmd.Flags().String)
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

// orphans marks the outputs that a configuration does not have.
func orphans(list []journal.Book, cfg *config.Config) {
	if cfg == nil {
		return
	}
	for i := range list {
		list[i].Orphan = !slices.ContainsFunc(cfg.Outputs, func(o config.OutputComponent) bool { return o.Name == list[i].Output })
	}
}

func ledgerTable(s streams, list []journal.Book) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(s.err, "The journal knows no output yet.")
		return err
	}
	shown := slices.Clone(list)
	for i := range shown {
		shown[i].Output = outputName(&shown[i])
	}
	return books(s.out, shown)
}

// outputName is the name of an output for people.
func outputName(b *journal.Book) string {
	name := inertString(b.Output)
	if b.Orphan {
		name += " (in no configuration)"
	}
	return name
}

// both is an amount as JSON has it.
type both struct {
	Records   uint64 `json:"records"`
	Generated uint64 `json:"generated"`
}

// bookJSON is one book.
type bookJSON struct {
	Output   string          `json:"output"`
	Orphan   bool            `json:"orphan"`
	Balanced bool            `json:"balanced"`
	Lag      uint64          `json:"lag_frames"`
	States   map[string]both `json:"states"`
}

func newBookJSON(b *journal.Book) bookJSON {
	one := bookJSON{Output: b.Output, Orphan: b.Orphan, Balanced: b.Balanced(), Lag: b.Lag, States: map[string]both{}}
	for _, c := range engine.Columns(b) {
		one.States[c.Name] = both{c.Records, c.Generated}
	}
	return one
}

// upstreamTable prints what was lost before it could be read.
func upstreamTable(w io.Writer, list []engine.Upstream) error {
	if len(list) == 0 {
		return nil
	}
	rows := [][]string{{"input", "reason", "times", "lost"}}
	for _, u := range list {
		lost := fmt.Sprint(u.Count)
		if u.Count == 0 {
			lost = "not known"
		}
		rows = append(rows, []string{inertString(u.Input), u.Reason, fmt.Sprint(u.Times), lost})
	}
	_, err := fmt.Fprintf(w, "\nLost before it could be read, in source records or the unit that the reason names:\n%s", table(0, rows))
	return err
}

// upstreamJSON is what one input lost for one reason.
type upstreamJSON struct {
	Input  string `json:"input"`
	Reason string `json:"reason"`
	Times  uint64 `json:"times"`
	Lost   uint64 `json:"lost"`
}

func ledgerJSON(w io.Writer, list []journal.Book, lost []engine.Upstream) error {
	out := struct {
		Balanced bool           `json:"balanced"`
		Outputs  []bookJSON     `json:"outputs"`
		Upstream []upstreamJSON `json:"upstream"`
	}{unbalanced(list) == nil, []bookJSON{}, []upstreamJSON{}}
	for _, u := range lost {
		out.Upstream = append(out.Upstream, upstreamJSON{u.Input, u.Reason, u.Times, u.Count})
	}
	for i := range list {
		out.Outputs = append(out.Outputs, newBookJSON(&list[i]))
	}
	return writeJSON(w, out)
}

// writeJSON writes v for people and programs.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// unbalanced names the books that do not balance.
func unbalanced(list []journal.Book) error {
	var names []string
	for i := range list {
		if !list[i].Balanced() {
			names = append(names, inertString(list[i].Output))
		}
	}
	if len(names) == 0 {
		return nil
	}
	return &exit{exitFailure, fmt.Errorf("the book of %s does not balance; please report this", strings.Join(names, " and of "))}
}

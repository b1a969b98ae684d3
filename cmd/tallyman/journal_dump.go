package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"tallyman/outputs/format"
	"tallyman/pipeline/config"
	"tallyman/pipeline/event"
	"tallyman/pipeline/expr"
	"tallyman/pipeline/journal"
)

// dump is what the flags of dump say.
type dump struct {
	from   uint64
	as     string
	output string
	limit  uint64
}

func newJournalDump(s streams) *cobra.Command {
	var d dump
	cmd := &cobra.Command{
		Use: "dump", Short: "Write the events of the journal to standard output",
		Long: `dump writes the events that the journal holds, oldest first, one a line. With
--output it writes only what that output still has to get; the output's condition
is applied when the configuration is read. What would act on a terminal is written
as \xHH.

The exit code is 4 when a part of the journal could not be read; it is named on
standard error, and what follows it is written.`,
		Example: "  tallyman journal dump --limit 3\n  tallyman journal dump --format text --from 1\n  tallyman journal dump --output json --format cef",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, cfg, err := look(cmd, s)
			if err != nil {
				return err
			}
			return d.run(cmd, s, v, cfg)
		},
	}
	f := cmd.Flags()
	f.Uint64Var(&d.from, "from", 0, "begin at the frame with this `SEQUENCE`, which ls shows")
	f.StringVar(&d.as, "format", format.JSON, "json, cef, rfc5424 or text")
	f.StringVar(&d.output, "output", "", "only what the output with this `NAME` still has to get")
	f.Uint64Var(&d.limit, "limit", 0, "end after so many events; 0 for all")
	return cmd
}

func (d *dump) run(cmd *cobra.Command, s streams, v *journal.View, cfg *config.Config) error {
	w, err := newWriter(cmd, s.out, d.as, d.limit, newProgress(s, v))
	if err != nil {
		return err
	}
	keep := func(*event.Event) (bool, error) { return true, nil }
	from := d.from
	if d.output != "" {
		at, ok := v.From(d.output)
		if !ok {
			return &exit{exitUsage, fmt.Errorf("the journal knows no output %q%s", d.output, knownOutputs(v))}
		}
		from = max(from, at)
		if keep, err = condition(cmd, s, cfg, d.output); err != nil {
			return err
		}
	}
	bad := troubles{tell: func(text string) { w.bar.clear(); _, _ = fmt.Fprintln(s.err, "tallyman:", text) }}
	dec := newDecoded()
	err = v.Walk(cmd.Context(), from, func(f *journal.Seen) error {
		if d.output != "" && !v.Waits(d.output, f.Seq) {
			return nil
		}
		list, err := dec.events(f)
		if err != nil {
			bad.unreadable(f, err)
			return nil
		}
		for i := range list {
			if ok, err := keep(&list[i]); err != nil || !ok {
				continue // as the sender does
			}
			if err := w.event(&list[i]); err != nil {
				return err
			}
		}
		w.bar.at(f.At, w.n)
		return nil
	}, bad.damage)
	if err := w.end(err); err != nil {
		return failed(err)
	}
	return bad.exit()
}

func knownOutputs(v *journal.View) string {
	text := ""
	for i, b := range v.Books() {
		sep := ", "
		if i == 0 {
			sep = "; it knows "
		}
		text += sep + inertString(b.Output)
	}
	return text
}

// condition returns the test of an output's `when`.
func condition(cmd *cobra.Command, s streams, cfg *config.Config, output string) (func(*event.Event) (bool, error), error) {
	all := func(*event.Event) (bool, error) { return true, nil }
	if cfg == nil {
		return all, nil
	}
	for _, o := range cfg.Outputs {
		if o.Name != output || o.When.Value == "" {
			continue
		}
		p, err := expr.NewCompiler(expr.Options{}).Bool(o.When)
		if err != nil {
			printProblems(cmd, s, err)
			return nil, &exit{exitConfig, nil}
		}
		m := expr.NewMachine()
		return func(e *event.Event) (bool, error) { return p.Test(m, e) }, nil
	}
	return all, nil
}

func newJournalExport(s streams) *cobra.Command {
	return &cobra.Command{
		Use: "export FILE", Short: "Write all events of the journal to a new file, as JSON lines",
		Long: `export writes every event that the journal holds to a new file that only its owner
may read, one JSON object a line. A file that is there is left as it is. The exit
code is 4 when a part of the journal could not be read; the file then has the rest.`,
		Example: "  tallyman journal export events.jsonl",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			v, _, err := look(cmd, s)
			if err != nil {
				return err
			}
			return export(cmd, s, v, args[0])
		},
	}
}

// export writes the file and takes it away again when it could not be written.
func export(cmd *cobra.Command, s streams, v *journal.View, path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return failed(fmt.Errorf("%w; name a new file, or remove that one first", err))
	}
	if err != nil {
		return failed(err)
	}
	bad := troubles{tell: func(text string) { _, _ = fmt.Fprintln(s.err, "tallyman:", text) }}
	n, err := exportTo(cmd, s, v, f, &bad)
	if err = errors.Join(err, f.Close()); err != nil {
		return failed(errors.Join(fmt.Errorf("export to %s: %w", path, err), os.Remove(path)))
	}
	_, _ = fmt.Fprintf(s.err, "%s written to %s\n", many(n, "event"), filepath.Clean(path))
	return bad.exit()
}

func exportTo(cmd *cobra.Command, s streams, v *journal.View, f *os.File, bad *troubles) (uint64, error) {
	// Whatever the umask, only the owner reads it.
	if err := f.Chmod(0o600); err != nil {
		return 0, err
	}
	w, err := newWriter(cmd, f, format.JSON, 0, newProgress(s, v))
	if err != nil {
		return 0, err
	}
	dec := newDecoded()
	err = v.Walk(cmd.Context(), 0, func(f *journal.Seen) error {
		list, err := dec.events(f)
		if err != nil {
			bad.unreadable(f, err)
			return nil
		}
		for i := range list {
			if err := w.event(&list[i]); err != nil {
				return err
			}
		}
		w.bar.at(f.At, w.n)
		return nil
	}, bad.damage)
	if err := w.end(err); err != nil {
		return 0, err
	}
	return w.n, f.Sync()
}

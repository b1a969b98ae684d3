package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tallyman/pipeline/config"
	"tallyman/pipeline/engine"
)

func newDeadletter(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use: "deadletter", Short: "Look at the events that a destination refused for good; send them again, or drop them",
		Long: `deadletter works on the events that a destination refused for good. They are in
the journal's folder, one file per output, each with the time and the reason. list,
show and drop work beside a running tallyman; replay needs it to be stopped.

The books count these events as dead_lettered. That is history: neither a replay
nor a drop changes it.`,
	}
	journalDir(cmd.PersistentFlags().String)
	cmd.AddCommand(newDeadletterList(s), newDeadletterShow(s), newDeadletterReplay(s), newDeadletterDrop(s))
	return cmd
}

// letters are the files that a verb works on.
type letters struct {
	s      streams
	box    *engine.DeadLetters
	output string // only of this one; "" for all
	files  []*engine.DeadLetterFile
}

// read reads the files. One that cannot be read is said and keeps no other from
// being read; it makes the exit code 1.
func (l *letters) read() error {
	names, err := l.box.Outputs()
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w; name the folder of the journal with --journal-dir, or the configuration that tallyman runs with", err)
	}
	if err != nil {
		return failed(err)
	}
	l.files = nil
	var bad error
	for _, name := range names {
		if l.output != "" && name != l.output {
			continue
		}
		f, err := l.box.Read(name)
		if err != nil {
			bad = errors.Join(bad, fmt.Errorf("output %s: %w", inertString(name), err))
			continue
		}
		if f.Damaged > 0 {
			l.tellDamage(f)
		}
		l.files = append(l.files, f)
	}
	return failed(bad)
}

func (l *letters) tellDamage(f *engine.DeadLetterFile) {
	why := "drop --all --output " + inertString(f.Output) + " removes them too"
	if f.Torn {
		why = "the last is being written, or a crash left it; it was never counted"
	}
	_, _ = fmt.Fprintf(l.s.err, "tallyman: the dead letters of output %s have %s that cannot be read; %s\n",
		inertString(f.Output), many(uint64(f.Damaged), "part"), why)
}

// all calls yield with every letter.
func (l *letters) all(yield func(*engine.DeadLetter) bool) {
	for _, f := range l.files {
		for i := range f.Letters {
			if !yield(&f.Letters[i]) {
				return
			}
		}
	}
}

func (l *letters) none() error {
	of := ""
	if l.output != "" {
		of = " of output " + inertString(l.output)
	}
	_, err := fmt.Fprintf(l.s.err, "There are no dead letters%s.\n", of)
	return failed(err)
}

// named reports whether a letter is one of ids, or ids is empty.
func named(ids []string, d *engine.DeadLetter) bool {
	return len(ids) == 0 || slices.ContainsFunc(ids, func(id string) bool { return id != "" && strings.EqualFold(id, d.ID) })
}

// known checks that there is a letter for every id.
func (l *letters) known(ids []string) error {
	for _, id := range ids {
		found := false
		for d := range l.all {
			found = found || named([]string{id}, d)
		}
		if !found {
			return &exit{exitFailure, fmt.Errorf("there is no dead letter %s; `tallyman deadletter list` shows those there are", inertString(id))}
		}
	}
	return nil
}

// boxOf finds the folder of the journal, whatever else is wrong in the
// configuration.
func boxOf(cmd *cobra.Command, s streams, output string) (*letters, error) {
	path, over, err := config.Find(cmd.Flags())
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	for _, o := range over {
		if slices.Equal(o.Key, []string{"journal", "dir"}) && o.Value == "" {
			return nil, &exit{exitUsage, fmt.Errorf("%s names no folder", o.Source)}
		}
	}
	dir, found := config.JournalDir(path, config.Options{LookupEnv: os.LookupEnv, Override: over})
	if dir != "" {
		return &letters{s: s, box: engine.DeadLettersOf(dir), output: output}, nil
	}
	config.Print(s.err, found, colour(cmd, s.err))
	code := exitConfig
	if _, err := os.ReadFile(path); os.IsPermission(err) {
		code = exitPermission
	}
	return nil, &exit{code, errors.New("without a configuration, name the folder of the journal with --journal-dir")}
}

func outputFlag(cmd *cobra.Command, output *string) {
	cmd.Flags().StringVar(output, "output", "", "only those of the output with this `NAME`")
}

func newDeadletterList(s streams) *cobra.Command {
	var output string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the dead letters: when, of which output, which event, why",
		Long: `list writes how many dead letters each output has, and one line for each: its event's
id, when it was refused, by which output, why, and the bytes that it takes.`,
		Example: "  tallyman deadletter list\n  tallyman deadletter list --output json --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := boxOf(cmd, s, output)
			if err != nil {
				return err
			}
			bad := l.read()
			if asJSON {
				return errors.Join(bad, failed(writeLetters(s.out, l.json())))
			}
			return errors.Join(bad, l.print())
		},
	}
	outputFlag(cmd, &output)
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

func (l *letters) print() error {
	sums := [][]string{{"output", "letters", "bytes", "oldest", "newest"}}
	rows := [][]string{{"id", "time", "output", "reason", "bytes"}}
	for _, f := range l.files {
		if len(f.Letters) == 0 {
			continue
		}
		bytes := 0
		for i := range f.Letters {
			d := &f.Letters[i]
			bytes += d.Size
			rows = append(rows, []string{cmp.Or(cell(d.ID), "-"), stampOf(d), cell(d.Output), shortCell(d.Reason), fmt.Sprint(d.Size)})
		}
		byTime := func(a, b engine.DeadLetter) int { return a.Time.Compare(b.Time) }
		oldest, newest := slices.MinFunc(f.Letters, byTime), slices.MaxFunc(f.Letters, byTime)
		sums = append(sums, []string{cell(f.Output), fmt.Sprint(len(f.Letters)), size(int64(bytes)), stampOf(&oldest), stampOf(&newest)})
	}
	if len(rows) == 1 {
		return l.none()
	}
	_, err := fmt.Fprintf(l.s.out, "%s\n%s", table(0, sums), table(0, rows))
	return failed(err)
}

func stampOf(d *engine.DeadLetter) string { return d.Time.UTC().Format(time.RFC3339) }

// cell is text that cannot act, nor move what stands beside it in a table.
func cell(text string) string { return strings.ReplaceAll(inertString(text), "\t", `\x09`) }

// shortCell is cell with what a line holds.
func shortCell(text string) string {
	const most = 120
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	return cell(text)
}

// letterJSON is one letter for programs.
type letterJSON struct {
	ID     string    `json:"id"`
	Time   time.Time `json:"time"`
	Output string    `json:"output"`
	Reason string    `json:"reason"`
	Bytes  int       `json:"bytes"`
	Raw    *string   `json:"raw,omitempty"`
	Event  any       `json:"event,omitempty"`
}

func newLetterJSON(d *engine.DeadLetter) letterJSON {
	return letterJSON{ID: d.ID, Time: d.Time.UTC(), Output: d.Output, Reason: d.Reason, Bytes: d.Size}
}

// lettersJSON is what list and show write for programs.
type lettersJSON struct {
	Letters []letterJSON `json:"letters"`
	Damaged int          `json:"damaged"`
}

func (l *letters) json() lettersJSON {
	out := lettersJSON{Letters: []letterJSON{}}
	for d := range l.all {
		out.Letters = append(out.Letters, newLetterJSON(d))
	}
	for _, f := range l.files {
		out.Damaged += f.Damaged
	}
	return out
}

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"tallyman/pipeline/journal"
)

func newJournalQuarantine(s streams) *cobra.Command {
	var asJSON, drop bool
	var export string
	cmd := &cobra.Command{
		Use: "quarantine", Short: "List the damaged parts of segments that were set aside",
		Long: `quarantine lists the parts of the journal that could not be read. What they held
is counted as lost under corrupt in the books; a copy of the bytes is kept, up to
a 64th of max_size, because what is left in them may still tell something.

--export copies them to a folder, --drop deletes them.`,
		Example: "  tallyman journal quarantine\n  tallyman journal quarantine --export /tmp/damage --drop",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, _, err := look(cmd, s)
			if err != nil {
				return err
			}
			list, err := v.Quarantined()
			if err != nil {
				return failed(err)
			}
			if export != "" {
				if err := exportAsides(v, list, export); err != nil {
					return failed(err)
				}
			}
			if err := printAsides(s, list, asJSON); err != nil {
				return failed(err)
			}
			if !drop {
				return nil
			}
			for _, a := range list {
				err = errors.Join(err, v.RemoveAside(a))
			}
			return failed(err)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().BoolVar(&drop, "drop", false, "delete them, after an export if one is asked for")
	cmd.Flags().StringVar(&export, "export", "", "copy them to this `FOLDER`, which is made; a file of the same name is not replaced")
	return cmd
}

func printAsides(s streams, list []journal.Aside, asJSON bool) error {
	if asJSON {
		type one struct {
			File    string `json:"file"`
			Segment string `json:"segment"`
			Offset  int64  `json:"offset"`
			Length  int64  `json:"length"`
			Bytes   int64  `json:"bytes"`
		}
		out := struct {
			Parts []one `json:"parts"`
		}{[]one{}}
		for _, a := range list {
			out.Parts = append(out.Parts, one{a.Name, a.Segment, a.Offset, a.Length, a.Bytes})
		}
		return writeJSON(s.out, out)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(s.err, "Nothing was set aside.")
		return err
	}
	rows := [][]string{{"segment", "offset", "damaged", "kept"}}
	for _, a := range list {
		rows = append(rows, []string{a.Segment, fmt.Sprint(a.Offset), size(a.Length), size(a.Bytes)})
	}
	_, err := s.out.Write(table(0, rows))
	return err
}

// exportAsides copies every part to a folder.
func exportAsides(v *journal.View, list []journal.Aside, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, a := range list {
		if err := exportAside(v, a, filepath.Join(dir, a.Name)); err != nil {
			return err
		}
	}
	return nil
}

func exportAside(v *journal.View, a journal.Aside, path string) error {
	from, err := v.OpenAside(a)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // nothing was written
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, io.NewSectionReader(from, 0, a.Bytes))
	if err == nil {
		err = to.Sync()
	}
	return errors.Join(err, to.Close())
}

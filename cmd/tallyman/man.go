package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newMan(s streams) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "man [VERB]...", Short: "Print the manual page of tallyman or of a verb, or write all of them",
		Long: `man prints a manual page in the form that man(1) shows: of tallyman, or of the verb
that is named. With --dir every page is written into a folder, as tallyman.1,
tallyman-run.1 and so on.`,
		Example: "  tallyman man | man -l -\n  tallyman man journal ls\n  tallyman man --dir /usr/share/man/man1",
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			at := root
			if len(args) > 0 {
				found, rest, err := root.Find(args)
				if err != nil || len(rest) > 0 {
					return &exit{exitUsage, fmt.Errorf("there is no verb %q; `tallyman --help` lists them", strings.Join(args, " "))}
				}
				at = found
			}
			if dir != "" {
				if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // a manual is for everybody
					return failed(err)
				}
				return failed(writeManuals(at, dir))
			}
			return failed(manual(at, s.out))
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "write the page, and those of the verbs below, into this `FOLDER`")
	return cmd
}

// manual writes one page. Its date is that of the build's source where the build knows
// it, else SOURCE_DATE_EPOCH or today.
func manual(cmd *cobra.Command, w io.Writer) error {
	header := &doc.GenManHeader{Section: "1", Source: "tallyman", Manual: "tallyman"}
	if at, err := time.Parse(time.RFC3339, buildInfo().Time); err == nil {
		header.Date = &at
	}
	cmd.DisableAutoGenTag = true
	var b bytes.Buffer
	if err := doc.GenMan(cmd, header, &b); err != nil {
		return fmt.Errorf("make the manual page of %s: %w", cmd.CommandPath(), err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// writeManuals writes the page of a command and those of all below it.
func writeManuals(cmd *cobra.Command, dir string) error {
	if !cmd.IsAvailableCommand() && cmd.HasParent() {
		return nil
	}
	var b bytes.Buffer
	if err := manual(cmd, &b); err != nil {
		return err
	}
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
	if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o644); err != nil { //nolint:gosec // a manual is for everybody
		return err
	}
	for _, sub := range cmd.Commands() {
		if err := writeManuals(sub, dir); err != nil {
			return err
		}
	}
	return nil
}

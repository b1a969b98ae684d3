package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"tallyman/pipeline/config"
)

func newReference(s streams) *cobra.Command {
	var asSchema bool
	var dir string
	cmd := &cobra.Command{
		Use: "reference", Short: "Print every setting, as Markdown or as a JSON schema", Args: noArgs,
		Example: "  tallyman reference\n  tallyman reference --schema\n  tallyman reference --commands /tmp/cli",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir != "" {
				return failed(writeCommands(cmd.Root(), dir))
			}
			if asSchema {
				return failed(config.Schema(s.out, plugins()))
			}
			return failed(config.Reference(s.out, plugins()))
		},
	}
	cmd.Flags().BoolVar(&asSchema, "schema", false, "as a JSON schema for editors")
	cmd.Flags().StringVar(&dir, "commands", "", "write a page for each verb, and a list of them, into this `FOLDER`")
	return cmd
}

// writeCommands writes the page of every verb, and README.md with the list of them.
func writeCommands(root *cobra.Command, dir string) error {
	all, err := commandPages(root)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // a manual is for everybody
		return err
	}
	for name, text := range all {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil { //nolint:gosec // as above
			return err
		}
	}
	return nil
}

// commandPages are the pages by file name.
func commandPages(root *cobra.Command) (map[string][]byte, error) {
	var index bytes.Buffer
	fmt.Fprintf(&index, "# Commands\n\n<!-- Made from the code by `make generate`; changes here are lost. -->\n\n```text\n%s\n```\n\n| Command | What it does |\n| --- | --- |\n", root.Long)
	all := map[string][]byte{}
	var walk func(cmd *cobra.Command) error
	walk = func(cmd *cobra.Command) error {
		if !cmd.IsAvailableCommand() && cmd.HasParent() || cmd.Name() == "completion" {
			return nil // the shells' completion is cobra's, and says all itself
		}
		cmd.DisableAutoGenTag = true
		var b bytes.Buffer
		if err := doc.GenMarkdown(cmd, &b); err != nil {
			return fmt.Errorf("make the page of %s: %w", cmd.CommandPath(), err)
		}
		if cmd.HasParent() {
			name := strings.ReplaceAll(cmd.CommandPath(), " ", "_") + ".md"
			fmt.Fprintf(&index, "| [%s](%s) | %s |\n", cmd.CommandPath(), name, strings.ReplaceAll(cmd.Short, "|", "\\|"))
			all[name] = bytes.ReplaceAll(b.Bytes(), []byte("(tallyman.md)"), []byte("(README.md)"))
		}
		for _, sub := range cmd.Commands() {
			if err := walk(sub); err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk(root); err != nil {
		return nil, err
	}
	all["README.md"] = index.Bytes()
	return all, nil
}

package main

import (
	"github.com/spf13/cobra"

	"tallyman/pipeline/config"
)

func newReference(s streams) *cobra.Command {
	var asSchema bool
	cmd := &cobra.Command{
		Use: "reference", Short: "Print every setting, as Markdown or as a JSON schema", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if asSchema {
				return failed(config.Schema(s.out, plugins()))
			}
			return failed(config.Reference(s.out, plugins()))
		},
	}
	cmd.Flags().BoolVar(&asSchema, "schema", false, "as a JSON schema for editors")
	return cmd
}

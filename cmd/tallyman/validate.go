package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tallyman/pipeline/config"
)

func newValidate(s streams) *cobra.Command {
	var probe bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "validate [FILE]", Short: "Check a configuration, its rules and the files it names, without starting anything",
		Long: `validate reads the configuration as run would, compiles every expression and
rule, and prints every problem with its place. It connects to nothing unless
--probe is given. A secret whose file or variable is not there is a warning: the
configuration may be looked at on another machine.`,
		Example: "  tallyman validate /etc/tallyman/tallyman.yaml\n  tallyman validate --probe --timeout 3s",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				if err := cmd.Flags().Set("config", args[0]); err != nil {
					return &exit{exitUsage, err}
				}
			}
			p, err := load(cmd, s, looking())
			if err != nil {
				return err
			}
			defer p.Close()
			config.Print(s.err, advice(p.Config), colour(cmd, s.err))
			if probe {
				ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
				defer cancel()
				if err := p.Probe(ctx, s.out); err != nil {
					return failed(err)
				}
			}
			_, err = fmt.Fprintf(s.out, "%s is valid: %d inputs, %d transforms, %d outputs\n",
				p.Config.Path, len(p.Config.Inputs), len(p.Config.Transforms), len(p.Config.Outputs))
			return failed(err)
		},
	}
	cmd.Flags().BoolVar(&probe, "probe", false, "also connect to every output")
	cmd.Flags().DurationVar(&timeout, "timeout", 5*time.Second, "how long --probe may take")
	return cmd
}

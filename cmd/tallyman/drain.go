package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
)

func newDrain(s streams) *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "drain", Short: "Have the running tallyman deliver what it has and exit",
		Long: `drain has the running process stop reading, deliver what is in the journal, and
exit. It returns when the journal is closed: with 0 when everything is delivered,
with 75 when events are left, which the next run delivers. What starts tallyman
again when it exits, like systemd with Restart=always, does so here too.`,
		Example: "  tallyman drain\n  tallyman drain --timeout 10m --journal-dir /var/lib/tallyman",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if timeout <= 0 {
				return &exit{exitUsage, errTimeout}
			}
			// The process needs some time to close what it has open.
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout+30*time.Second)
			defer cancel()
			c, err := reach(ctx, cmd, s)
			if err != nil {
				return err
			}
			defer func() { _ = c.Close() }() // the answer has come or will not
			a, err := c.Drain(ctx, timeout)
			if err != nil {
				return failed(err)
			}
			return told(s, a)
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", time.Minute, "how long what is in the journal may take to be delivered")
	return asking(cmd)
}

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"tallyman/outputs/format"
	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// dryRun shows what the inputs and transforms of a configuration give.
func dryRun(cmd *cobra.Command, s streams, once bool, as string) error {
	if !slices.Contains(formats(), as) {
		return &exit{exitUsage, fmt.Errorf("--as is %q; it may be %s", as, strings.Join(formats(), ", "))}
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	defer paceCollector(os.Getenv)()
	around := surroundings(&meter.Registry{})
	around.Once, around.Dry = once, true
	p, err := load(cmd, s, around)
	if err != nil {
		return err
	}
	enc, err := format.New(&format.Settings{Format: as}, plugin.Env{})
	if err != nil {
		p.Close()
		return failed(err)
	}
	// Events are rendered where they are written from: in a buffer of their own
	// between, each byte would be copied once more.
	const chunk = 256 << 10
	var buf []byte
	write := func() error {
		_, err := s.out.Write(buf)
		buf = buf[:0]
		return err
	}
	return failed(p.Dry(ctx, func(b *event.Batch) error {
		for i := range b.Events {
			var err error
			if buf, err = enc.Append(buf, &b.Events[i]); err != nil {
				return fmt.Errorf("render event %s: %w", b.Events[i].ID, err)
			}
			if buf = append(buf, '\n'); len(buf) < chunk {
				continue
			}
			if err := write(); err != nil {
				return err
			}
		}
		if len(buf) == 0 {
			return nil
		}
		return write()
	}))
}

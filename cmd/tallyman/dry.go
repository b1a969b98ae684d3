package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
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
	w := bufio.NewWriterSize(s.out, 256<<10)
	var line []byte
	return failed(p.Dry(ctx, func(b *event.Batch) error {
		var err error
		for i := range b.Events {
			if line, err = enc.Append(line[:0], &b.Events[i]); err != nil {
				return fmt.Errorf("render event %s: %w", b.Events[i].ID, err)
			}
			_, err = w.Write(append(line, '\n'))
		}
		return errors.Join(err, w.Flush())
	}))
}

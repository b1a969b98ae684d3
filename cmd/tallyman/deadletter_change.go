package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"tallyman/pipeline/engine"
	"tallyman/pipeline/journal"
)

// lockPatience is how long a running process may keep the lock; it writes one
// letter under it.
const lockPatience = 5 * time.Second

// lock keeps others from the letters. It returns nil when there never was one.
func (l *letters) lock(ctx context.Context, verb string) (io.Closer, error) {
	if names, err := l.box.Outputs(); err == nil && len(names) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		lock, err := l.box.Lock(owner(verb))
		if err == nil {
			return lock, nil
		}
		if !errors.Is(err, engine.ErrDeadBusy) {
			return nil, failed(err)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, failed(fmt.Errorf("%s; try again when it is done", inertString(err.Error())))
		}
	}
}

func owner(verb string) string {
	return fmt.Sprintf("pid %d, tallyman deadletter %s", os.Getpid(), verb)
}

// locked reads the letters under the lock, lest a process adds some meanwhile,
// and calls fn.
func (l *letters) locked(ctx context.Context, verb string, fn func() error) (err error) {
	lock, err := l.lock(ctx, verb)
	if err != nil {
		return err
	}
	if lock != nil {
		defer func() { err = errors.Join(err, failed(lock.Close())) }()
	}
	if err := l.read(); err != nil {
		return err // nothing is changed beside what cannot be read
	}
	return fn()
}

func newDeadletterDrop(s streams) *cobra.Command {
	var output string
	var all bool
	cmd := &cobra.Command{
		Use: "drop {ID... | --all}", Short: "Remove dead letters for good",
		Long: `drop removes events that a destination refused for good, and prints what it removed.
They cannot be had back. --all removes also what cannot be read. It works beside a
running tallyman, which goes on with the room.`,
		Example: "  tallyman deadletter drop 1B4P5ZYHXM0J8Q7RGW2T3N6VKD\n  tallyman deadletter drop --all --output json",
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return &exit{exitUsage, errors.New("name the ids to drop, or say --all")}
			}
			l, err := boxOf(cmd, s, output)
			if err != nil {
				return err
			}
			return l.locked(cmd.Context(), "drop", func() error { return l.drop(args) })
		},
	}
	outputFlag(cmd, &output)
	cmd.Flags().BoolVar(&all, "all", false, "every one, of all outputs or of that which --output names")
	return cmd
}

// drop removes letters; no ids are all.
func (l *letters) drop(ids []string) error {
	if err := errors.Join(l.known(ids), l.once(ids)); err != nil {
		return err
	}
	n := uint64(0)
	for _, f := range l.files {
		if err := l.box.Drop(f, func(d *engine.DeadLetter) bool { return named(ids, d) }, len(ids) == 0); err != nil {
			return failed(err)
		}
		for i := range f.Letters {
			d := &f.Letters[i]
			if !named(ids, d) {
				continue
			}
			n++
			if _, err := fmt.Fprintf(l.s.out, "dropped %s of output %s, refused at %s: %s\n", cell(d.ID), cell(d.Output), stampOf(d), shortCell(d.Reason)); err != nil {
				return failed(err)
			}
		}
		if f.Damaged > 0 && len(ids) == 0 {
			if _, err := fmt.Fprintf(l.s.out, "dropped %s of output %s that could not be read\n", many(uint64(f.Damaged), "part"), cell(f.Output)); err != nil {
				return failed(err)
			}
		}
	}
	if len(l.files) == 0 {
		return l.none()
	}
	_, err := fmt.Fprintf(l.s.err, "%s dropped\n", many(n, "dead letter"))
	return failed(err)
}

// once refuses an id that two outputs have: one of them may not be meant.
func (l *letters) once(ids []string) error {
	of := map[string]string{}
	for d := range l.all {
		if len(ids) == 0 || !named(ids, d) {
			continue
		}
		if was, ok := of[d.ID]; ok && was != d.Output {
			return &exit{exitUsage, fmt.Errorf("outputs %s and %s have a dead letter %s; say which with --output", inertString(was), inertString(d.Output), inertString(d.ID))}
		}
		of[d.ID] = d.Output
	}
	return nil
}

func newDeadletterReplay(s streams) *cobra.Command {
	var output string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "replay [ID...]", Short: "Send dead letters again, and remove those that are taken",
		Long: `replay sends events that a destination refused for good through the output of the
same name in the configuration, with its retries: those that are named, or all. What
is taken is removed. What is refused again stays with the new reason, and the exit
code is 1. When a destination takes nothing for as long as --timeout, the exit code is
69, and what it did not take stays. An event that was delivered just before replay
is killed or gives up may come twice, with the same id.

tallyman must not run meanwhile. The configuration is read in any case, for the output
is in it.`,
		Example: "  tallyman deadletter replay\n  tallyman deadletter replay --output json --timeout 10m\n  tallyman deadletter replay 1B4P5ZYHXM0J8Q7RGW2T3N6VKD",
		RunE: func(cmd *cobra.Command, args []string) error {
			if timeout <= 0 {
				return &exit{exitUsage, errTimeout}
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			context.AfterFunc(ctx, stop) // a second signal ends the process at once
			p, err := load(cmd, s, looking())
			if err != nil {
				return err
			}
			defer p.Close()
			l := &letters{s: s, box: engine.DeadLettersOf(p.Config.Journal.Dir), output: output}
			return l.stopped(p.Config.Journal.Dir, func() error {
				return l.locked(ctx, "replay", func() error { return l.replay(ctx, p, args, timeout) })
			})
		},
	}
	outputFlag(cmd, &output)
	cmd.Flags().DurationVar(&timeout, "timeout", time.Minute, "give up when the destination takes nothing for so long")
	return cmd
}

// stopped calls fn while no process can run on the journal.
func (l *letters) stopped(dir string, fn func() error) (err error) {
	lock, err := engine.LockJournal(dir, owner("replay"))
	switch {
	case errors.Is(err, journal.ErrLocked):
		return failed(fmt.Errorf("%s; stop it, replay, and start it again", inertString(err.Error())))
	case errors.Is(err, os.ErrNotExist):
		return failed(fmt.Errorf("%w; tallyman never ran with this configuration", err))
	case err != nil:
		return failed(err)
	}
	defer func() { err = errors.Join(err, failed(lock.Close())) }()
	return fn()
}

// replay sends letters, output by output; no ids are all.
func (l *letters) replay(ctx context.Context, p *engine.Pipeline, ids []string, patience time.Duration) error {
	if err := l.known(ids); err != nil {
		return err
	}
	pick := func(d *engine.DeadLetter) bool { return named(ids, d) }
	var all error
	sent := false
	for _, f := range l.files {
		if !slices.ContainsFunc(f.Letters, func(d engine.DeadLetter) bool { return pick(&d) }) {
			continue
		}
		sent = true
		all = errors.Join(all, l.replayOne(ctx, p, &engine.Replay{Letters: l.box, File: f, Pick: pick, Patience: patience,
			Refused: func(d *engine.DeadLetter, why error) {
				_, _ = fmt.Fprintf(l.s.err, "%s is refused again by output %s and stays: %s\n", cell(d.ID), cell(d.Output), shortCell(why.Error()))
			}}))
	}
	if !sent {
		return l.none()
	}
	return all
}

func (l *letters) replayOne(ctx context.Context, p *engine.Pipeline, r *engine.Replay) error {
	err := r.Run(ctx, p)
	name, code := inertString(r.File.Output), exitFailure
	switch {
	case errors.Is(err, engine.ErrNoOutput):
		return &exit{code, fmt.Errorf("%w; its dead letters stay until it is configured again, or dropped", err)}
	case ctx.Err() != nil:
		err = fmt.Errorf("output %s: interrupted; what was not delivered stays: %w", name, err)
	case errors.Is(err, engine.ErrNotTaken):
		code = exitUnreachable
	case err == nil && r.Stayed > 0:
		err = fmt.Errorf("output %s: %s refused again", name, many(r.Stayed, "dead letter"))
	}
	verb := "delivered"
	if !r.Confirmed {
		verb = "sent; its protocol confirms nothing"
	}
	_, _ = fmt.Fprintf(l.s.err, "output %s: %s %s\n", name, many(r.Delivered, "dead letter"), verb)
	if err != nil {
		return &exit{code, err}
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"tallyman/pipeline/admin"
	"tallyman/pipeline/config"
	"tallyman/pipeline/control"
	"tallyman/pipeline/engine"
	"tallyman/pipeline/journal"
	"tallyman/pipeline/meter"
)

func newRun(s streams) *cobra.Command {
	var once, dry bool
	var as string
	cmd := &cobra.Command{
		Use: "run", Short: "Read, judge and deliver until told to stop",
		Long: `run reads every input, takes each record through the transforms into the journal
and delivers from there. SIGTERM and SIGINT stop it: what was read is delivered
within the grace time, and what is not stays in the journal. SIGHUP reads the
configuration again; when that fails, what runs goes on.

With --once the exit code is 1 when a destination refused events for good; all
others are delivered, and ` + "`tallyman deadletter`" + ` has those.

With --dry-run the inputs are read from their beginning and the events are printed
instead: nothing is journalled, delivered or remembered, and no position is kept.`,
		Example: "  tallyman run --config /etc/tallyman/tallyman.yaml\n  tallyman run --config demo.yaml --once\n  tallyman run --once --dry-run --as json | jq .process.args",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dry {
				return dryRun(cmd, s, once, as)
			}
			if cmd.Flags().Changed("as") {
				return &exit{exitUsage, errors.New("--as is for --dry-run; an output has its own format")}
			}
			return serve(cmd, s, once)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&once, "once", false, "read sources that have an end to it, deliver everything, print the books and exit")
	f.BoolVar(&dry, "dry-run", false, "print the events, and keep and deliver nothing")
	f.StringVar(&as, "as", "text", "the format of --dry-run: "+strings.Join(formats(), ", "))
	f.Bool("lifecycle", false, "say in events of our own when the run starts, how the one before ended, when it stops, and when another configuration runs")
	f.Var(new(duration), "grace", "how long a stop may take to deliver what is under way")
	f.String("journal-dir", "", "the folder of the journal")
	f.String("admin-listen", "", "the address of /metrics, /healthz and /readyz, or off")
	return cmd
}

// duration is the value of a flag that Find hands on as it is written: one of
// the durations that a file may say, days too.
type duration string

func (d *duration) String() string { return string(*d) }

// Set implements pflag.Value.
func (d *duration) Set(s string) error {
	if _, err := config.ParseDuration(s); err != nil {
		return fmt.Errorf("it is not a duration with its unit, like \"250ms\" or \"10s\" (%w)", err)
	}
	*d = duration(s)
	return nil
}

// Type implements pflag.Value.
func (*duration) Type() string { return "duration" }

// serve is the life of one process.
func serve(cmd *cobra.Command, s streams, once bool) (err error) {
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	defer paceCollector(os.Getenv)()
	hup, deaf := hups()
	defer deaf()
	meters := &meter.Registry{}
	around := surroundings(meters)
	around.Once = once
	if lives, err := cmd.Flags().GetBool("lifecycle"); err == nil {
		around.Lives = lives && !once
	}
	p, err := load(cmd, s, around)
	if err != nil {
		return err
	}
	log := newLog(s.err, p.Config.Log)
	e, err := engine.New(p, fmt.Sprintf("pid %d, tallyman run", os.Getpid()))
	if err != nil {
		p.Close()
		return failed(fmt.Errorf("%w%s", err, hint(err)))
	}
	manager := newNotifier(os.Getenv, os.Getpid(), log)
	defer func() { err = errors.Join(err, failed(manager.close())) }()
	c := &controlled{engine: e, meters: meters, log: log, manager: manager, ended: make(chan struct{}),
		reloads: newReloader(manager.reloading(reconfigure(cmd, s, e, around, log)))}
	// The socket goes while the lock of the journal is held, lest it be that of a
	// successor. Whoever asked for a drain is told once the journal is closed.
	var socket *control.Server
	defer func() { err = errors.Join(err, c.close(socket, err)) }()
	defer func() { err = errors.Join(err, failed(e.Close())) }()
	defer func() { err = errors.Join(err, failed(c.stop(socket))) }()
	if listen := p.Config.Admin.Listen; listen != "off" {
		server, err := admin.Serve(listen, meters, e.Ready, log)
		if err != nil {
			p.Close()
			return failed(fmt.Errorf("%w; choose another address with admin.listen or --admin-listen, or switch it off with `off`", err))
		}
		defer func() { err = errors.Join(err, failed(server.Close())) }()
	}
	if p.Config.Console.On() {
		server, err := openConsole(cmd, s, e, around, log)
		if err != nil {
			p.Close()
			return failed(err)
		}
		defer func() { err = errors.Join(err, failed(server.Close())) }()
	}
	socket = c.serve(p.Config.Journal.Dir)
	defer c.trimLater()()
	log.Info("started", "version", around.Version, "config", p.Config.Path, "hash", p.Config.Hash, "journal", p.Config.Journal.Dir, "pid", os.Getpid())
	return failed(c.run(ctx, hup, s, once))
}

// run lets the engine run to its end and judges the books.
func (c *controlled) run(ctx context.Context, hup <-chan os.Signal, s streams, once bool) error {
	before := burials(c.engine.Books())
	asked, stop := context.WithCancel(ctx)
	c.reloads.follow(asked, hup)
	go c.reloads.run(asked)
	// The watchdog is answered to the end of the stop, which may take the grace time.
	unguard := c.manager.guard(context.WithoutCancel(ctx), c.health)
	defer unguard()
	told := c.manager.follow(asked, c.engine)
	err := c.engine.Run(ctx)
	stop()
	<-told
	<-c.reloads.done
	if left := errors.Is(err, engine.ErrLeft); left || once && err == nil {
		err = errors.Join(err, books(s.err, c.engine.Books()))
	}
	for _, b := range c.engine.Books() {
		if !b.Balanced() {
			err = errors.Join(err, fmt.Errorf("the book of output %s does not balance; please report this", b.Output))
		}
		if n := buried(&b) - before[b.Output]; once && n > 0 {
			err = errors.Join(err, fmt.Errorf("output %s refused events for good, %s; `tallyman deadletter list` shows why", b.Output, many(n, "record")))
		}
	}
	c.log.Info("stopped", "left", errors.Is(err, engine.ErrLeft))
	return err
}

// buried is how much an output ever refused for good: source records, and
// events of our own.
func buried(b *journal.Book) uint64 {
	return b.Counts.DeadLettered + b.GeneratedCounts.DeadLettered
}

// burials are those of every output.
func burials(list []journal.Book) map[string]uint64 {
	all := map[string]uint64{}
	for i := range list {
		all[list[i].Output] = buried(&list[i])
	}
	return all
}

// hint says what to do about an error of the start.
func hint(err error) string {
	switch {
	case errors.Is(err, journal.ErrLocked):
		return "; stop it, or name another folder with journal.dir or --journal-dir"
	case errors.Is(err, os.ErrPermission):
		return "; the user that runs tallyman needs to own the folder of the journal, or name another with journal.dir"
	}
	return ""
}

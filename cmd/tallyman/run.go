package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"tallyman/pipeline/admin"
	"tallyman/pipeline/engine"
	"tallyman/pipeline/meter"
)

func newRun(s streams) *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use: "run", Short: "Read, judge and deliver until told to stop",
		Long: `run reads every input, takes each record through the transforms into the journal
and delivers from there. SIGTERM and SIGINT stop it: what was read is delivered
within the grace time, and what is not stays in the journal. SIGHUP reads the
configuration again; when that fails, what runs goes on.`,
		Example: "  tallyman run --config /etc/tallyman/tallyman.yaml\n  tallyman run --config demo.yaml --once",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return serve(cmd, s, once) },
	}
	f := cmd.Flags()
	f.BoolVar(&once, "once", false, "read sources that have an end to it, deliver everything, print the books and exit")
	f.Duration("grace", 0, "how long a stop may take to deliver what is under way")
	f.String("journal-dir", "", "the folder of the journal")
	f.String("admin-listen", "", "the address of /metrics, /healthz and /readyz, or off")
	return cmd
}

// serve is the life of one process.
func serve(cmd *cobra.Command, s streams, once bool) (err error) {
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	meters := &meter.Registry{}
	around := surroundings(meters)
	around.Once = once
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
	defer func() { err = errors.Join(err, failed(e.Close())) }()
	if listen := p.Config.Admin.Listen; listen != "off" {
		server, err := admin.Serve(listen, meters, e.Ready, log)
		if err != nil {
			p.Close()
			return failed(fmt.Errorf("%w; choose another address with admin.listen or --admin-listen, or switch it off with `off`", err))
		}
		defer func() { err = errors.Join(err, failed(server.Close())) }()
	}
	log.Info("started", "version", around.Version, "config", p.Config.Path, "journal", p.Config.Journal.Dir, "pid", os.Getpid())
	reloads(ctx, cmd, s, e, around, log)
	runErr := e.Run(ctx)
	if left := errors.Is(runErr, engine.ErrLeft); left || once && runErr == nil {
		runErr = errors.Join(runErr, books(s.err, e.Books()))
	}
	for _, b := range e.Books() {
		if !b.Balanced() {
			runErr = errors.Join(runErr, fmt.Errorf("the book of output %s does not balance; please report this", b.Output))
		}
	}
	log.Info("stopped", "left", errors.Is(runErr, engine.ErrLeft))
	return failed(runErr)
}

// hint says what to do about an error of the start.
func hint(err error) string {
	if errors.Is(err, os.ErrPermission) {
		return "; the user that runs tallyman needs to own the folder of the journal, or name another with journal.dir"
	}
	return ""
}

// reloads reads the configuration again at each SIGHUP until ctx is done.
// Signals that come while one is worked on are one.
func reloads(ctx context.Context, cmd *cobra.Command, s streams, e *engine.Engine, around engine.Surroundings, log *slog.Logger) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	count := around.Meter.Counter("tallyman_reloads_total", "Configurations that were put in place.")
	rejected := around.Meter.Counter("tallyman_reloads_rejected_total", "Configurations that were refused; the one before runs on.")
	go func() {
		defer signal.Stop(hup)
		for {
			select {
			case <-hup:
			case <-ctx.Done():
				return
			}
			start := time.Now()
			p, err := load(cmd, s, around)
			if err == nil {
				err = e.Reload(p, false)
			}
			if err != nil {
				rejected.Inc()
				log.Error("the reload failed; what ran before runs on", "error", err)
				continue
			}
			count.Inc()
			log.Info("reloaded", "config", p.Config.Path, "hash", p.Config.Hash, "took", time.Since(start))
		}
	}()
}

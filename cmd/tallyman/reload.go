package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"tallyman/pipeline/control"
	"tallyman/pipeline/engine"
)

func newReload(s streams) *cobra.Command {
	var discard bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "reload", Short: "Have the running tallyman read its configuration again, and say what became of it",
		Long: `reload has the running process read its configuration again, and returns when the
new one runs or was refused. What is wrong is printed, here and in the log of the
process, and then the configuration that ran goes on.

An output that is removed delivers first what the journal holds for it. When it
fails or is too slow for that, the reload is refused (exit code 75), unless
--discard lets go of its events. They are counted as operator_discard and logged.

Exit codes: 0 the new configuration runs, 78 it is not valid or takes a restart,
75 an output that is not in it has events left, 77 no permission, 1 nothing runs
there, or the new configuration did not start.`,
		Example: "  tallyman reload\n  tallyman reload --journal-dir /var/lib/tallyman --discard",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			c, err := reach(ctx, cmd, s)
			if err != nil {
				return err
			}
			defer func() { _ = c.Close() }() // the answer has come or will not
			a, err := c.Reload(ctx, discard)
			if err != nil {
				return failed(err)
			}
			return told(s, a)
		},
	}
	cmd.Flags().BoolVar(&discard, "discard", false, "let go of what outputs that are not in the configuration have left in the journal")
	cmd.Flags().DurationVar(&timeout, "timeout", 2*time.Minute, "how long to wait for the answer")
	return asking(cmd)
}

// reloader reads the configuration again when it is asked to: one time after the
// other. Whoever asks while one is under way gets the one that comes after it,
// which all share, so a hundred signals are two reloads and the last one counts.
type reloader struct {
	do   func(discard bool) control.Answer
	wake chan struct{} // holds one while next waits
	done chan struct{} // closed when run has returned

	mu   sync.Mutex // guards what follows
	next *reload
	last *reloadStatus
}

// reload is one reload and what became of it.
type reload struct {
	discard bool
	done    chan struct{} // closed when answer is there
	answer  control.Answer
}

// reloadStatus is how the last reload ended.
type reloadStatus struct {
	Time time.Time `json:"time"`
	OK   bool      `json:"ok"`
	Text string    `json:"text,omitempty"` // why it was refused
}

func newReloader(do func(discard bool) control.Answer) *reloader {
	return &reloader{do: do, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// ask returns the reload that begins next.
func (r *reloader) ask(discard bool) *reload {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil {
		r.next = &reload{done: make(chan struct{})}
	}
	r.next.discard = r.next.discard || discard
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return r.next
}

// wait returns the answer of a reload, also when there is none to come.
func (r *reloader) wait(one *reload) control.Answer {
	select {
	case <-one.done:
		return one.answer
	case <-r.done:
	}
	select {
	case <-one.done:
		return one.answer
	default:
		return control.Answer{Code: exitFailure, Text: "the process is ending"}
	}
}

// run works until ctx is done.
func (r *reloader) run(ctx context.Context) {
	defer close(r.done)
	for ctx.Err() == nil {
		select {
		case <-r.wake:
		case <-ctx.Done():
			return
		}
		r.mu.Lock()
		one := r.next
		r.next = nil
		r.mu.Unlock()
		one.answer = r.do(one.discard)
		r.mu.Lock()
		r.last = &reloadStatus{Time: time.Now().UTC(), OK: one.answer.Code == exitOK}
		if !r.last.OK {
			r.last.Text = one.answer.Text
		}
		r.mu.Unlock()
		close(one.done)
	}
}

func (r *reloader) status() *reloadStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// hups subscribes to SIGHUP. That is the first thing that a process does: one that
// comes during the start is for what comes after it, and must not end the process.
func hups() (hup <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}

// follow asks at each SIGHUP until ctx is done.
func (r *reloader) follow(ctx context.Context, hup <-chan os.Signal) {
	go func() {
		for {
			select {
			case <-hup:
				r.ask(false)
			case <-ctx.Done():
				return
			}
		}
	}()
}

// reconfigure returns what reads the configuration and puts it in the place of
// the one that runs.
func reconfigure(cmd *cobra.Command, s streams, e *engine.Engine, around engine.Surroundings, log *slog.Logger) func(bool) control.Answer {
	m := around.Meter
	count := m.Counter("tallyman_reloads_total", "Configurations that were put in place.")
	rejected := m.Counter("tallyman_reloads_rejected_total", "Configurations that were refused; the one before runs on.")
	ok := m.Gauge("tallyman_config_last_reload_success", "0 when the last reload was refused, so that another configuration runs than the file says.")
	ok.Set(1)
	at := m.Gauge("tallyman_config_last_reload_success_timestamp_seconds", "When the configuration that runs was put in place, in seconds since 1970.")
	at.Set(around.Now().Unix())
	return func(discard bool) control.Answer {
		start := time.Now()
		var talk bytes.Buffer
		p, err := loadTelling(cmd, s, io.MultiWriter(s.err, &talk), around)
		if err == nil {
			err = e.Reload(p, discard)
		}
		if err != nil {
			rejected.Inc()
			ok.Set(0)
			return refused(err, talk.String(), log)
		}
		count.Inc()
		ok.Set(1)
		at.Set(around.Now().Unix())
		log.Info("reloaded", "config", p.Config.Path, "hash", p.Config.Hash, "took", time.Since(start))
		return control.Answer{Text: fmt.Sprintf("%s%s runs now: %d inputs, %d transforms, %d outputs\n", talk.String(), p.Config.Path,
			len(p.Config.Inputs), len(p.Config.Transforms), len(p.Config.Outputs))}
	}
}

// refused logs why a configuration was refused and returns it as an answer; told
// is what was printed already.
func refused(err error, told string, log *slog.Logger) control.Answer {
	code := exitFailure
	var e *exit
	switch {
	case errors.Is(err, engine.ErrBacklog):
		code = exitLeft
	case errors.Is(err, engine.ErrRefused):
		code = exitConfig
	case errors.As(err, &e):
		code = e.code
		if e.err == nil {
			err = errors.New("it is not valid")
		}
	}
	log.Error("the new configuration was refused; what ran before runs on", "class", "config_rejected", "error", err)
	return control.Answer{Code: code, Text: fmt.Sprintf("%sthe new configuration was refused and what ran before runs on: %v\n", told, err)}
}

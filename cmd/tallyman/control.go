package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tallyman/cmd/tallyman/top"
	"tallyman/pipeline/config"
	"tallyman/pipeline/control"
	"tallyman/pipeline/engine"
	"tallyman/pipeline/meter"
)

// controlled is the running process as those see it who ask at its socket.
type controlled struct {
	engine  *engine.Engine
	reloads *reloader
	meters  *meter.Registry
	log     *slog.Logger
	manager *notifier // of the service; nil without one

	ended  chan struct{} // closed when answer holds how the run ended
	answer control.Answer
}

// processStatus is what `tallyman status --json` prints.
type processStatus struct {
	PID int `json:"pid"`
	engine.Status
	Reload *reloadStatus `json:"last_reload,omitempty"`
	Rules  []top.Rule    `json:"rules,omitempty"`
	Losses []top.Loss    `json:"losses,omitempty"` // before anything could be read
}

// serve listens beside the journal. Without a socket the process does its work
// all the same, so that is said and no reason to stop.
func (c *controlled) serve(dir string) *control.Server {
	server, err := control.Serve(dir, control.Handlers{Status: c.status, Reload: c.reload, Drain: c.drain, Watch: c.watched, Baselines: c.baselines}, c.log)
	if err != nil {
		c.log.Warn("nobody can ask this process: status, reload and drain do not work; SIGHUP and SIGTERM do", "error", err)
		return nil
	}
	return server
}

func (c *controlled) status() any {
	rules, losses := topCounts(c.meters)
	return processStatus{PID: os.Getpid(), Status: c.engine.Status(), Reload: c.reloads.status(), Rules: rules, Losses: losses}
}

func (c *controlled) reload(_ context.Context, discard bool) control.Answer {
	return c.reloads.wait(c.reloads.ask(discard))
}

func (c *controlled) drain(_ context.Context, limit time.Duration) control.Answer {
	c.log.Info("asked to drain: nothing more is read", "timeout", limit)
	c.engine.Drain(limit)
	<-c.ended
	return c.answer
}

// watched is watch with its error as an answer.
func (c *controlled) watched(ctx context.Context, args json.RawMessage, send func(any) error) control.Answer {
	err := c.watch(ctx, args, send)
	if err == nil {
		return control.Answer{Text: "the process ends"}
	}
	return control.Answer{Code: codeOf(err), Text: err.Error()}
}

// end tells those who wait for the end of the run how it ended.
func (c *controlled) end(err error) {
	left := 0
	var text strings.Builder
	for _, b := range c.engine.Books() {
		if n := b.Buffered + b.InFlight; n > 0 {
			left++
			fmt.Fprintf(&text, "output %s has %d records left\n", b.Output, n)
		}
	}
	switch {
	case err != nil:
		fmt.Fprintln(&text, err)
	case left == 0:
		text.WriteString("everything is delivered\n")
	default: // of an output that is in no configuration
		text.WriteString("everything is delivered to the outputs of the configuration\n")
	}
	c.answer = control.Answer{Code: codeOf(err), Text: text.String()}
	close(c.ended)
}

// stop takes no more requests and removes the socket, which may be nil.
func (c *controlled) stop(socket *control.Server) error {
	if socket == nil {
		return nil
	}
	return socket.Stop()
}

// close answers who still waits.
func (c *controlled) close(socket *control.Server, err error) error {
	c.end(err)
	if socket == nil {
		return nil
	}
	return failed(socket.Close())
}

// codeOf is the exit code of an error.
func codeOf(err error) int {
	var e *exit
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &e):
		return e.code
	}
	return exitFailure
}

// asking adds the flags of a verb that asks the running process.
func asking(cmd *cobra.Command) *cobra.Command {
	cmd.Args = noArgs
	cmd.Flags().String("journal-dir", "", "the `FOLDER` of the journal; no configuration is read then")
	return cmd
}

// reach connects to the process that has the journal of the configuration, which
// may have other mistakes: it may be there to be reloaded.
func reach(ctx context.Context, cmd *cobra.Command, s streams) (*control.Client, error) {
	path, over, err := config.Find(cmd.Flags())
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	dir, found := config.JournalDir(path, config.Options{LookupEnv: os.LookupEnv, Override: over})
	if dir == "" {
		config.Print(s.err, found, colour(cmd, s.err))
		code := exitConfig
		if _, err := os.ReadFile(path); os.IsPermission(err) {
			code = exitPermission
		}
		return nil, &exit{code, errors.New("the running process is found by the folder of its journal: name the configuration with --config or the folder with --journal-dir")}
	}
	c, err := control.Dial(ctx, dir)
	if errors.Is(err, control.ErrNotRunning) {
		err = fmt.Errorf("%w; start it with `tallyman run`, or name the configuration that it runs with (--config)", err)
	}
	return c, failed(err)
}

// told prints what the process answered and makes its code the exit code.
func told(s streams, a control.Answer) error {
	for line := range strings.Lines(a.Text) {
		if _, err := fmt.Fprintln(s.err, visible(strings.TrimSuffix(line, "\n"))); err != nil {
			return failed(err)
		}
	}
	if a.Code != exitOK {
		return &exit{a.Code, nil}
	}
	return nil
}

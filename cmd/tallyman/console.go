package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"tallyman/outputs/format"
	"tallyman/pipeline/console"
	"tallyman/pipeline/engine"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// openConsole serves the web console of a process whose configuration has one.
func openConsole(cmd *cobra.Command, s streams, e *engine.Engine, around engine.Surroundings, log *slog.Logger) (*console.Server, error) {
	c := e.Config()
	o := console.Options{Settings: c.Console, Dir: c.Dir, Engine: e, Meters: around.Meter, Log: log, Now: around.Now, Explain: playground(cmd, s)}
	for _, name := range []string{format.Text, format.JSON, format.CEF, format.RFC5424, format.OCSF, format.LEEF} {
		o.Formats = append(o.Formats, console.Format{Name: name, New: func() (plugin.Encoder, error) {
			return format.New(&format.Settings{Format: name}, plugin.Env{})
		}})
	}
	server, err := console.Serve(o)
	if err != nil {
		return nil, fmt.Errorf("%w; the settings of the console are under console, and console.listen: off switches it off", err)
	}
	log.Info("the console is open", "address", server.Addr().String(), "token", !c.Console.Token.IsZero(), "tls", c.Console.TLS != nil)
	return server, nil
}

// playground explains lines with the configuration as it is on disk, which may be
// newer than the one that runs.
func playground(cmd *cobra.Command, s streams) func(context.Context, string, []string, func(*engine.Explained) error) (string, error) {
	return func(ctx context.Context, input string, lines []string, emit func(*engine.Explained) error) (string, error) {
		var told bytes.Buffer
		around := surroundings(&meter.Registry{})
		around.Log = slog.New(slog.DiscardHandler)
		p, err := loadTelling(cmd, s, &told, around)
		if err != nil {
			return "", errors.New("the configuration on disk is not valid:\n" + told.String())
		}
		defer p.Close()
		name, decoder, err := claims(p.Config, input)
		if err != nil {
			return "", err
		}
		return decoder, p.Explain(ctx, name, decoder, lines, emit)
	}
}

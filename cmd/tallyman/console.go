package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"tallyman/outputs/format"
	formattext "tallyman/outputs/format/text"
	"tallyman/pipeline/console"
	"tallyman/pipeline/engine"
	"tallyman/pipeline/journal"
	"tallyman/pipeline/plugin"
)

// openConsole serves the web console of a process whose configuration has one.
func openConsole(cmd *cobra.Command, s streams, e *engine.Engine, around engine.Surroundings, log *slog.Logger) (*console.Server, error) {
	c := e.Config()
	o := console.Options{Settings: c.Console, Dir: c.Dir, Engine: e, Meters: around.Meter, Log: log, Now: around.Now, Explain: playground(cmd, s),
		Line: func() (plugin.Encoder, error) { return formattext.NewBrief(), nil }, Past: past(c.Journal.Dir)}
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
		around := looking()
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

// Bounds of what the console shows of the time before somebody looked.
const (
	pastFrames = 2000
	pastBytes  = 4 << 20
)

// past gives the last frames of a journal, the oldest first.
func past(dir string) func(context.Context, func([]byte)) error {
	return func(ctx context.Context, emit func([]byte)) error {
		v, err := journal.Look(journal.Options{Dir: dir})
		if err != nil {
			return err
		}
		from := v.Last() + 1 - min(v.Last(), pastFrames)
		if list := v.Segments(); len(list) > 1 { // no more than two segments are read for it
			from = max(from, list[len(list)-2].First)
		}
		var kept [][]byte
		held := 0
		err = v.Walk(ctx, from, func(f *journal.Seen) error {
			kept = append(kept, bytes.Clone(f.Payload))
			for held += len(f.Payload); held > pastBytes && len(kept) > 1; kept = kept[1:] {
				held -= len(kept[0])
			}
			return nil
		}, nil)
		for _, payload := range kept {
			if len(payload) > 0 {
				emit(payload)
			}
		}
		return err
	}
}

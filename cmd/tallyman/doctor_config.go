package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"tallyman/pipeline/config"
	"tallyman/pipeline/engine"
	"tallyman/transforms/container"
)

// checkup is one run of doctor: the configuration is read once for all areas.
type checkup struct {
	cmd      *cobra.Command
	s        streams
	pipeline *engine.Pipeline // nil where wrong says why
	wrong    container.Finding
}

func newCheckup(cmd *cobra.Command, s streams) *checkup {
	d := &checkup{cmd: cmd, s: s}
	path, _, err := config.Find(cmd.Flags())
	if err != nil {
		d.wrong = container.Finding{Name: "configuration", Text: err.Error(), Hint: "`tallyman doctor --help` says which flags there are"}
		return d
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		d.wrong = container.Finding{Name: "configuration", Text: "there is none at " + path, Hint: "name another with --config, or have one written by `tallyman init`"}
		return d
	}
	around := looking()
	around.Log = slog.New(slog.DiscardHandler) // what it would say are findings here
	var told bytes.Buffer
	if d.pipeline, err = loadTelling(cmd, s, &told, around); err != nil {
		first, _, _ := strings.Cut(told.String(), "\n")
		if first == "" {
			first = err.Error()
		}
		d.wrong = container.Finding{Name: "configuration", Text: fmt.Sprintf("%s is not valid: %s", path, first), Hint: "`tallyman validate` shows every problem with its place"}
	}
	return d
}

func (d *checkup) close() {
	if d.pipeline != nil {
		d.pipeline.Close()
	}
}

// outputs tries every destination.
func (d *checkup) outputs() []container.Finding {
	if d.pipeline == nil {
		return []container.Finding{d.wrong}
	}
	ctx, cancel := d.within()
	defer cancel()
	var b bytes.Buffer
	if err := d.pipeline.Probe(ctx, &b); err != nil && !errors.Is(err, engine.ErrProbe) {
		return []container.Finding{{Name: "outputs", Text: err.Error()}}
	}
	return outputsIn(b.String())
}

// outputsIn reads what Probe wrote; a verdict may have several lines.
func outputsIn(text string) []container.Finding {
	var list []container.Finding
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		name, verdict, ok := strings.Cut(line, ": ")
		if !ok || !strings.HasPrefix(name, "output ") {
			if len(list) > 0 {
				list[len(list)-1].Text += " " + strings.TrimSpace(line)
			}
			continue
		}
		f := container.Finding{Name: name, Text: verdict, Good: verdict == "reachable" || verdict == "nothing to try"}
		if !f.Good {
			f.Hint = "events wait in the journal meanwhile; mend the destination, its address or its credentials, and try again with `tallyman validate --probe`"
		}
		list = append(list, f)
	}
	return list
}

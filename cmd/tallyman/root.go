package main

import (
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"tallyman/pipeline/config"
	"tallyman/pipeline/engine"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "tallyman",
		Short: "Read the logs of a container host, tie each event to its container, judge it and deliver it",
		Long: `tallyman reads what a container host logs, makes one event of each record,
ties it to its container, judges it by rules and delivers it, through a bounded
journal on the host's disk. Data goes to standard output, talk to standard error.

Exit codes: 0 ok, 1 failure, 2 usage, 4 a check found something wrong, 69 an
output cannot be reached, 75 events are left in the journal, 77 no permission,
78 the configuration is not valid.`,
		Version:       versionLine(),
		SilenceErrors: true, SilenceUsage: true,
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetHelpFunc(showHelp)
	f := root.PersistentFlags()
	f.StringP("config", "c", config.DefaultPath, "the configuration `FILE`; also TALLYMAN_CONFIG")
	f.String("log-level", "", "the least important line of tallyman's own log: debug, info, warn or error")
	f.String("log-format", "", "the form of tallyman's own log: text or json")
	f.Bool("no-color", false, "no colours; also NO_COLOR")
	root.AddCommand(newRun(s), newStatus(s), newTop(s), newTap(s), newReload(s), newDrain(s), newValidate(s), newExplain(s), newTest(s), newLedger(s), newJournal(s), newDeadletter(s), newQuery(s), newRules(s), newBaseline(s), newAuditRules(s), newReference(s), newVerify(s), newReport(s), newDoctor(s), newEval(s), newInit(s), newMan(s), newSupportBundle(s), newVersion(s))
	for _, cmd := range root.Commands() {
		group(cmd)
	}
	return root
}

// group has a verb of verbs, and those in it, show its help, and refuse what is none of
// them: by itself cobra shows the help for that too, and says that all went well.
func group(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		group(sub)
	}
	if cmd.HasSubCommands() && !cmd.Runnable() {
		cmd.SuggestionsMinimumDistance = 2
		cmd.Args, cmd.RunE = noArgs, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
}

// load reads the configuration and builds its plugins. Problems are printed with
// their lines; the error then only carries the exit code.
func load(cmd *cobra.Command, s streams, around engine.Surroundings) (*engine.Pipeline, error) {
	return loadTelling(cmd, s, s.err, around)
}

// loadTelling is load that prints problems elsewhere.
func loadTelling(cmd *cobra.Command, s streams, tell io.Writer, around engine.Surroundings) (*engine.Pipeline, error) {
	path, over, err := config.Find(cmd.Flags())
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	cfg, found := config.LoadPart(path, config.Options{Plugins: plugins(), LookupEnv: os.LookupEnv, Override: over})
	var p *engine.Pipeline
	if cfg != nil {
		if around.Log == nil {
			around.Log = newLog(s.err, cfg.Log)
		}
		var more plugin.Problems
		p, more = engine.Build(cfg, around)
		if p != nil && found.Bad() {
			p.Close() // it is but a part of what was asked for
			p = nil
		}
		found = config.Tidy(append(found, more...))
	}
	config.Print(tell, found, colour(cmd, tell))
	if p != nil {
		return p, nil
	}
	if f, err := os.Open(path); err == nil {
		return nil, &exit{exitConfig, f.Close()}
	} else if os.IsPermission(err) {
		return nil, &exit{exitPermission, nil}
	}
	return nil, &exit{exitConfig, nil}
}

// surroundings are those of this process.
func surroundings(meters *meter.Registry) engine.Surroundings {
	return engine.Surroundings{Version: version(), Meter: meters, Now: time.Now, Host: engine.HostFields("")}
}

// looking are those of a command that runs nothing.
func looking() engine.Surroundings {
	around := surroundings(&meter.Registry{})
	around.Still = true
	return around
}

func newLog(w io.Writer, c config.Log) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo // the configuration allows only the known words
	}
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// colour says whether w is a terminal that wants colours.
func colour(cmd *cobra.Command, w io.Writer) bool {
	if off, err := cmd.Flags().GetBool("no-color"); err != nil || off || os.Getenv("NO_COLOR") != "" {
		return false
	}
	return terminal(w)
}

// terminal reports whether w is a character device.
func terminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

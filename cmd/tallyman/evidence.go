package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tallyman/cmd/tallyman/report"
	"tallyman/outputs/s3"
	"tallyman/pipeline/config"
	"tallyman/pipeline/plugin"
	"tallyman/transforms/rules"
)

// evidence is what the flags of report say.
type evidence struct {
	pack, from, to, input, out string
	gap                        string
	rules                      []string
	archive                    s3.Settings
	ca                         string
}

func newReport(s streams) *cobra.Command {
	v := evidence{archive: s3.Default()}
	cmd := &cobra.Command{
		Use: "report", Short: "Make a report of evidence for PCI DSS, CIS Docker or NIST SP 800-190",
		Long: `report reads the events of a period and writes, to a folder:

  report.html   one page that needs nothing else, for the screen and for paper
  report.pdf    the same for the file
  report.json   the same for programs
  figures.csv   every figure
  events.csv    every event that a figure counts, with the figures

It tells who used privileged access in which container, access that was granted and
refused, changes of audit and time configuration, images and where they are from, what
the rules matched for each control, who was given what, what is known to be lost, when
there are no events, and whether the books show that the record is complete. Each figure
names the events behind it; ` + "`tallyman query 'event.id in [...]'`" + ` shows them.

--input is journal, s3://BUCKET/PREFIX of what the output s3 wrote as JSON, or a file of
events as JSON lines, also compressed by gzip or zstd. Objects of an archive are
verified while they are read. The same events give the same bytes.

It is evidence, not a statement of compliance. The exit code is 0 also when there are
gaps, and 4 when a part of the input could not be read or is not what was written.`,
		Example: "  tallyman report --pack pci-dss --from 2026-11-01T00:00:00Z --to 2026-12-01T00:00:00Z\n" +
			"  tallyman report --pack cis-docker --from 7d --to 0s --input events.json.gz --out evidence\n" +
			"  tallyman report --pack nist-800-190 --from 2026-11-01T00:00:00Z --to 2026-12-01T00:00:00Z --input s3://audit-archive/audit",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return v.run(cmd, s) },
	}
	journalDir(cmd.Flags().String)
	f := cmd.Flags()
	f.StringVar(&v.pack, "pack", "", "the standard: "+strings.Join(packNames(), ", "))
	f.StringVar(&v.from, "from", "", "the first `TIME` of the period: 30d (before now) or 2026-11-01T00:00:00Z")
	f.StringVar(&v.to, "to", "", "the `TIME` that ends the period")
	f.StringVarP(&v.input, "input", "i", "journal", "journal, s3://BUCKET/PREFIX or a `FILE` of JSON lines")
	f.StringVarP(&v.out, "out", "o", "tallyman-report", "the `FOLDER` to write to; no file in it is overwritten")
	f.StringVar(&v.gap, "gap", "1h", "how long there may be no event before that is called a gap")
	f.StringSliceVar(&v.rules, "rules", nil, "`FILES` of the rules that were in force (patterns too), in place of the configuration's")
	archiveFlags(f, &v.archive, &v.ca)
	return cmd
}

func packNames() (names []string) {
	for _, p := range report.Packs() {
		names = append(names, p.Name)
	}
	return names
}

// options reads the flags.
func (v *evidence) options(now time.Time) (o report.Options, err error) {
	usage := func(format string, args ...any) (report.Options, error) {
		return o, &exit{exitUsage, fmt.Errorf(format, args...)}
	}
	i := slices.IndexFunc(report.Packs(), func(p report.Pack) bool { return p.Name == v.pack })
	if i < 0 {
		return usage("--pack %q is none of %s", v.pack, strings.Join(packNames(), ", "))
	}
	if v.from == "" || v.to == "" {
		return usage("a report is of a period: say --from and --to")
	}
	o.Pack = report.Packs()[i]
	if o.From, err = when("--from", v.from, now); err != nil {
		return o, err
	}
	if o.To, err = when("--to", v.to, now); err != nil {
		return o, err
	}
	o.From, o.To = o.From.Truncate(time.Second).UTC(), o.To.Truncate(time.Second).UTC()
	if !o.From.Before(o.To) {
		return usage("the period ends before it begins: --from is %s, --to is %s", o.From.Format(time.RFC3339), o.To.Format(time.RFC3339))
	}
	if o.Gap, err = config.ParseDuration(v.gap); err != nil || o.Gap < time.Minute {
		return usage("--gap %q is no time of a minute or more", v.gap)
	}
	o.Query = "tallyman query"
	return o, nil
}

// inForce returns the rules of the files that are named, else of the configuration,
// else those that are shipped, with the controls of a pack.
func (v *evidence) inForce(cmd *cobra.Command, s streams) ([]report.Rule, error) {
	c, dir := rules.Default(), "."
	switch cfg := v.configured(cmd); {
	case len(v.rules) > 0:
		for _, f := range v.rules {
			c.Files = append(c.Files, plugin.Text{Value: f, Pos: plugin.Pos{File: "--rules"}})
		}
	case cfg != nil:
		for _, t := range cfg.Transforms {
			if own, ok := t.Settings.(*rules.Settings); ok {
				c, dir = *own, cfg.Dir
			}
		}
	default:
		book, err := shippedBook()
		if err != nil {
			return nil, err
		}
		return v.ofPack(cmd, s, book, nil)
	}
	if len(c.Files) == 0 {
		return nil, nil
	}
	book, problems := rules.Read(&c, dir)
	return v.ofPack(cmd, s, book, problems)
}

// ofPack returns the rules that are on and name a control of the pack.
func (v *evidence) ofPack(cmd *cobra.Command, s streams, book *rules.Book, problems plugin.Problems) ([]report.Rule, error) {
	if book == nil {
		config.Print(s.err, config.Tidy(problems), colour(cmd, s.err))
		return nil, &exit{exitConfig, nil}
	}
	var list []report.Rule
	for _, r := range book.Rules() {
		controls := map[string][]string{"pci-dss": r.PCI, "cis-docker": r.CIS, "nist-800-190": r.NIST}[v.pack]
		if r.Enabled && len(controls) > 0 {
			list = append(list, report.Rule{ID: r.ID, Title: r.Title, Severity: r.Severity, Controls: controls})
		}
	}
	return list, nil
}

// configured returns the configuration, nil where there is none that is valid.
func (v *evidence) configured(cmd *cobra.Command) *config.Config {
	path, over, err := config.Find(cmd.Flags())
	if err != nil {
		return nil
	}
	cfg, _ := config.Load(path, config.Options{Plugins: plugins(), LookupEnv: os.LookupEnv, Override: over})
	return cfg
}

// run makes the report.
func (v *evidence) run(cmd *cobra.Command, s streams) (err error) {
	o, err := v.options(time.Now())
	if err != nil {
		return err
	}
	if o.Rules, err = v.inForce(cmd, s); err != nil {
		return err
	}
	src, err := v.source(cmd, s)
	if err != nil {
		return err
	}
	o.Input = src.name
	files, err := newFiles(v.out)
	if err != nil {
		return failed(err)
	}
	defer func() { err = errors.Join(err, failed(files.abandon())) }()
	r, complete, err := v.gather(cmd.Context(), o, src, files)
	if err != nil {
		return err
	}
	if err := files.render(r); err != nil {
		return failed(fmt.Errorf("write the report to %s: %w", v.out, err))
	}
	_, _ = fmt.Fprintf(s.err, "%s, %s, %s; written to %s\n", many(r.Within, "event"), many(uint64(len(r.Gaps)), "gap"), many(r.Cited, "cited event"), inertString(v.out))
	return complete
}

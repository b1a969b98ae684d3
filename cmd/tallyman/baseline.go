package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/control"
	"tallyman/transforms/rules"
)

func newBaseline(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use: "baseline", Short: "Look at what rules have learned of each image; approve it, or move it to another host",
		Long: `baseline works on what the rules that keep a baseline have learned: which programs,
ports, destinations, users and mounts belong to an image, and what its memory,
processes, lifetime, program starts and outbound bytes are between. A baseline is
learned, then reviewed (list), then approved; from then on everything else makes an
alert until it is approved as well. What is approved holds at once and over a kill.

It asks the running process or, where none runs, works on what the last one saved.`,
	}
	cmd.PersistentFlags().String("journal-dir", "", "the `FOLDER` of the journal")
	cmd.AddCommand(newBaselineList(s), newBaselineExport(s), newBaselineImport(s),
		newBaselineChange(s, "approve", "Approve what was learned: what else comes is an alert",
			"approve makes baselines enforce what they hold. Where values are named, only they are\napproved; with --kind or --rule also values that were not seen yet.\n\nA band stops learning when it is approved. With --kind or --rule its limits can be\ngiven in place of those it learned: 100..200, or ..200 where only too much is told.",
			"  tallyman baseline approve --image registry.corp.example/shop/api\n  tallyman baseline approve --image shop/api --kind exe /usr/bin/curl\n  tallyman baseline approve --image shop/api --kind memory ..536870912", true),
		newBaselineChange(s, "learn", "Let baselines learn again, until they are approved",
			"learn keeps what baselines hold, and adds what comes without an alert until they are\napproved: for the time of a new release, say.",
			"  tallyman baseline learn --image shop/api", false),
		newBaselineChange(s, "forget", "Take values out of baselines, or begin baselines anew",
			"forget takes the values that are named out of baselines. Where none is named, whole\nbaselines are taken out and begin anew with the next event.",
			"  tallyman baseline forget --image shop/api --kind port 4444\n  tallyman baseline forget --image shop/old", true))
	return cmd
}

// selecting adds the flags that say which baselines are meant.
func selecting(cmd *cobra.Command, c *rules.BaselineChange) {
	f := cmd.Flags()
	f.StringVar(&c.By, "image", "", "only of this `IMAGE`, as list shows it: a name, or a digest where the rule keeps them by digest")
	f.StringVar(&c.Kind, "kind", "", "only of this `KIND`: exe, port, egress, user, mount, memory, pids, lifetime, exec-rate, egress-bytes or a word of your own rules")
	f.StringVar(&c.Rule, "rule", "", "only of the rule of this `ID`")
}

func newBaselineList(s streams) *cobra.Command {
	c := rules.BaselineChange{Verb: "list"}
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "Show baselines for a review", Args: noArgs,
		Long: `list shows baselines. A value with + is approved; one with ? was seen, and nobody has
approved it. timed: learning for the time that the rule says, then a new value is told
once; learning: until it is approved; enforcing: approved. Of a number the limits of
what is usual are shown, the mean and the deviation, and from how many it was learned.`,
		Example: "  tallyman baseline list\n  tallyman baseline list --image shop/api --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := baselines(cmd, s, &c)
			switch {
			case err != nil:
				return err
			case asJSON:
				return failed(printJSON(s.out, r.Baselines))
			}
			return failed(showBaselines(s.out, r))
		},
	}
	selecting(cmd, &c)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func showBaselines(w io.Writer, r *rules.BaselineReport) error {
	var b strings.Builder
	for _, one := range r.Baselines.Baselines {
		fmt.Fprintf(&b, "%s  %s of %s  %s since %s\n", one.Rule, one.Kind, inertString(strings.Join(one.By, ", ")), one.Mode, one.Since.Format(time.RFC3339))
		if one.Band != nil {
			fmt.Fprintf(&b, "  %s\n", bandLine(one.Band))
		}
		for _, v := range one.Approved {
			fmt.Fprintf(&b, "  + %s\n", inertString(v))
		}
		for _, v := range one.Learned {
			fmt.Fprintf(&b, "  ? %s\n", inertString(v))
		}
	}
	fmt.Fprintf(&b, "%s of %s\n", many(uint64(r.Profiles), "baseline"), many(uint64(r.Rules), "rule"))
	_, err := io.WriteString(w, b.String())
	return err
}

// bandLine is a band on one line.
func bandLine(b *rules.Band) string {
	usual := "at most " + bandNumber(b.High)
	if b.Low != nil {
		usual = bandNumber(*b.Low) + " to " + bandNumber(b.High)
	}
	switch {
	case b.Fixed:
		usual += ", given by a person"
	case b.Learned == 0:
		return "nothing learned yet"
	}
	return fmt.Sprintf("%s; mean %s, deviation %s, learned from %d", usual, bandNumber(b.Mean), bandNumber(b.Deviation), b.Learned)
}

// bandNumber is a number of a band in few digits, of which none is an exponent.
func bandNumber(x float64) string {
	digits := 2
	if math.Abs(x) >= 1000 {
		digits = 0
	}
	return strings.TrimSuffix(strconv.FormatFloat(x, 'f', digits, 64), ".00")
}

func newBaselineExport(s streams) *cobra.Command {
	c := rules.BaselineChange{Verb: "list"}
	cmd := &cobra.Command{
		Use: "export", Short: "Print baselines as YAML, to be reviewed, kept or imported on another host", Args: noArgs,
		Example: "  tallyman baseline export --image shop/api > shop-api.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := baselines(cmd, s, &c)
			if err != nil {
				return err
			}
			enc := yaml.NewEncoder(s.out)
			enc.SetIndent(2)
			return failed(errors.Join(enc.Encode(r.Baselines), enc.Close()))
		},
	}
	selecting(cmd, &c)
	return cmd
}

// maxBaselineFile bounds what is imported; the running process takes a little less
// at once.
const maxBaselineFile = 16 << 20

func newBaselineImport(s streams) *cobra.Command {
	return &cobra.Command{
		Use: "import FILE", Short: "Add baselines that another host exported", Args: cobra.ExactArgs(1),
		Long: `import adds what export printed; - is the standard input. Where a baseline is known here
as well, its mode becomes that of the file, its values are those of both, and one is
approved where either has approved it. Nothing is taken of a file that is not valid.`,
		Example: "  tallyman baseline import shop-api.yaml\n  ssh node1 tallyman baseline export | tallyman baseline import -",
		RunE: func(cmd *cobra.Command, args []string) error {
			c := rules.BaselineChange{Verb: "import"}
			if err := readBaselines(cmd, args[0], &c.Import); err != nil {
				return err
			}
			r, err := baselines(cmd, s, &c)
			if err != nil {
				return err
			}
			return told(s, control.Answer{Code: leftCode(r), Text: fmt.Sprintf("%s taken in, %s new\n", many(uint64(r.Profiles), "baseline"), many(uint64(r.Values), "value")) +
				strings.Join(append(r.Left, ""), "\n")})
		},
	}
}

// leftCode says by the exit code that not all was taken in.
func leftCode(r *rules.BaselineReport) int {
	if len(r.Left) > 0 {
		return exitFailure
	}
	return exitOK
}

func readBaselines(cmd *cobra.Command, name string, to *rules.Baselines) (err error) {
	in := cmd.InOrStdin()
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return failed(err)
		}
		defer func() { _ = f.Close() }() // it was only read
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxBaselineFile+1))
	if err == nil && len(b) > maxBaselineFile {
		err = fmt.Errorf("it is longer than %d bytes; export fewer at once, with --image or --kind", maxBaselineFile)
	}
	if err == nil {
		dec := yaml.NewDecoder(bytes.NewReader(b))
		dec.KnownFields(true)
		err = dec.Decode(to)
	}
	if err != nil {
		return failed(fmt.Errorf("baselines of %s: %w", name, err))
	}
	return nil
}

func newBaselineChange(s streams, verb, short, long, example string, values bool) *cobra.Command {
	c := rules.BaselineChange{Verb: verb}
	var all bool
	cmd := &cobra.Command{
		Use: verb, Short: short, Long: long + "\n\nName baselines with --image, --kind or --rule, or all of them with --all.",
		Args: noArgs, Example: example,
		RunE: func(cmd *cobra.Command, args []string) error {
			if c.Values = args; all == (c.By+c.Kind+c.Rule != "") {
				return &exit{exitUsage, errors.New("say which baselines are meant, with --image, --kind or --rule, or all of them with --all")}
			}
			r, err := baselines(cmd, s, &c)
			if err != nil {
				return err
			}
			if r.Profiles == 0 {
				return &exit{exitFailure, errors.New("there is no such baseline or value; `tallyman baseline list` shows those there are")}
			}
			done := map[string]string{"approve": "approved", "learn": "learning", "forget": "forgotten"}[verb]
			text := fmt.Sprintf("%s: %s", done, many(uint64(r.Profiles), "baseline"))
			if values {
				text += ", " + many(uint64(r.Values), "value")
			}
			return told(s, control.Answer{Text: text + "\n"})
		},
	}
	if values {
		cmd.Use, cmd.Args = verb+" [VALUE...]", cobra.ArbitraryArgs
	}
	selecting(cmd, &c)
	cmd.Flags().BoolVar(&all, "all", false, "all baselines")
	return cmd
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tallyman/pipeline/config"
	"tallyman/pipeline/plugin"
	"tallyman/transforms/rules"
)

func newRules(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use: "rules", Short: "Look at rules, check and test them, see what they cover, and try them on the past",
		Long: `rules works on the rules of the configuration, or on those of the files that are
named: then lists and inventories are those of these files alone.`,
	}
	cmd.PersistentFlags().StringSliceP("file", "f", nil, "take the rules of these `FILES` (patterns too), in this order, and not those of the configuration")
	cmd.AddCommand(newRulesList(s), newRulesExplain(s), newRulesLint(s), newRulesTest(s), newRulesCoverage(s), newRulesBacktest(s), newRulesImport(s))
	return cmd
}

// ruleSettings returns the settings of the rules that a verb is about, and the
// folder where their relative paths start.
func ruleSettings(cmd *cobra.Command, s streams) (*rules.Settings, string, error) {
	files, err := cmd.Flags().GetStringSlice("file")
	if err != nil {
		return nil, "", &exit{exitUsage, err}
	}
	if len(files) > 0 {
		c := rules.Default()
		for _, f := range files {
			c.Files = append(c.Files, plugin.Text{Value: f, Pos: plugin.Pos{File: "--file"}})
		}
		return &c, ".", nil
	}
	path, over, err := config.Find(cmd.Flags())
	if err != nil {
		return nil, "", &exit{exitUsage, err}
	}
	cfg, problems := config.Load(path, config.Options{Plugins: plugins(), LookupEnv: os.LookupEnv, Override: over})
	if cfg == nil {
		config.Print(s.err, problems, colour(cmd, s.err))
		return nil, "", &exit{exitConfig, nil}
	}
	var found []*rules.Settings
	for _, t := range cfg.Transforms {
		if c, ok := t.Settings.(*rules.Settings); ok {
			found = append(found, c)
		}
	}
	switch len(found) {
	case 1:
		return found[0], cfg.Dir, nil
	case 0:
		return nil, "", &exit{exitUsage, fmt.Errorf("%s has no transform of type rules; name the files of rules with --file", path)}
	}
	return nil, "", &exit{exitUsage, fmt.Errorf("%s has %d transforms of type rules; name the files of the one that is meant with --file", path, len(found))}
}

// ruleBook reads the rules that a verb is about. Problems are printed.
func ruleBook(cmd *cobra.Command, s streams) (*rules.Book, plugin.Problems, error) {
	c, dir, err := ruleSettings(cmd, s)
	if err != nil {
		return nil, nil, err
	}
	book, problems := rules.Read(c, dir)
	if book == nil {
		config.Print(s.err, config.Tidy(problems), colour(cmd, s.err))
		return nil, problems, &exit{exitConfig, nil}
	}
	return book, problems, nil
}

func newRulesList(s streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the rules", Args: noArgs,
		Example: "  tallyman rules list\n  tallyman rules list --file 'rules/*.yaml' --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			book, _, err := ruleBook(cmd, s)
			if err != nil {
				return err
			}
			list := book.Rules()
			if asJSON {
				return failed(printJSON(s.out, list))
			}
			rows := [][]string{{"ID", "SEVERITY", "", "PACK", "TITLE"}}
			on := 0
			for i := range list {
				state := "off"
				if list[i].Enabled {
					state, on = "on", on+1
				}
				rows = append(rows, []string{list[i].ID, list[i].Severity, state, list[i].Pack, inertString(list[i].Title)})
			}
			_, err = fmt.Fprintf(s.out, "%s\n%s, %d of them on\n", table(0, rows), many(uint64(len(list)), "rule"), on)
			return failed(err)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print everything about each rule, as JSON")
	return cmd
}

// printJSON prints one value, indented.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func newRulesExplain(s streams) *cobra.Command {
	return &cobra.Command{
		Use: "explain ID", Short: "Show all that there is to know of one rule", Args: cobra.ExactArgs(1),
		Long: `explain shows what a rule looks at, what has to hold, what it remembers, which
controls it serves and which audit keys feed it. What a rule says to a record,
` + "`tallyman explain`" + ` shows.`,
		Example: "  tallyman rules explain TM-CT-001",
		RunE: func(cmd *cobra.Command, args []string) error {
			book, _, err := ruleBook(cmd, s)
			if err != nil {
				return err
			}
			list := book.Rules()
			i := slices.IndexFunc(list, func(in rules.Info) bool { return in.ID == args[0] })
			if i < 0 {
				hint := book.Suggest(args[0])
				if hint == "" {
					hint = "`tallyman rules list` shows those there are"
				}
				return &exit{exitUsage, fmt.Errorf("there is no rule %s (%s)", inertString(args[0]), hint)}
			}
			return failed(explainRule(s.out, book, &list[i]))
		},
	}
}

// explainRule prints one rule.
func explainRule(w io.Writer, book *rules.Book, in *rules.Info) error {
	var b strings.Builder
	state := "on"
	if !in.Enabled {
		state = "off"
	}
	fmt.Fprintf(&b, "%s  %s\n%s, %s, pack %s, at %s\n\n%s\n", in.ID, in.Title, in.Severity, state, in.Pack, in.Place, in.Description)
	part := func(name string, list []string) {
		if len(list) > 0 {
			fmt.Fprintf(&b, "\n%-12s %s\n", name, strings.Join(list, "\n"+strings.Repeat(" ", 13)))
		}
	}
	part("events of", in.Sources)
	part("actions", in.Actions)
	var terms []string
	for _, t := range book.Terms(in.ID) {
		terms = append(terms, t.Text)
	}
	part("when all of", terms)
	part("and state", in.State)
	for _, e := range in.Exceptions {
		until := "for good"
		if !e.Expires.IsZero() {
			until = "until " + e.Expires.AddDate(0, 0, -1).Format(time.DateOnly)
		}
		part("but not when", []string{e.Condition, fmt.Sprintf("%s, %s: %s", e.Name, until, e.Reason)})
	}
	part("ATT&CK", in.Techniques)
	part("PCI DSS", in.PCI)
	part("PCI guide", in.PCIC)
	part("CIS Docker", in.CIS)
	part("NIST 800-190", in.NIST)
	part("audit keys", in.AuditKeys)
	fmt.Fprintf(&b, "\n%s: %d to match, %d not to\n", many(uint64(in.Matching+in.Passing), "sample"), in.Matching, in.Passing)
	_, err := io.WriteString(w, inertLines(b.String()))
	return err
}

// inertLines is inertString for a text of several lines.
func inertLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = inertString(lines[i])
	}
	return strings.Join(lines, "\n")
}

func newRulesLint(s streams) *cobra.Command {
	return &cobra.Command{
		Use: "lint", Short: "Check rules, and say what is worth mending in them", Args: noArgs,
		Long: `lint reads and compiles the rules and prints every problem with its place; of rules
that work it says what is worth mending: samples that are missing, exceptions that
have expired. It ends with 78 when rules are not valid, and with 4 after a warning.`,
		Example: "  tallyman rules lint --file 'rules/*.yaml'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			book, problems, err := ruleBook(cmd, s)
			if err != nil {
				return err
			}
			problems = append(problems, book.Lint(time.Now())...)
			config.Print(s.err, problems, colour(cmd, s.err))
			if len(problems) > 0 {
				return &exit{exitCheck, nil}
			}
			_, err = fmt.Fprintf(s.out, "%s, and nothing to mend\n", many(uint64(len(book.Rules())), "rule"))
			return failed(err)
		},
	}
}

func newRulesTest(s streams) *cobra.Command {
	return &cobra.Command{
		Use: "test", Short: "Judge the samples that stand beside the rules", Args: noArgs,
		Long: `test judges the samples of each rule by its condition and exceptions; what a rule
remembers plays no part. It ends with 4 when one is judged otherwise than it says.
Whole pipelines, from raw lines to alerts, ` + "`tallyman test`" + ` tries.`,
		Example: "  tallyman rules test --file 'rules/*.yaml'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			book, _, err := ruleBook(cmd, s)
			if err != nil {
				return err
			}
			n, problems := book.Samples()
			config.Print(s.err, config.Tidy(problems), colour(cmd, s.err))
			if len(problems) > 0 {
				_, err := fmt.Fprintf(s.out, "%d of %s were judged otherwise than they say\n", len(problems), many(uint64(n), "sample"))
				return errors.Join(&exit{exitCheck, nil}, err)
			}
			_, err = fmt.Fprintf(s.out, "%s of %s: all as they say\n", many(uint64(n), "sample"), many(uint64(len(book.Rules())), "rule"))
			return failed(err)
		},
	}
}

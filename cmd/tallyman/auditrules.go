package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tallyman/configs"
	"tallyman/inputs/auditd"
	"tallyman/pipeline/config"
	"tallyman/pipeline/plugin"
	"tallyman/transforms/rules"
)

func newAuditRules(s streams) *cobra.Command {
	cmd := &cobra.Command{Use: "audit-rules", Short: "Print the kernel's audit rules that feed the packs, and compare them with what is loaded"}
	cmd.AddCommand(newAuditRulesPrint(s), newAuditRulesCheck(s))
	return cmd
}

func newAuditRulesPrint(s streams) *cobra.Command {
	return &cobra.Command{
		Use: "print", Short: "Print the audit rules that feed the packs", Args: noArgs,
		Long: `print writes the audit rules that the shipped packs of rules need, in the form of
auditctl(8), with comments.`,
		Example: "  tallyman audit-rules print > /etc/audit/rules.d/60-tallyman.rules && augenrules --load",
		RunE: func(*cobra.Command, []string) error {
			_, err := io.WriteString(s.out, configs.AuditRules)
			return failed(err)
		},
	}
}

// auditCheck is what the flags of check say.
type auditCheck struct {
	want, loaded string
	asJSON       bool
}

func newAuditRulesCheck(s streams) *cobra.Command {
	var c auditCheck
	cmd := &cobra.Command{
		Use: "check", Short: "Compare the audit rules that the kernel has with those that the rules need", Args: noArgs,
		Long: `check asks the kernel which audit rules are loaded and compares them with what the
rules that are on need: the audit keys that they name, and the audit rules that report
under these. It tells which rules see nothing, or not everything, and which lines to
load. The rules are those of the configuration, of --file, or where neither is there
those that are shipped. It ends with 4 when something is missing.

Asking the kernel takes root (CAP_AUDIT_CONTROL); --loaded compares a file instead,
such as the output of auditctl -l.`,
		Example: "  tallyman audit-rules check\n  auditctl -l | tallyman audit-rules check --loaded -",
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.run(cmd, s) },
	}
	f := cmd.Flags()
	f.StringSliceP("file", "f", nil, "take the rules of these `FILES` (patterns too), and not those of the configuration")
	f.StringVar(&c.want, "want", "", "the `FILE` of audit rules that should be loaded; those that are shipped where none is named")
	f.StringVar(&c.loaded, "loaded", "", "compare this `FILE` of rules and not the kernel's; - is standard input")
	f.BoolVar(&c.asJSON, "json", false, "print JSON")
	return cmd
}

func (c *auditCheck) run(cmd *cobra.Command, s streams) error {
	book, err := c.book(cmd, s)
	if err != nil {
		return err
	}
	want, err := auditd.ReadRules(strings.NewReader(configs.AuditRules))
	if c.want != "" {
		want, err = readAuditRules(s, c.want)
	}
	if err != nil {
		return failed(err)
	}
	var loaded []auditd.Rule
	if c.loaded != "" {
		loaded, err = readAuditRules(s, c.loaded)
	} else if loaded, err = auditd.LoadedRules(); errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w; run as root, or give what `auditctl -l` prints to --loaded", err)
	}
	if err != nil {
		return failed(err)
	}
	list := compareAudit(book.Rules(), want, loaded)
	if c.asJSON {
		err = printJSON(s.out, list)
	} else {
		err = printAudit(s.out, list, len(loaded))
	}
	if err == nil && slices.ContainsFunc(list, func(k auditKey) bool { return k.missing() }) {
		return &exit{exitCheck, nil}
	}
	return failed(err)
}

// book returns the rules that are on: those that are shipped where nothing says others.
func (c *auditCheck) book(cmd *cobra.Command, s streams) (*rules.Book, error) {
	path, _, err := config.Find(cmd.Flags())
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && !cmd.Flags().Changed("config") && !cmd.Flags().Changed("file") {
		return shippedBook()
	}
	book, _, err := ruleBook(cmd, s)
	return book, err
}

// shippedBook reads the packs that are inside the program.
func shippedBook() (*rules.Book, error) {
	files, err := fs.Glob(configs.Rules, "rules/*.yaml")
	if err != nil {
		return nil, failed(err)
	}
	c := rules.Default()
	for _, f := range files {
		c.Files = append(c.Files, plugin.Text{Value: f})
	}
	book, problems := rules.ReadFrom(configs.Rules, &c)
	if book == nil {
		return nil, failed(problems)
	}
	return book, nil
}

func readAuditRules(s streams, path string) ([]auditd.Rule, error) {
	in := s.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // nothing was written
		in = f
	}
	list, err := auditd.ReadRules(in)
	if err != nil {
		return nil, fmt.Errorf("the audit rules of %s: %w", path, err)
	}
	return list, nil
}

// auditKey is one key that rules need. Its JSON is what check prints.
type auditKey struct {
	Key     string   `json:"key"`
	Rules   []string `json:"rules"`              // that need it
	Wanted  int      `json:"wanted"`             // audit rules that report under it
	Loaded  int      `json:"loaded"`             // of these
	Others  int      `json:"others"`             // loaded under this key, and not of those wanted
	Missing []string `json:"missing,omitempty"`  // the lines to load
	Unknown bool     `json:"no_rule,omitempty"`  // no audit rule that should be loaded reports it
	Blind   bool     `json:"is_blind,omitempty"` // nothing that is loaded reports it
}

func (k *auditKey) missing() bool { return k.Blind || len(k.Missing) > 0 }

// compareAudit compares, key by key, what rules need with what is loaded.
func compareAudit(list []rules.Info, want, loaded []auditd.Rule) []auditKey {
	var out []auditKey
	for _, c := range coverage(list, func(in *rules.Info) []string { return in.AuditKeys }) {
		if len(c.On) == 0 {
			continue
		}
		k := auditKey{Key: c.Control, Rules: c.On}
		reports := func(r *auditd.Rule) bool { return slices.Contains(strings.Fields(r.Key), k.Key) }
		for i := range want {
			if !reports(&want[i]) {
				continue
			}
			k.Wanted++
			if slices.ContainsFunc(loaded, func(r auditd.Rule) bool { return r.Same(&want[i]) }) {
				k.Loaded++
			} else {
				k.Missing = append(k.Missing, want[i].Text)
			}
		}
		for i := range loaded {
			if reports(&loaded[i]) {
				k.Others++
			}
		}
		k.Others -= k.Loaded
		k.Unknown, k.Blind = k.Wanted == 0, k.Loaded+k.Others == 0
		out = append(out, k)
	}
	return out
}

func printAudit(w io.Writer, list []auditKey, loaded int) error {
	rows := [][]string{{"AUDIT KEY", "LOADED", "VERDICT", "NEEDED BY"}}
	var missing []string
	for i := range list {
		k := &list[i]
		verdict := "ok"
		switch {
		case k.Blind && k.Unknown:
			verdict = "BLIND: no audit rule reports it"
		case k.Blind:
			verdict = "BLIND"
		case len(k.Missing) > 0 && k.Others > 0:
			verdict = fmt.Sprintf("other rules: %d", k.Others)
		case len(k.Missing) > 0:
			verdict = "in part"
		}
		rows = append(rows, []string{k.Key, fmt.Sprintf("%d of %d", k.Loaded, k.Wanted), verdict, strings.Join(k.Rules, " ")})
		missing = append(missing, k.Missing...)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s loaded", table(0, rows), many(uint64(loaded), "audit rule"))
	if len(missing) == 0 {
		b.WriteString(", and nothing that the rules need is missing\n")
	} else {
		fmt.Fprintf(&b, "; missing are:\n\n%s\n\n`tallyman audit-rules print` has them with comments.\n", strings.Join(missing, "\n"))
	}
	_, err := io.WriteString(w, inertLines(b.String()))
	return err
}

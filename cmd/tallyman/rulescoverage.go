package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tallyman/transforms/rules"
)

// matrices are what rules say that they serve, by the word of --matrix.
var matrices = []struct {
	name, title string
	of          func(*rules.Info) []string
}{
	{"attack", "MITRE ATT&CK technique", func(in *rules.Info) []string { return in.Techniques }},
	{"pci", "PCI DSS 4.0 requirement", func(in *rules.Info) []string { return in.PCI }},
	{"pci-containers", "PCI container guidance, section", func(in *rules.Info) []string { return in.PCIC }},
	{"cis", "CIS Docker recommendation", func(in *rules.Info) []string { return in.CIS }},
	{"nist", "NIST SP 800-190 risk", func(in *rules.Info) []string { return in.NIST }},
	{"keys", "audit key", func(in *rules.Info) []string { return in.AuditKeys }},
}

// covered is one control and the rules that serve it.
type covered struct {
	Control string   `json:"control"`
	On      []string `json:"rules"`
	Off     []string `json:"rules_off,omitempty"`
	Keys    []string `json:"audit_keys,omitempty"` // that have to be loaded for the rules that are on
}

func newRulesCoverage(s streams) *cobra.Command {
	var matrix string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "coverage", Short: "Show which technique and which control is served by which rule", Args: noArgs,
		Long: `coverage lists what the rules say that they serve: ATT&CK techniques, PCI DSS, CIS
Docker and NIST SP 800-190, and the audit keys, each with the rules that are on, those
that are off, and the keys that the kernel has to report. It says nothing of what no
rule names, and it is no statement of compliance.`,
		Example: "  tallyman rules coverage\n  tallyman rules coverage --matrix attack --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			names := []string{}
			for _, m := range matrices {
				names = append(names, m.name)
			}
			if matrix != "" && !slices.Contains(names, matrix) {
				return &exit{exitUsage, fmt.Errorf("--matrix %q is none of %s", matrix, strings.Join(names, ", "))}
			}
			book, _, err := ruleBook(cmd, s)
			if err != nil {
				return err
			}
			list, out := book.Rules(), map[string][]covered{}
			for _, m := range matrices {
				if matrix != "" && matrix != m.name {
					continue
				}
				out[m.name] = coverage(list, m.of)
				if asJSON {
					continue
				}
				if err := printCoverage(s.out, m.title, out[m.name]); err != nil {
					return failed(err)
				}
			}
			if asJSON {
				return failed(printJSON(s.out, out))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&matrix, "matrix", "", "only one of attack, pci, pci-containers, cis, nist, keys")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// coverage orders rules by what they serve.
func coverage(list []rules.Info, of func(*rules.Info) []string) []covered {
	by := map[string]*covered{}
	for i := range list {
		for _, c := range of(&list[i]) {
			if by[c] == nil {
				by[c] = &covered{Control: c, On: []string{}}
			}
			if !list[i].Enabled {
				by[c].Off = append(by[c].Off, list[i].ID)
				continue
			}
			by[c].On = append(by[c].On, list[i].ID)
			for _, k := range list[i].AuditKeys {
				if !slices.Contains(by[c].Keys, k) {
					by[c].Keys = append(by[c].Keys, k)
				}
			}
		}
	}
	out := make([]covered, 0, len(by))
	for _, c := range by {
		slices.Sort(c.Keys)
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b covered) int { return natural(a.Control, b.Control) })
	return out
}

// natural compares texts so that 5.9 comes before 5.10.
func natural(a, b string) int {
	digit := func(c byte) bool { return '0' <= c && c <= '9' }
	for len(a) > 0 && len(b) > 0 {
		if digit(a[0]) && digit(b[0]) {
			i, j := 0, 0
			for i < len(a) && digit(a[i]) {
				i++
			}
			for j < len(b) && digit(b[j]) {
				j++
			}
			if i != j {
				return i - j
			}
			if c := strings.Compare(a[:i], b[:j]); c != 0 {
				return c
			}
			a, b = a[i:], b[j:]
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

func printCoverage(w io.Writer, title string, list []covered) error {
	rows := [][]string{{strings.ToUpper(title), "RULES", "OFF", "NEEDS AUDIT KEYS"}}
	for _, c := range list {
		rows = append(rows, []string{c.Control, strings.Join(c.On, " "), strings.Join(c.Off, " "), strings.Join(c.Keys, " ")})
	}
	_, err := fmt.Fprintf(w, "%s\n", inertLines(string(table(0, rows))))
	return err
}

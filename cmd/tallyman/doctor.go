package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"tallyman/transforms/container"
)

// area is a part of the host that doctor looks at; the list grows.
type area struct {
	name string
	run  func(cmd *cobra.Command) []container.Finding
}

func areas() []area {
	return []area{{"attribution", func(cmd *cobra.Command) []container.Finding {
		return append(container.Examine(container.ThisHost()), attributionNow(cmd)...)
	}}}
}

func newDoctor(s streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "doctor [AREA]", Short: "Say what is missing on this host, and what to do",
		Long: `doctor looks at this host: what there is for tallyman's work, what is missing and
what to do about it. Nothing is changed. The only area so far is attribution: what
decides how many events find their container, and how many of the last hour did in
the process that runs. The exit code is 4 where something is missing.`,
		Example:   "  tallyman doctor attribution\n  tallyman doctor --json",
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"attribution"},
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, a := range areas() {
				if len(args) > 0 && args[0] != a.name {
					continue
				}
				if err := showFindings(s.out, a.name, a.run(cmd), asJSON); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().String("journal-dir", "", "the `FOLDER` of the journal of the process that runs")
	return cmd
}

// showFindings prints what an area found. Something that is missing is an error
// that has been told.
func showFindings(w io.Writer, name string, found []container.Finding, asJSON bool) error {
	bad := false
	var b strings.Builder
	for _, f := range found {
		word := "ok"
		if !f.Good {
			word, bad = "MISSING", true
		}
		fmt.Fprintf(&b, "%-8s %s: %s\n", word, f.Name, visible(f.Text))
		if f.Hint != "" {
			fmt.Fprintf(&b, "         → %s\n", visible(f.Hint))
		}
	}
	text := b.String()
	if asJSON {
		line, err := json.Marshal(struct {
			Area   string              `json:"area"`
			Checks []container.Finding `json:"checks"`
		}{name, found})
		if err != nil {
			return failed(err)
		}
		text = string(line) + "\n"
	}
	if _, err := io.WriteString(w, text); err != nil {
		return failed(err)
	}
	if bad {
		return &exit{exitCheck, nil}
	}
	return nil
}

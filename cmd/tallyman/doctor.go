package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tallyman/transforms/container"
)

// area is a part of the host that doctor looks at; the list grows.
type area struct {
	name string
	run  func(d *checkup) []container.Finding
}

func areas() []area {
	return []area{
		{"attribution", func(d *checkup) []container.Finding {
			return append(container.Examine(container.ThisHost()), attributionNow(d.cmd)...)
		}},
		{"audit", (*checkup).audit},
		{"auditd", (*checkup).auditd},
		{"inputs", (*checkup).inputs},
		{"journal", (*checkup).journal},
		{"outputs", (*checkup).outputs},
		{"kubernetes", (*checkup).kubernetes},
		{"clock", (*checkup).clock},
	}
}

func newDoctor(s streams) *cobra.Command {
	var asJSON bool
	var names []string
	for _, a := range areas() {
		names = append(names, a.name)
	}
	cmd := &cobra.Command{
		Use: "doctor [AREA]...", Short: "Say what is missing on this host, and what to do",
		Long: `doctor looks at this host: what there is for tallyman's work, what is missing and
what to do about it. Nothing is changed; to measure the disk a file is written beside
the journal and removed, and to try outputs they are connected to. The areas are:

  attribution  what decides how many events find their container, and how many did
  audit        the kernel's audit: on, heard, lost records, and the rules that are loaded
  auditd       auditd.conf against the rate of its log: how long until a record is gone
  inputs       whether what the configuration reads may be read, and engines answer
  journal      the disk of the journal: room, and how fast it makes events durable
  outputs      whether destinations answer, as validate --probe tries them
  kubernetes   whether pods may be asked for, in a pod
  clock        whether the host's clock is synchronised

The exit code is 4 where something is missing.`,
		Example:   "  tallyman doctor\n  tallyman doctor audit journal\n  tallyman doctor --json",
		Args:      cobra.OnlyValidArgs,
		ValidArgs: names,
		RunE: func(cmd *cobra.Command, args []string) error {
			d := newCheckup(cmd, s)
			defer d.close()
			var bad error
			for _, a := range areas() {
				if len(args) > 0 && !slices.Contains(args, a.name) {
					continue
				}
				if !asJSON && len(args) != 1 {
					if _, err := fmt.Fprintf(s.out, "%s\n", a.name); err != nil {
						return failed(err)
					}
				}
				switch err := showFindings(s.out, a.name, a.run(d), asJSON); {
				case err == nil:
				case codeOf(err) == exitCheck:
					bad = err
				default:
					return err
				}
			}
			return bad
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON, one object a line for each area")
	cmd.Flags().String("journal-dir", "", "the `FOLDER` of the journal of the process that runs")
	return cmd
}

// within is the context of one question that something else answers.
func (d *checkup) within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(d.cmd.Context(), askWithin)
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

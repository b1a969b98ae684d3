package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"tallyman/cmd/tallyman/translate"
)

// mostTranslated bounds a configuration that is read.
const mostTranslated = 4 << 20

// translate writes what a configuration of another program says.
func (b *beginning) translate(cmd *cobra.Command, s streams) error {
	if err := b.free(); err != nil {
		return err
	}
	info, err := os.Stat(b.from)
	if err != nil {
		return failed(err)
	}
	if !info.Mode().IsRegular() || info.Size() > mostTranslated {
		return &exit{exitUsage, fmt.Errorf("%s is no configuration file: name one file, of 4 MiB at most", b.from)}
	}
	text, err := os.ReadFile(b.from)
	if err != nil {
		return failed(err)
	}
	kind := b.format
	if kind == "" {
		kind = translate.Detect(b.from, string(text))
	}
	if kind == "" {
		return &exit{exitUsage, errors.New("what this file is cannot be told: say it with --from-format, one of " + strings.Join(translate.Kinds(), ", "))}
	}
	r, err := translate.From(kind, string(text))
	if err != nil {
		return &exit{exitUsage, err}
	}
	if err := tell(s, fmt.Sprintf("read as  %s\n%s", kind, r.Report())); err != nil {
		return err
	}
	state, rules := b.state, ""
	if state == "" && os.Geteuid() == 0 {
		state = "/var/lib/tallyman"
	}
	if b.output != "-" {
		rules = "rules/*.yaml"
	}
	return b.write(cmd, s, r.Configuration(b.from, state, rules), rules != "")
}

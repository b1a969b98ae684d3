package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"tallyman/outputs/format"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

func newTest(s streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "test FILE|DIR...", Short: "Test the whole pipeline: raw records in; events, alerts and rendered output expected",
		Long: `test reads files of tests, takes the records of each through the transforms of the
configuration, as a fresh start of it would, and compares what comes out with what the
test expects. Of a folder it takes every *.yaml. Nothing is journalled or delivered.
It ends with 4 when a test fails, and with 78 when a file is no file of tests.

A file is a list:

  tests:
  - name: a shell in a container
    input: audit              # of the configuration; the first where none is named
    records: |
      type=SYSCALL msg=audit(1795231898.035:7): arch=c000003e syscall=59 ...
    count: 1                  # events, alerts not counted
    events:                   # in this order, others may stand between; fields by name
    - {event.action: executed, process.args: [sh, -c, id]}
    alerts: [TM-CT-001]       # the rules, in order, and no others; [] for none
    rendered:                 # texts that the events have in a format
      cef: ["act=executed"]`,
		Example: "  tallyman test --config tallyman.yaml tests/",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := readTrials(args)
			if err != nil {
				return &exit{exitConfig, err}
			}
			failedOnes := 0
			for i := range list {
				if err := list[i].run(cmd, s); err != nil {
					return err
				}
				if len(list[i].Failures) > 0 {
					failedOnes++
				}
			}
			if err := printTrials(s, list, failedOnes, asJSON); err != nil {
				return failed(err)
			}
			if failedOnes > 0 {
				return &exit{exitCheck, nil}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// trial is one test of a pipeline.
type trial struct {
	File     string              `yaml:"-" json:"file"`
	Name     string              `yaml:"name" json:"name"`
	Input    string              `yaml:"input" json:"-"`
	Records  string              `yaml:"records" json:"-"`
	Count    *int                `yaml:"count" json:"-"`
	Events   []map[string]any    `yaml:"events" json:"-"`
	Alerts   []string            `yaml:"alerts" json:"-"` // nil: whatever comes
	Rendered map[string][]string `yaml:"rendered" json:"-"`

	Failures []string `yaml:"-" json:"failures"`
}

// readTrials reads the tests of files and folders.
func readTrials(args []string) ([]trial, error) {
	var files []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, arg)
			continue
		}
		err = filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && filepath.Ext(path) == ".yaml" {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	var out []trial
	for _, path := range files {
		list, err := readTrialFile(path)
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("there is no test in %s: a file begins with `tests:`, see `tallyman test --help`", strings.Join(args, ", "))
	}
	return out, nil
}

func readTrialFile(path string) ([]trial, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	var doc struct {
		Tests []trial `yaml:"tests"`
	}
	dec := yaml.NewDecoder(f)
	dec.KnownFields(true)
	if err := dec.Decode(&doc); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for i := range doc.Tests {
		t := &doc.Tests[i]
		t.File, t.Failures = path, []string{}
		where := fmt.Sprintf("%s: test %d (%s)", path, i+1, t.Name)
		switch {
		case t.Name == "":
			return nil, fmt.Errorf("%s has no name", where)
		case strings.TrimSpace(t.Records) == "":
			return nil, fmt.Errorf("%s has no records", where)
		case t.Count == nil && t.Events == nil && t.Alerts == nil && t.Rendered == nil:
			return nil, fmt.Errorf("%s expects nothing: say count, events, alerts or rendered", where)
		}
		for _, want := range t.Events {
			for name := range want {
				if _, _, err := fieldOf(name); err != nil {
					return nil, fmt.Errorf("%s: %w", where, err)
				}
			}
		}
		for as := range t.Rendered {
			if _, err := format.New(&format.Settings{Format: as}, plugin.Env{}); err != nil {
				return nil, fmt.Errorf("%s: %w", where, err)
			}
		}
	}
	return doc.Tests, nil
}

// fieldOf finds the key of a field, and what stands behind it in an object.
func fieldOf(name string) (schema.Key, string, error) {
	for at := len(name); at > 0; at = strings.LastIndexByte(name[:at], '.') {
		for _, k := range schema.Keys() {
			if k.String() == name[:at] {
				return k, strings.TrimPrefix(name[at:], "."), nil
			}
		}
	}
	return 0, "", fmt.Errorf("there is no field %q; docs/reference/settings.md lists them", name)
}

// run takes the records through a pipeline of its own.
func (t *trial) run(cmd *cobra.Command, s streams) error {
	around := surroundings(&meter.Registry{})
	around.Dry, around.Once = true, true
	p, err := load(cmd, s, around)
	if err != nil {
		return err
	}
	defer p.Close()
	name, decoder, err := claims(p.Config, t.Input)
	if err != nil {
		return &exit{exitUsage, fmt.Errorf("%s: test %q: %w", t.File, t.Name, err)}
	}
	var lines []string
	for line := range strings.Lines(t.Records) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			lines = append(lines, line)
		}
	}
	got := &trialEvents{t: t, rendered: map[string]*strings.Builder{}}
	if err := p.Explain(cmd.Context(), name, decoder, lines, got.add); err != nil {
		return failed(err)
	}
	got.judge()
	return nil
}

func printTrials(s streams, list []trial, failedOnes int, asJSON bool) error {
	if asJSON {
		return printJSON(s.out, list)
	}
	var b strings.Builder
	for i := range list {
		verdict := "ok  "
		if len(list[i].Failures) > 0 {
			verdict = "FAIL"
		}
		fmt.Fprintf(&b, "%s  %s (%s)\n", verdict, list[i].Name, list[i].File)
		for _, f := range list[i].Failures {
			fmt.Fprintf(&b, "    %s\n", f)
		}
	}
	fmt.Fprintf(&b, "%s, %d failed\n", many(uint64(len(list)), "test"), failedOnes)
	_, err := fmt.Fprint(s.out, inertLines(b.String()))
	return err
}

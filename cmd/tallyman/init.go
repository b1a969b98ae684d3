package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tallyman/cmd/tallyman/setup"
	"tallyman/cmd/tallyman/translate"
	"tallyman/configs"
)

// beginning is what the flags of init say.
type beginning struct {
	output, preset, root, state, from, format string
}

func newInit(s streams) *cobra.Command {
	var b beginning
	cmd := &cobra.Command{
		Use: "init", Short: "Write a configuration for this host, or translate one of another program", Args: noArgs,
		Long: `init looks at the host, as the user that runs it: the audit log, container engines,
what containers print, Kubernetes, systemd's journal, syslog files. It writes a
configuration with comments that reads what it found and prints every event, says what
it could not reach and how to allow it, and writes the packs of rules beside the file,
into rules/. It overwrites nothing. With --preset the inputs and outputs are those of a
purpose: ` + strings.Join(setup.Presets(), ", ") + `.

With --from it translates a configuration of rsyslog, of auditd's dispatcher or LAUREL,
or of Fluent Bit as far as it goes, and lists line by line what it left.

The exit code is 77 where nothing at all can be read; then nothing is written.`,
		Example: "  tallyman init\n  tallyman init --preset docker-splunk --output /tmp/tallyman.yaml\n  tallyman init --from /etc/rsyslog.conf --output -",
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, dir := range []*string{&b.root, &b.state} {
				if *dir == "" {
					continue
				}
				// In a configuration a relative path starts elsewhere.
				at, err := filepath.Abs(*dir)
				if err != nil {
					return failed(err)
				}
				*dir = at
			}
			if b.from != "" {
				return b.translate(cmd, s)
			}
			return b.host(cmd, s, setup.This(b.root))
		},
	}
	f := cmd.Flags()
	f.StringVarP(&b.output, "output", "o", "tallyman.yaml", "the `FILE` to write; - is standard output, and then no rules are written")
	f.StringVar(&b.preset, "preset", "", "the purpose, a `NAME`: "+strings.Join(setup.Presets(), ", "))
	f.StringVar(&b.root, "root", "", "the `FOLDER` where the root of the host is mounted, for a container")
	f.StringVar(&b.state, "state-dir", "", "the `FOLDER` of the journal and keys; /var/lib/tallyman for root, else beside the file")
	f.StringVar(&b.from, "from", "", "translate this `FILE`")
	f.StringVar(&b.format, "from-format", "", "what FILE is: "+strings.Join(translate.Kinds(), ", ")+"; without it, what it looks like")
	cmd.MarkFlagsMutuallyExclusive("from", "preset")
	return cmd
}

// host writes what fits the host that look sees.
func (b *beginning) host(cmd *cobra.Command, s streams, look setup.Look) error {
	if err := b.free(); err != nil {
		return err
	}
	h := look.Host()
	if err := tell(s, setup.Report(h)); err != nil {
		return err
	}
	if !h.Readable() && b.preset == "" {
		return &exit{exitPermission, errors.New("nothing of this host can be read by this user, so nothing was written: run it as root, do what is said above, or choose a --preset")}
	}
	plan := setup.Plan{Preset: b.preset, State: b.state}
	if plan.State == "" && h.Superuser {
		plan.State = "/var/lib/tallyman"
	}
	if b.output != "-" {
		plan.Rules = "rules/*.yaml"
	}
	text, err := setup.Configuration(h, plan)
	if err != nil {
		return &exit{exitUsage, err}
	}
	return b.write(cmd, s, text, plan.Rules != "")
}

// free makes sure that nothing is overwritten, before anything is done.
func (b *beginning) free() error {
	if b.output == "-" {
		return nil
	}
	if _, err := os.Lstat(b.output); err == nil {
		return &exit{exitFailure, fmt.Errorf("%s is there already and stays as it is: name another file with --output, or - to see the text", b.output)}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return failed(err)
	}
	return nil
}

// write puts the text and the rules where they belong and has them checked.
func (b *beginning) write(cmd *cobra.Command, s streams, text string, rules bool) error {
	if b.output == "-" {
		_, err := io.WriteString(s.out, text)
		return failed(err)
	}
	var kept []string
	if rules {
		var err error
		if kept, err = writeRules(filepath.Join(filepath.Dir(b.output), "rules")); err != nil {
			return failed(fmt.Errorf("write the packs of rules: %w", err))
		}
	}
	if err := createFile(b.output, []byte(text), 0o640); err != nil {
		return failed(err)
	}
	var said strings.Builder
	for _, name := range kept {
		fmt.Fprintf(&said, "kept     %s, which differs from what is shipped\n", name)
	}
	name := shellWord(b.output)
	fmt.Fprintf(&said, "\nwritten  %s\n", visible(b.output))
	if rules {
		fmt.Fprintf(&said, "written  the packs of rules, in %s\n", visible(filepath.Join(filepath.Dir(b.output), "rules")))
	}
	fmt.Fprintf(&said, "\nNext:    tallyman validate --config %s\n         tallyman run --config %s\n         tallyman doctor --config %s\n", name, name, name)
	if err := tell(s, said.String()); err != nil {
		return err
	}
	if err := cmd.Flags().Set("config", b.output); err != nil {
		return failed(err)
	}
	around := looking()
	around.Log = slog.New(slog.DiscardHandler) // it does not start
	p, err := load(cmd, s, around)
	if err != nil {
		return err
	}
	p.Close()
	return nil
}

// createFile writes a file that must not be there.
func createFile(name string, text []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// writeRules writes the packs and returns those that are there and differ, which stay.
func writeRules(dir string) (kept []string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // rules are no secret
		return nil, err
	}
	names, err := fs.Glob(configs.Rules, "rules/*.yaml")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := configs.Rules.ReadFile(name)
		if err != nil {
			return nil, err
		}
		to := filepath.Join(dir, path.Base(name))
		err = createFile(to, text, 0o644)
		if errors.Is(err, fs.ErrExist) {
			var there []byte
			if there, err = os.ReadFile(to); err == nil && !bytes.Equal(there, text) {
				kept = append(kept, to)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// tell writes talk, line by line inert.
func tell(s streams, text string) error {
	_, err := io.WriteString(s.err, inertLines(text))
	return failed(err)
}

// shellWord is a path as a person may paste it.
func shellWord(p string) string {
	if strings.ContainsAny(p, " '\"$&;|<>()*?[]#~`\\\n\t!") {
		return "'" + strings.ReplaceAll(visible(p), "'", `'\''`) + "'"
	}
	return p
}

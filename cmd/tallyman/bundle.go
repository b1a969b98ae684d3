package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tallyman/pipeline/config"
)

const (
	bundleLog     = 1 << 20  // of the end of a log
	bundleMetrics = 16 << 20 // of the page of metrics
)

// bundle is what the flags of support-bundle say, and what is gathered.
type bundle struct {
	output, log, dir string

	path    string // of the configuration
	clean   *cleaner
	entries []bundled
}

// bundled is one file of the archive.
type bundled struct {
	name string
	text []byte
}

func newSupportBundle(s streams) *cobra.Command {
	var b bundle
	cmd := &cobra.Command{
		Use: "support-bundle", Short: "Gather what helps to find a fault, without secrets, into one archive", Args: noArgs,
		Long: `support-bundle writes a tar.gz with the version, the configuration, what validate and
doctor say, the status, metrics and books of the process that runs, the list of the
journal, and the end of a log that is named. No event goes into it.

Secrets are replaced: what the configuration refers to, wherever it appears; values of
keys, headers and options that are named like secrets; users in URLs; private keys; all
comments and all arguments of programs in the configuration. Host names, addresses and
paths stay. Read it before you give it away.`,
		Example: "  tallyman support-bundle\n  journalctl -u tallyman > /tmp/log && tallyman support-bundle --log /tmp/log",
		RunE:    func(cmd *cobra.Command, _ []string) error { return b.run(cmd, s) },
	}
	f := cmd.Flags()
	f.StringVarP(&b.output, "output", "o", "", "the `FILE` to write, - for standard output; tallyman-support-TIME.tar.gz where none is named")
	f.StringVar(&b.log, "log", "", "a `FILE` of tallyman's own log, of which the end is taken")
	f.StringVar(&b.dir, "journal-dir", "", "the `FOLDER` of the journal of the process that runs")
	return cmd
}

func (b *bundle) run(cmd *cobra.Command, s streams) error {
	path, _, err := config.Find(cmd.Flags())
	if err != nil {
		return &exit{exitUsage, err}
	}
	b.path = path
	text, err := os.ReadFile(path)
	if err != nil {
		text = nil // what validate says of it is in the bundle
	}
	b.clean = newCleaner(path, text)
	b.verbs()
	b.add("configuration.yaml", b.clean.configuration(text))
	b.add("metrics.txt", b.metrics(cmd.Context()))
	if b.log != "" {
		end, err := endOf(b.log, bundleLog)
		if err != nil {
			return failed(err)
		}
		b.add("log.txt", string(end))
	}
	return b.write(s, time.Now())
}

// verbs runs the verbs whose output is taken, each in this process.
func (b *bundle) verbs() {
	for _, v := range []struct {
		name string
		args []string
		dir  bool // it takes --journal-dir
	}{
		{"version.json", []string{"version", "--json"}, false},
		{"validate.txt", []string{"validate"}, false},
		{"status.json", []string{"status", "--json", "--timeout", askWithin.String()}, true},
		{"ledger.json", []string{"ledger", "--json"}, true},
		{"journal.json", []string{"journal", "ls", "--json"}, true},
		{"deadletters.txt", []string{"deadletter", "list"}, true},
		{"doctor.txt", []string{"doctor"}, true},
		{"doctor.jsonl", []string{"doctor", "--json"}, true},
	} {
		args := append(slices.Clone(v.args), "--config", b.path)
		if b.dir != "" && v.dir {
			args = append(args, "--journal-dir", b.dir)
		}
		var out, talk bytes.Buffer
		code := run(args, strings.NewReader(""), &out, &talk)
		if talk.Len() > 0 || code != exitOK {
			fmt.Fprintf(&talk, "exit %d\n", code)
			b.add(v.name+".stderr", talk.String())
		}
		b.add(v.name, out.String())
	}
}

func (b *bundle) add(name, text string) {
	if text != "" {
		b.entries = append(b.entries, bundled{name, []byte(b.clean.text(text))})
	}
}

// metrics asks the process that runs for its page; why there is none is said in its
// place.
func (b *bundle) metrics(ctx context.Context) string {
	cfg, _ := config.LoadPart(b.path, config.Options{Plugins: plugins(), LookupEnv: os.LookupEnv}) // validate.txt has the problems
	if cfg == nil || cfg.Admin.Listen == "off" {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+cfg.Admin.Listen+"/metrics", http.NoBody)
	if err != nil {
		return err.Error() + "\n"
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error() + "\n"
	}
	defer func() { _ = resp.Body.Close() }() // it is read
	page, err := io.ReadAll(io.LimitReader(resp.Body, bundleMetrics))
	if err != nil {
		return err.Error() + "\n"
	}
	return string(page)
}

// write makes the archive.
func (b *bundle) write(s streams, now time.Time) (err error) {
	var w = s.out
	if b.output != "-" {
		if b.output == "" {
			b.output = "tallyman-support-" + now.UTC().Format("20060102T150405Z") + ".tar.gz"
		}
		f, err := os.OpenFile(b.output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, os.ErrExist) {
			return &exit{exitFailure, fmt.Errorf("%s is there already and stays as it is: name another file with --output", b.output)}
		} else if err != nil {
			return failed(err)
		}
		defer func() { err = errors.Join(err, failed(f.Close())) }()
		w = f
	}
	z := gzip.NewWriter(w)
	t := tar.NewWriter(z)
	for _, e := range b.entries {
		if err := t.WriteHeader(&tar.Header{Name: "tallyman-support/" + e.name, Mode: 0o600, Size: int64(len(e.text)), ModTime: now}); err != nil {
			return failed(err)
		}
		if _, err := t.Write(e.text); err != nil {
			return failed(err)
		}
	}
	if err := errors.Join(t.Close(), z.Close()); err != nil {
		return failed(err)
	}
	if b.output == "-" {
		return nil
	}
	return tell(s, fmt.Sprintf("written  %s, %s; secrets are replaced by %s, names and addresses are not: read it before you give it away\n", b.output, many(uint64(len(b.entries)), "file"), concealed))
}

package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tallyman/outputs/s3"
	"tallyman/pipeline/clienttls"
)

func newVerify(s streams) *cobra.Command {
	var asJSON, deep bool
	c := s3.Default()
	var ca, output string
	cmd := &cobra.Command{
		Use: "verify {s3://BUCKET/PREFIX | --output NAME}", Short: "Say whether an archive that the output s3 wrote is whole",
		Long: `verify reads the manifests below a prefix and says whether the archive is whole:
the manifests follow each other, each bears the SHA-256 of the one before, their
sequences have no hole, and every object that they list is there with its size.
With --deep every object is read and its SHA-256 recomputed.

With --output the archive is that of an output s3 of the configuration: its bucket
and prefix, endpoint, certificates, proxy and credentials.

PREFIX is what the prefix of the output begins with, up to its first value: audit
for audit/{{ event.dataset }}. Without --output credentials are found as every AWS
client finds them: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, the
instance's role; and no configuration is read.

It lists what is wrong on standard output; the exit code is then 4. An archive
that has lost its newest manifests looks like a shorter one: compare the last
sequence with what the host says.`,
		Example: "  tallyman verify s3://audit-archive/audit\n  tallyman verify --output archive --config /etc/tallyman/tallyman.yaml\n  tallyman verify --deep --json --endpoint https://minio:9000 --ca ca.crt s3://audit-archive",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if output != "" || len(args) == 0 {
				return verifyOutput(cmd, s, output, args, deep, asJSON)
			}
			u, err := url.Parse(args[0])
			if err != nil || u.Scheme != "s3" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
				return &exit{exitUsage, fmt.Errorf("%q is no archive: write s3://BUCKET/PREFIX", args[0])}
			}
			c.Bucket = u.Host
			if ca != "" {
				c.TLS = &clienttls.Settings{}
				if c.TLS.CA.Value, err = filepath.Abs(ca); err != nil {
					return failed(err)
				}
			}
			if found := c.Check(); found.Bad() {
				return &exit{exitUsage, found}
			}
			if e := os.Getenv("AWS_ENDPOINT_URL"); c.Endpoint.Value == "" && e != "" {
				c.Endpoint.Value = e
			}
			return verifyArchive(cmd, s, &c, ".", u.Path, deep, asJSON)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&deep, "deep", false, "read every object and recompute its SHA-256")
	f.BoolVar(&asJSON, "json", false, "as JSON")
	f.StringVar(&c.Endpoint.Value, "endpoint", "", "the `URL` of a store that is not Amazon's; also AWS_ENDPOINT_URL")
	f.StringVar(&c.Region, "region", "", "the bucket's region; also AWS_REGION")
	f.StringVar(&c.Profile, "profile", "", "the profile in the shared configuration files; also AWS_PROFILE")
	f.StringVar(&c.Addressing, "addressing", "", "path or virtual, as the output's setting")
	f.StringVar(&ca, "ca", "", "a PEM `FILE` with the authorities of the endpoint, in place of the system's")
	f.StringVarP(&output, "output", "o", "", "the `NAME` of an output s3 of the configuration, in place of an address")
	for _, one := range []string{"endpoint", "region", "profile", "addressing", "ca"} {
		cmd.MarkFlagsMutuallyExclusive("output", one)
	}
	return cmd
}

// verifyArchive verifies what is below a prefix; relative paths of c start at dir.
func verifyArchive(cmd *cobra.Command, s streams, c *s3.Settings, dir, prefix string, deep, asJSON bool) error {
	bucket, err := s3.Open(c, dir)
	if err != nil {
		return failed(err)
	}
	defer bucket.Close()
	bar := archiveProgress(s)
	report, err := bucket.Verify(cmd.Context(), s3.Options{Prefix: prefix, Deep: deep, At: bar.archive})
	bar.clear()
	switch {
	case err != nil:
		return failed(err)
	case asJSON:
		err = writeJSON(s.out, archiveJSON{report.OK(), report})
	default:
		err = printArchives(s, report)
	}
	switch {
	case err != nil:
		return failed(err)
	case len(report.Archives) == 0:
		return noManifest(c.Bucket, prefix)
	case !report.OK():
		return &exit{exitCheck, fmt.Errorf("the archive is not whole: %s", many(uint64(report.Bad()), "finding"))}
	}
	return nil
}

// noManifest is the error where nothing says what an archive holds.
func noManifest(bucket, prefix string) error {
	return &exit{exitCheck, errors.New("there is no manifest below s3://" + bucket + "/" + strings.Trim(prefix, "/") +
		": name what the output's prefix begins with, and wait for its first manifest (manifest_every)")}
}

// archiveJSON is a report with its verdict.
type archiveJSON struct {
	OK bool `json:"ok"`
	*s3.Report
}

func printArchives(s streams, r *s3.Report) error {
	for _, f := range r.Findings {
		word := "wrong: "
		if f.Note {
			word = "note: "
		}
		if _, err := fmt.Fprintln(s.out, inertString(word+f.String())); err != nil {
			return err
		}
	}
	if r.Unsaid > 0 {
		if _, err := fmt.Fprintf(s.out, "and %d more\n", r.Unsaid); err != nil {
			return err
		}
	}
	for i := range r.Archives {
		w := &r.Archives[i]
		verdict := "whole"
		for _, f := range r.Findings {
			if f.Archive == w.Archive && !f.Note {
				verdict = "NOT WHOLE"
			}
		}
		newer := ""
		if w.Newer > 0 {
			newer = fmt.Sprintf(", and %s that no manifest lists yet", many(w.Newer, "object"))
		}
		_, err := fmt.Fprintln(s.out, inertString(fmt.Sprintf("%s: %s (output %s): %s, %s, %s, %s, sequences %d to %d%s", verdict, w.Archive, w.Output,
			many(w.Manifests, "manifest"), many(w.Objects, "object"), many(w.Events, "event"), size(w.Bytes), w.First, w.Last, newer)))
		if err != nil {
			return err
		}
	}
	return nil
}

// archiveProgress draws on standard error when that is a terminal.
func archiveProgress(s streams) *progress {
	if !terminal(s.err) {
		return nil
	}
	return &progress{w: s.err, now: time.Now}
}

// archive says how far a verification is: in bytes where those are read.
func (p *progress) archive(done, total int64, objects, want uint64) {
	if p == nil {
		return
	}
	if done == 0 {
		p.draw(int64(objects), int64(want), func() string { return fmt.Sprintf("%d of %s", objects, many(want, "object")) })
		return
	}
	p.draw(done, total, func() string { return size(done) + " of " + size(total) + ", " + many(want, "object") })
}

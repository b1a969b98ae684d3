package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tallyman/cmd/tallyman/report"
	"tallyman/outputs/s3"
	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/engine"
	"tallyman/pipeline/event"
	"tallyman/pipeline/journal"
)

// source is where the events of a report come from. Its read gives each to add and
// says what is known of the record's completeness; the first error is of what could
// not be read of it, the second ends everything.
type source struct {
	name string
	read func(ctx context.Context, add func(*event.Event) error) (report.Completeness, error, error)
}

func (v *evidence) source(cmd *cobra.Command, s streams) (*source, error) {
	if v.input == "journal" {
		view, _, err := look(cmd, s)
		if err != nil {
			return nil, err
		}
		return journalSource(s, view), nil
	}
	if u, err := url.Parse(v.input); err == nil && u.Scheme == "s3" {
		return v.archiveSource(s, u)
	}
	if _, err := os.Stat(v.input); err != nil {
		return nil, &exit{exitUsage, fmt.Errorf("--input is journal, s3://BUCKET/PREFIX or a file: %w", err)}
	}
	return fileSource(s, v.input), nil
}

// archiveFlags are those that say how a bucket is reached.
func archiveFlags(f *pflag.FlagSet, c *s3.Settings, ca *string) {
	f.StringVar(&c.Endpoint.Value, "endpoint", "", "the `URL` of a store that is not Amazon's; also AWS_ENDPOINT_URL")
	f.StringVar(&c.Region, "region", "", "the bucket's region; also AWS_REGION")
	f.StringVar(&c.Profile, "profile", "", "the profile in the shared configuration files; also AWS_PROFILE")
	f.StringVar(&c.Addressing, "addressing", "", "path or virtual, as the output's setting")
	f.StringVar(ca, "ca", "", "a PEM `FILE` with the authorities of the endpoint, in place of the system's")
}

func journalSource(s streams, v *journal.View) *source {
	return &source{name: "the journal of this host", read: func(ctx context.Context, add func(*event.Event) error) (c report.Completeness, partly, err error) {
		bar := newProgress(s, v)
		defer bar.clear()
		dec, n := newDecoded(), uint64(0)
		bad := troubles{tell: func(text string) { bar.clear(); _, _ = fmt.Fprintln(s.err, "tallyman:", text) }}
		var first time.Time
		err = v.Walk(ctx, 0, func(f *journal.Seen) error {
			list, err := dec.events(f)
			if err != nil {
				bad.unreadable(f, err)
				return nil
			}
			for i := range list {
				if first.IsZero() {
					first = list[i].Seen
				}
				if err := add(&list[i]); err != nil {
					return err
				}
			}
			n += uint64(len(list))
			bar.at(f.At, n)
			return nil
		}, bad.damage)
		return journalBooks(v, first, bad.exit()), bad.exit(), err
	}}
}

// journalBooks states what the books of a journal show.
func journalBooks(v *journal.View, first time.Time, damage error) report.Completeness {
	c := report.Completeness{Whole: damage == nil, Notes: []string{}, Columns: []string{"Output", "Received", "Delivered", "Unconfirmed", "Waiting", "Filtered", "Dead letters", "Dropped", "Balances"}}
	note := func(format string, args ...any) {
		c.Whole = false
		c.Notes = append(c.Notes, fmt.Sprintf(format, args...))
	}
	if damage != nil {
		note("A part of the journal could not be read: %v.", damage)
	}
	for _, b := range v.Books() {
		var dropped uint64
		for _, n := range b.Counts.Dropped {
			dropped += n
		}
		balances := "yes"
		if !b.Balanced() {
			balances = "NO"
			note("The book of output %s does not balance.", inertString(b.Output))
		}
		if dropped > 0 {
			note("Output %s was not given %s that the journal had to drop.", inertString(b.Output), many(dropped, "record"))
		}
		row := []string{inertString(b.Output)}
		for _, n := range []uint64{b.Received, b.Counts.Delivered, b.Counts.Unconfirmed, b.Buffered + b.InFlight, b.Counts.Filtered, b.Counts.DeadLettered, dropped} {
			row = append(row, fmt.Sprint(n))
		}
		c.Rows = append(c.Rows, append(row, balances))
	}
	for _, u := range engine.Upstreams(v.Marks()) {
		lost := fmt.Sprint(u.Count)
		if u.Count == 0 {
			lost = "an unknown number"
		}
		note("Input %s lost before it could be read, %s: %s.", inertString(u.Input), u.Reason, lost)
	}
	if list := v.Segments(); len(list) > 0 && list[0].First > 1 {
		note("The journal begins with frame %d, read at %s. What was before is no longer on this host: report from the archive for an earlier time.", list[0].First, first.UTC().Format(time.RFC3339))
	}
	c.Verdict = "The books show no loss: every record that was accepted is delivered, waiting, filtered or a dead letter, and nothing is known to be lost before it was read."
	if !c.Whole {
		c.Verdict = "The record is not shown to be complete."
	}
	return c
}

func fileSource(s streams, path string) *source {
	return &source{name: "the file " + inertString(filepath.Base(path)), read: func(ctx context.Context, add func(*event.Event) error) (c report.Completeness, partly, err error) {
		f, err := os.Open(path)
		if err != nil {
			return c, nil, err
		}
		defer func() { _ = f.Close() }() // it was read
		info, err := f.Stat()
		if err != nil {
			return c, nil, err
		}
		bar := archiveProgress(s)
		defer bar.clear()
		l := newLines(add)
		l.at = func(done int64) {
			if bar != nil {
				bar.draw(done, info.Size(), func() string { return size(done) + " of " + size(info.Size()) + ", " + many(l.events, "event") })
			}
		}
		err = l.read(ctx, f)
		c = report.Completeness{Verdict: "The record is not shown to be complete: a file bears no proof of that. Report from the journal or from an archive in S3.", Notes: l.notes()}
		return c, l.partly(), err
	}}
}

func (v *evidence) archiveSource(s streams, u *url.URL) (*source, error) {
	c := v.archive
	if u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, &exit{exitUsage, fmt.Errorf("%q is no archive: write s3://BUCKET/PREFIX", v.input)}
	}
	c.Bucket = u.Host
	if e := os.Getenv("AWS_ENDPOINT_URL"); c.Endpoint.Value == "" && e != "" {
		c.Endpoint.Value = e
	}
	if v.ca != "" {
		abs, err := filepath.Abs(v.ca)
		if err != nil {
			return nil, failed(err)
		}
		c.TLS = &clienttls.Settings{}
		c.TLS.CA.Value = abs
	}
	if found := c.Check(); found.Bad() {
		return nil, &exit{exitUsage, found}
	}
	return &source{name: "the archive " + inertString(v.input), read: func(ctx context.Context, add func(*event.Event) error) (done report.Completeness, partly, err error) {
		bucket, err := s3.Open(&c, ".")
		if err != nil {
			return done, nil, err
		}
		defer bucket.Close()
		bar := archiveProgress(s)
		defer bar.clear()
		l := newLines(add)
		found, err := bucket.Verify(ctx, s3.Options{Prefix: u.Path, Deep: true, At: bar.archive, Read: func(_ string, body io.Reader) error { return l.read(ctx, body) }})
		if err != nil {
			return done, nil, err
		}
		if len(found.Archives) == 0 {
			return done, nil, noManifest(c.Bucket, u.Path)
		}
		return archiveBooks(found, l.notes()), errors.Join(l.partly(), wholeArchive(found)), nil
	}}, nil
}

func wholeArchive(r *s3.Report) error {
	if r.OK() {
		return nil
	}
	return &exit{exitCheck, fmt.Errorf("the archive is not whole: %s", many(uint64(r.Bad()), "finding"))}
}

// archiveBooks states what the manifests of an archive show.
func archiveBooks(r *s3.Report, notes []string) report.Completeness {
	c := report.Completeness{Whole: r.OK() && len(notes) == 0, Notes: notes, Columns: []string{"Archive", "Output", "Manifests", "Objects", "Events", "First sequence", "Last sequence", "Not listed yet"},
		Verdict: "The manifests show the archive to be whole: they follow each other, their sequences have no hole, and every object that they list is there with the SHA-256 that it was written with."}
	for i := range r.Archives {
		w := &r.Archives[i]
		row := []string{inertString(w.Archive), inertString(w.Output)}
		for _, n := range []uint64{w.Manifests, w.Objects, w.Events, w.First, w.Last, w.Newer} {
			row = append(row, fmt.Sprint(n))
		}
		c.Rows = append(c.Rows, row)
		if w.Newer > 0 {
			c.Notes = append(c.Notes, fmt.Sprintf("%s: %s that no manifest lists yet, and that this report leaves out.", inertString(w.Archive), many(w.Newer, "object")))
		}
	}
	for _, f := range r.Findings[:min(len(r.Findings), 100)] {
		word := "Wrong: "
		if f.Note {
			word = "Note: "
		}
		c.Notes = append(c.Notes, inertString(word+f.String()))
	}
	if !c.Whole {
		c.Verdict = "The archive is NOT shown to be whole."
	}
	return c
}

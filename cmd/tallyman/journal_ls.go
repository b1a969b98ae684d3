package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tallyman/pipeline/journal"
)

func newJournalLs(s streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "ls", Short: "List the segments, and what waits for each output",
		Long: `ls lists the files of the journal with the sequences of their frames, and for each
output what it still has to get: frames, events, bytes, and since when the oldest
of them waits. A frame is a batch of events.`,
		Example: "  tallyman journal ls\n  tallyman journal ls --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, cfg, err := look(cmd, s)
			if err != nil {
				return err
			}
			l := listing{v: v, bar: newProgress(s, v), now: time.Now()}
			if err := l.read(cmd.Context()); err != nil {
				return failed(err)
			}
			for i := range l.report.Outputs {
				one := []journal.Book{l.report.Outputs[i].Book}
				orphans(one, cfg)
				l.report.Outputs[i].Book = one[0]
			}
			if asJSON {
				return failed(writeJSON(s.out, l.json()))
			}
			return failed(l.print(s))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

// listing is what ls found.
type listing struct {
	v      *journal.View
	bar    *progress
	now    time.Time
	report *journal.Report
	since  map[string]time.Time // by output: when the oldest event that waits was read
}

func (l *listing) read(ctx context.Context) error {
	dec, n := newDecoded(), uint64(0)
	l.since = map[string]time.Time{}
	books := l.v.Books()
	report, err := l.v.Verify(ctx, func(f *journal.Seen) error {
		n += uint64(f.Records) + uint64(f.Generated)
		l.bar.at(f.At, n)
		for i := range books {
			name := books[i].Output
			if _, ok := l.since[name]; ok || len(f.Payload) == 0 || !l.v.Waits(name, f.Seq) {
				continue
			}
			// What cannot be decoded waits as well; its age is not known.
			if list, err := dec.events(f); err == nil && len(list) > 0 {
				l.since[name] = list[0].Seen
			}
		}
		return nil
	})
	l.bar.clear()
	l.report = report
	return err
}

func (l *listing) print(s streams) error {
	rows := [][]string{{"segment", "frames", "first", "last", "bytes", "damaged"}}
	for i := range l.report.Segments {
		g := &l.report.Segments[i]
		last := "-"
		if g.Last > 0 {
			last = fmt.Sprint(g.Last)
		}
		rows = append(rows, []string{g.Name, fmt.Sprint(g.Frames), fmt.Sprint(g.First), last, size(g.Bytes), size(g.Damaged)})
	}
	if _, err := fmt.Fprintf(s.out, "%s\n", table(0, rows)); err != nil {
		return err
	}
	rows = [][]string{{"output", "waits", "frames", "bytes", "since"}}
	for i := range l.report.Outputs {
		o := &l.report.Outputs[i]
		since := "-"
		if at, ok := l.since[o.Output]; ok {
			since = at.UTC().Format(time.RFC3339) + " (" + l.now.Sub(at).Round(time.Second).String() + ")"
		}
		rows = append(rows, []string{outputName(&o.Book), amount(o.Buffered, o.GeneratedBuffered), fmt.Sprint(o.Frames), size(o.Bytes), since})
	}
	if len(rows) == 1 {
		_, err := fmt.Fprintln(s.err, "The journal knows no output yet.")
		return err
	}
	if _, err := s.out.Write(table(0, rows)); err != nil {
		return err
	}
	if !l.report.OK() {
		_, err := fmt.Fprintln(s.err, "Something is wrong with this journal; `tallyman journal verify` lists what.")
		return err
	}
	return nil
}

// segmentJSON is one segment.
type segmentJSON struct {
	Name    string `json:"name"`
	Number  uint64 `json:"number"`
	First   uint64 `json:"first_sequence"`
	Last    uint64 `json:"last_sequence,omitempty"`
	Frames  uint64 `json:"frames"`
	Bytes   int64  `json:"bytes"`
	Damaged int64  `json:"damaged_bytes"`
}

// waitsJSON is what waits for one output.
type waitsJSON struct {
	Output string     `json:"output"`
	Orphan bool       `json:"orphan"`
	Waits  both       `json:"waits"`
	Frames uint64     `json:"frames"`
	Bytes  int64      `json:"bytes"`
	Since  *time.Time `json:"since,omitempty"`
}

func (l *listing) json() any {
	out := struct {
		OK       bool          `json:"ok"`
		Segments []segmentJSON `json:"segments"`
		Outputs  []waitsJSON   `json:"outputs"`
	}{l.report.OK(), []segmentJSON{}, []waitsJSON{}}
	for i := range l.report.Segments {
		g := &l.report.Segments[i]
		out.Segments = append(out.Segments, segmentJSON{g.Name, g.Number, g.First, g.Last, g.Frames, g.Bytes, g.Damaged})
	}
	for i := range l.report.Outputs {
		o := &l.report.Outputs[i]
		one := waitsJSON{Output: o.Output, Orphan: o.Orphan, Waits: both{o.Buffered, o.GeneratedBuffered}, Frames: o.Frames, Bytes: o.Bytes}
		if at, ok := l.since[o.Output]; ok {
			one.Since = &at
		}
		out.Outputs = append(out.Outputs, one)
	}
	return out
}

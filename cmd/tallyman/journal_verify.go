package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"tallyman/pipeline/event"
	"tallyman/pipeline/journal"
)

func newJournalVerify(s streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "verify", Short: "Read all of the journal, check every sum and recompute the books",
		Long: `verify reads every byte of the journal. It checks the sums of every frame, that the
totals run on from frame to frame, that every event is accounted for, that every
output stands where its book says, and that the books balance.

It lists what is wrong on standard output; the exit code is then 4.`,
		Example: "  tallyman journal verify\n  tallyman journal verify --json --journal-dir /var/lib/tallyman",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, _, err := look(cmd, s)
			if err != nil {
				return err
			}
			c := check{bar: newProgress(s, v), dec: newDecoded()}
			if c.report, err = v.Verify(cmd.Context(), c.frame); err != nil {
				return failed(err)
			}
			c.bar.clear()
			if asJSON {
				err = writeJSON(s.out, c.json())
			} else {
				err = c.print(s)
			}
			if err != nil {
				return failed(err)
			}
			if !c.ok() {
				return &exit{exitCheck, fmt.Errorf("the journal is not as it was written: %s, %s that %s not add up",
					many(c.damaged(), "damaged place"), many(c.doubts(), "number"), map[bool]string{true: "does", false: "do"}[c.doubts() == 1])}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

// check is one verification: what the journal finds, and what its events say.
type check struct {
	bar    *progress
	dec    *decoded
	report *journal.Report
	events uint64
	wrong  []string // about events
	unsaid int
}

// mostWrong bounds the list of what is wrong with events.
const mostWrong = 100

// frame holds the events of a frame against what its header says of them.
func (c *check) frame(f *journal.Seen) error {
	list, err := c.dec.events(f)
	records, generated := stands(list)
	switch {
	case err != nil:
		c.say("%s at byte %d: the events of sequence %d cannot be read: %v", f.Segment, f.Offset, f.Seq, err)
	case records != uint64(f.Records) || generated != uint64(f.Generated):
		c.say("%s at byte %d: sequence %d is said to stand for %d records and %d events of our own, and its events stand for %d and %d",
			f.Segment, f.Offset, f.Seq, f.Records, f.Generated, records, generated)
	}
	c.events += uint64(len(list))
	c.bar.at(f.At, c.events)
	return nil
}

func (c *check) say(format string, args ...any) {
	if len(c.wrong) == mostWrong {
		c.unsaid++
		return
	}
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
}

// stands counts the source records that events stand for, and those events that
// stand for none.
func stands(list []event.Event) (records, generated uint64) {
	for i := range list {
		if n := list[i].Records; n > 0 {
			records += uint64(n)
		} else {
			generated++
		}
	}
	return records, generated
}

func (c *check) ok() bool { return c.report.OK() && len(c.wrong) == 0 }

func (c *check) doubts() uint64 {
	return uint64(len(c.report.Doubts) + c.report.Unsaid + len(c.wrong) + c.unsaid)
}

func (c *check) damaged() uint64 {
	n := uint64(0)
	for i := range c.report.Damage {
		if c.report.Damage[i].Bad() {
			n++
		}
	}
	return n
}

func (c *check) print(s streams) error {
	var list []string
	for i := range c.report.Damage {
		word := "damage: "
		if !c.report.Damage[i].Bad() {
			word = "note: "
		}
		list = append(list, word+c.report.Damage[i].String())
	}
	for _, d := range append(c.report.Doubts, c.wrong...) {
		list = append(list, "doubt: "+d)
	}
	if n := c.report.Unsaid + c.unsaid; n > 0 {
		list = append(list, fmt.Sprintf("doubt: and %d more", n))
	}
	for _, text := range list {
		if _, err := fmt.Fprintln(s.out, inertString(text)); err != nil {
			return err
		}
	}
	verdict := "ok"
	if !c.ok() {
		verdict = "NOT OK"
	}
	_, err := fmt.Fprintf(s.out, "%s: %s, %s, %s, %s\n", verdict, many(uint64(len(c.report.Segments)), "segment"),
		many(c.report.Frames, "frame"), many(c.events, "event"), many(uint64(len(c.report.Outputs)), "output"))
	return err
}

// damageJSON is one damaged place.
type damageJSON struct {
	Text      string `json:"text"`
	Bad       bool   `json:"bad"`
	Segment   string `json:"segment"`
	Offset    int64  `json:"offset"`
	Bytes     int64  `json:"bytes"`
	First     uint64 `json:"first_sequence,omitempty"`
	Last      uint64 `json:"last_sequence,omitempty"`
	Records   uint64 `json:"records"`
	Generated uint64 `json:"generated"`
	Waited    bool   `json:"waited_for"`
}

func (c *check) json() any {
	out := struct {
		OK       bool         `json:"ok"`
		Segments int          `json:"segments"`
		Frames   uint64       `json:"frames"`
		Events   uint64       `json:"events"`
		Damage   []damageJSON `json:"damage"`
		Doubts   []string     `json:"doubts"`
		Unsaid   int          `json:"more_doubts"`
	}{c.ok(), len(c.report.Segments), c.report.Frames, c.events, []damageJSON{}, append(append([]string{}, c.report.Doubts...), c.wrong...), c.report.Unsaid + c.unsaid}
	for i := range c.report.Damage {
		d := &c.report.Damage[i]
		out.Damage = append(out.Damage, damageJSON{d.String(), d.Bad(), d.Segment, d.Offset, d.Bytes, d.First, d.Last, d.Records, d.Generated, d.Waited})
	}
	return out
}

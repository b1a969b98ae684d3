package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"tallyman/outputs/format"
	"tallyman/pipeline/engine"
	"tallyman/pipeline/plugin"
)

func newDeadletterShow(s streams) *cobra.Command {
	var output, as string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "show ID...", Short: "Show dead letters: why, the source text, and the event in a format",
		Long: `show writes of each dead letter when and why which output refused it, the source text
where the event keeps it, and the event in the format that is asked for. What would
act on a terminal is written as \xHH.`,
		Example: "  tallyman deadletter show 1B4P5ZYHXM0J8Q7RGW2T3N6VKD\n  tallyman deadletter show 1B4P5ZYHXM0J8Q7RGW2T3N6VKD --format cef",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			enc, err := format.New(&format.Settings{Format: as, Color: !asJSON && colour(cmd, s.out)}, plugin.Env{})
			if err != nil {
				return &exit{exitUsage, err}
			}
			l, err := boxOf(cmd, s, output)
			if err != nil {
				return err
			}
			bad := l.read()
			if err := l.known(args); err != nil {
				return errors.Join(bad, err)
			}
			v := viewer{enc: enc, safe: as == format.JSON || as == format.Text, object: as == format.JSON}
			if asJSON {
				return errors.Join(bad, failed(v.json(l, args)))
			}
			return errors.Join(bad, failed(v.print(l, args)))
		},
	}
	outputFlag(cmd, &output)
	cmd.Flags().StringVar(&as, "format", format.JSON, "json, cef, rfc5424 or text")
	cmd.Flags().BoolVar(&asJSON, "json", false, "all of it as JSON, with the event in the format")
	return cmd
}

// viewer renders letters.
type viewer struct {
	enc    plugin.Encoder
	safe   bool // the format has nothing that acts on a terminal
	object bool // the format is JSON
}

// render returns the source text and the event in the format. A letter whose
// event does not decode has the text that the letter itself keeps.
func (v *viewer) render(d *engine.DeadLetter) (raw string, text []byte, err error) {
	e, err := d.Decode()
	if err != nil {
		return d.Raw, nil, err
	}
	text, err = v.enc.Append(nil, e)
	return e.Raw, text, err
}

func (v *viewer) print(l *letters, ids []string) error {
	first := true
	var bad error
	for d := range l.all {
		if !named(ids, d) {
			continue
		}
		raw, text, err := v.render(d)
		if err != nil {
			bad = errors.Join(bad, err)
		}
		if !v.safe {
			text = inert(nil, text)
		}
		between := "\n"
		if first {
			between, first = "", false
		}
		if _, err := fmt.Fprintf(l.s.out, "%sid      %s\ntime    %s\noutput  %s\nreason  %s\nraw     %s\nevent   %s\n", between, cell(d.ID), stampOf(d), cell(d.Output),
			cell(d.Reason), cmp.Or(inertString(raw), "-"), cmp.Or(string(text), "it does not decode")); err != nil {
			return err
		}
	}
	return bad
}

func (v *viewer) json(l *letters, ids []string) error {
	out := lettersJSON{Letters: []letterJSON{}}
	var bad error
	for d := range l.all {
		if !named(ids, d) {
			continue
		}
		one := newLetterJSON(d)
		raw, text, err := v.render(d)
		one.Raw = &raw
		switch {
		case err != nil:
			bad = errors.Join(bad, err)
		case v.object:
			one.Event = json.RawMessage(text)
		default:
			one.Event = string(text)
		}
		out.Letters = append(out.Letters, one)
	}
	return errors.Join(writeLetters(l.s.out, out), bad)
}

// writeLetters is writeJSON with what JSON leaves as it is and some terminals act
// on, DEL and the C1 controls, escaped too. Both stand in strings only.
func writeLetters(w io.Writer, out lettersJSON) error {
	var b bytes.Buffer
	if err := writeJSON(&b, out); err != nil {
		return err
	}
	var safe []byte
	for _, r := range b.String() {
		if r >= 0x7f && r < 0xa0 {
			safe = fmt.Appendf(safe, `\u%04x`, r)
			continue
		}
		safe = append(safe, string(r)...)
	}
	_, err := w.Write(safe)
	return err
}

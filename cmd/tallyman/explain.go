package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tallyman/outputs/format"
	"tallyman/pipeline/config"
	"tallyman/pipeline/engine"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// mostExplained bounds what is read: explain is for a few lines.
const mostExplained = 16 << 20

func newExplain(s streams) *cobra.Command {
	var input string
	var as []string
	var all bool
	cmd := &cobra.Command{
		Use: "explain [FILE|-]", Short: "Show what the pipeline makes of a record, step by step",
		Long: `explain takes the records of a file, or of standard input, through the transforms of
the configuration and shows for each event: which input and decoder claimed it,
every field, how its container was found, what each rule said, and the event in
each format. Nothing is journalled or delivered.`,
		Example: "  ausearch --raw -a 584890 | tallyman explain\n  tallyman explain --as json,cef record.txt",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			lines, err := recordsOf(s.in, args)
			if err != nil {
				return failed(err)
			}
			p, err := load(cmd, s, looking())
			if err != nil {
				return err
			}
			defer p.Close()
			name, decoder, err := claims(p.Config, input)
			if err != nil {
				return &exit{exitUsage, err}
			}
			x := &explainer{w: s.out, all: all}
			if err := x.formats(as); err != nil {
				return &exit{exitUsage, err}
			}
			if _, err := fmt.Fprintf(s.out, "%d records, claimed by input %s, decoder %s\n", len(lines), name, decoder); err != nil {
				return failed(err)
			}
			return failed(p.Explain(cmd.Context(), name, decoder, lines, x.event))
		},
	}
	f := cmd.Flags()
	f.StringVar(&input, "input", "", "the `NAME` of the input that the records are given to; the first where none is named")
	f.StringSliceVar(&as, "as", []string{format.JSON, format.CEF, format.RFC5424, format.Text}, "the formats to show: "+strings.Join(formats(), ", "))
	f.BoolVar(&all, "all", false, "also show rules that were not applicable")
	return cmd
}

// recordsOf reads the lines of the file that is named, or of standard input.
func recordsOf(in io.Reader, args []string) ([]string, error) {
	if len(args) == 1 && args[0] != "-" {
		f, err := os.Open(args[0])
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // nothing was written
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, mostExplained+1))
	if err != nil {
		return nil, err
	}
	if len(text) > mostExplained {
		return nil, fmt.Errorf("the records take more than %s, and explain is for a few lines: give it fewer or shorter ones", config.FormatSize(mostExplained))
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("there is no record to explain: give a file, or lines on standard input")
	}
	return lines, nil
}

// claims returns the input that takes the records, and its decoder.
func claims(c *config.Config, input string) (name, decoder string, err error) {
	var names []string
	for _, in := range c.Inputs {
		if in.Name == input || input == "" {
			return in.Name, in.Decoder(), nil
		}
		names = append(names, in.Name)
	}
	return "", "", fmt.Errorf("the configuration has no input %q; it has %s", input, strings.Join(names, ", "))
}

// explainer prints events.
type explainer struct {
	w    io.Writer
	b    bytes.Buffer // one event
	all  bool
	n    int
	as   []string
	encs []plugin.Encoder
}

func (x *explainer) formats(names []string) error {
	for _, name := range names {
		enc, err := format.New(&format.Settings{Format: name}, plugin.Env{})
		if err != nil {
			return err
		}
		x.as, x.encs = append(x.as, name), append(x.encs, enc)
	}
	return nil
}

// event prints one event.
func (x *explainer) event(e *engine.Explained) error {
	x.n++
	ev := &e.Event
	stands := fmt.Sprintf("stands for %d records", ev.Records)
	if ev.Records == 0 {
		stands = "made by tallyman"
	}
	x.b.Reset()
	fmt.Fprintf(&x.b, "\n── event %d: %s, %s ──\n", x.n, ev.Dataset, stands)
	x.fields(ev)
	fmt.Fprintf(&x.b, "\ncontainer: %s\n", containerOf(ev))
	x.findings(e.Findings)
	for i, enc := range x.encs {
		b, err := enc.Append(nil, ev)
		if err != nil {
			b = []byte("not rendered: " + err.Error())
		}
		fmt.Fprintf(&x.b, "\n%s:\n%s\n", x.as[i], visible(string(b)))
	}
	_, err := x.w.Write(x.b.Bytes())
	return err
}

func (x *explainer) fields(ev *event.Event) {
	head := event.Fields{}
	for _, k := range []schema.Key{schema.Timestamp, schema.EventID, schema.EventDataset, schema.EventCreated, schema.EventOriginal} {
		head.Add(k, ev.Get(k))
	}
	list := slices.Concat(head, ev.Fields, ev.Shared)
	slices.SortStableFunc(list, func(a, b event.Field) int { return strings.Compare(fieldName(a), fieldName(b)) })
	rows := make([][]string, 0, len(list))
	for _, f := range list {
		rows = append(rows, []string{"  " + fieldName(f), f.Key.Info().Type.String(), visible(string(f.Value().Append(nil)))})
	}
	x.b.Write(table(0, rows))
}

func fieldName(f event.Field) string {
	if f.Name() == "" {
		return f.Key.String()
	}
	return f.Key.String() + "." + f.Name()
}

// visible writes what would act on a terminal as \xHH. The formats themselves may
// carry such bytes; what an output sends is not changed by this.
func visible(s string) string {
	acts := func(r rune) bool { return r < 0x20 && r != '\t' || r >= 0x7f && r < 0xa0 }
	if !strings.ContainsFunc(s, acts) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if acts(r) {
			fmt.Fprintf(&b, `\x%02x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func containerOf(ev *event.Event) string {
	method := ev.Get(schema.TallymanContainerMethod).Str()
	how := fmt.Sprintf("method %s, confidence %s", method, ev.Get(schema.TallymanContainerConfidence).Str())
	switch id := ev.Get(schema.ContainerID).Str(); {
	case method == "":
		return "nobody looked: the configuration has no transform for it, or the event has no process"
	case id != "":
		return strings.TrimSpace(ev.Get(schema.ContainerName).Str()+" "+id) + " (" + how + ")"
	case ev.Get(schema.TallymanContainerHost).True():
		return "none: it is proven to be outside every container (" + how + ")"
	}
	return "unknown (" + how + ")"
}

func (x *explainer) findings(list []plugin.Finding) {
	if len(list) == 0 {
		return
	}
	x.b.WriteString("\nverdicts:\n")
	var rows [][]string
	skipped := 0
	for _, f := range list {
		if f.Verdict == "skipped" && !x.all {
			skipped++
			continue
		}
		rows = append(rows, []string{"  " + f.Subject, f.Verdict, f.Detail})
	}
	x.b.Write(table(0, rows))
	if skipped > 0 {
		fmt.Fprintf(&x.b, "  (and %d that do not apply to this kind of event; --all shows them)\n", skipped)
	}
}

// formats are the formats that events may be shown in.
func formats() []string { return format.Words() }

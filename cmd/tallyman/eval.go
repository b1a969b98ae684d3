package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"tallyman/pipeline/engine"
	"tallyman/pipeline/event"
	"tallyman/pipeline/expr"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	ours "tallyman/transforms/decode/tallyman"
)

// evaluation is what the flags of eval say.
type evaluation struct {
	file, input string
	records     []string
	fields      bool

	program *expr.Program
	machine *expr.Machine
	out     io.Writer
}

func newEval(s streams) *cobra.Command {
	var v evaluation
	cmd := &cobra.Command{
		Use: "eval EXPRESSION", Short: "Say what an expression gives for an event", Args: cobra.ExactArgs(1),
		Long: `eval compiles an expression, as rules, when and query have them, and prints what it
gives: one line for each event. Events come from a file of our own JSON (-e; - is
standard input; several may follow each other; what you write yourself may lack
@timestamp, event.id and event.dataset), or from source records (--record),
which are taken through the transforms of the configuration as explain does it.
Without either the expression is asked of an event that has no field.`,
		Example: "  tallyman eval 'event.severity >= 6' -e event.json\n" +
			"  tallyman query 'event.kind == \"alert\"' --format json | tallyman eval 'process.executable' -e -\n" +
			"  tallyman eval '1 + 1 == 2'",
		RunE: func(cmd *cobra.Command, args []string) error { return v.run(cmd, s, args[0]) },
	}
	f := cmd.Flags()
	f.StringVarP(&v.file, "event", "e", "", "the `FILE` of events in JSON; - is standard input")
	f.StringArrayVar(&v.records, "record", nil, "a source record, a `LINE`; may be given several times")
	f.StringVar(&v.input, "input", "", "the `NAME` of the input that the records are given to; the first where none is named")
	f.BoolVar(&v.fields, "fields", false, "also print the fields that the expression reads, with their values")
	cmd.MarkFlagsMutuallyExclusive("event", "record")
	return cmd
}

func (v *evaluation) run(cmd *cobra.Command, s streams, text string) error {
	program, err := expr.NewCompiler(expr.Options{}).String(plugin.Text{Value: text, Pos: plugin.Pos{Line: 1, Col: 1}})
	if err != nil {
		return &exit{exitUsage, wrongExpression(text, err)}
	}
	v.program, v.machine, v.out = program, expr.NewMachine(), s.out
	switch {
	case len(v.records) > 0:
		return v.ofRecords(cmd, s)
	case v.file != "":
		return failed(v.ofFile(s))
	}
	return failed(v.event(&event.Event{}))
}

// wrongExpression shows where in the expression each problem is.
func wrongExpression(text string, err error) error {
	var list plugin.Problems
	if !errors.As(err, &list) {
		return fmt.Errorf("the expression is not understood: %w", err)
	}
	var b strings.Builder
	b.WriteString("the expression is not understood")
	for _, p := range list {
		fmt.Fprintf(&b, "\n  %s\n", visible(text))
		if at := p.Pos.Col - 1; at >= 0 && at <= len(text) && !strings.Contains(text, "\n") {
			fmt.Fprintf(&b, "  %s^\n", strings.Repeat(" ", len([]rune(text[:at]))))
		}
		fmt.Fprintf(&b, "  %s", visible(p.Text))
		if p.Hint != "" {
			fmt.Fprintf(&b, " (%s)", visible(p.Hint))
		}
	}
	return errors.New(b.String())
}

// ofFile asks the expression of every event of a file in our own JSON.
func (v *evaluation) ofFile(s streams) error {
	in := s.in
	if v.file != "-" {
		f, err := os.Open(v.file)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // nothing was written
		in = f
	}
	dec := ours.Plugin.Decoder(plugin.Env{Meter: &meter.Registry{}})
	objects := json.NewDecoder(io.LimitReader(in, mostExplained))
	for n := 1; ; n++ {
		var raw json.RawMessage
		if err := objects.Decode(&raw); errors.Is(err, io.EOF) && n > 1 {
			return nil
		} else if err != nil {
			return fmt.Errorf("event %d of %s is not JSON: %w; give it what `tallyman query --format json` prints", n, v.file, err)
		}
		var out event.Batch
		if err := dec.Decode(event.Event{Raw: whole(raw), Records: 1}, &out); err != nil {
			return fmt.Errorf("event %d of %s is none of tallyman's: %w; give it what `tallyman query --format json` prints", n, v.file, err)
		}
		for i := range out.Events {
			if err := v.event(&out.Events[i]); err != nil {
				return err
			}
		}
	}
}

// whole gives an object that somebody wrote by hand what every event has.
func whole(raw json.RawMessage) string {
	var top, ev map[string]json.RawMessage
	if json.Unmarshal(raw, &top) != nil {
		return string(raw) // the decoder says what is wrong with it
	}
	if json.Unmarshal(top["event"], &ev) != nil {
		ev = nil // as where there is none
	}
	add := func(name string, nested map[string]json.RawMessage, key, value string) {
		_, dotted := top[name]
		if _, ok := nested[key]; !ok && !dotted {
			top[name] = json.RawMessage(value)
		}
	}
	add("@timestamp", nil, "", `"1970-01-01T00:00:00Z"`)
	add("event.id", ev, "id", `"`+event.NewID(raw).String()+`"`)
	add("event.dataset", ev, "dataset", `"by.hand"`)
	text, err := json.Marshal(top)
	if err != nil {
		return string(raw)
	}
	return string(text)
}

// ofRecords asks it of what the transforms make of the records.
func (v *evaluation) ofRecords(cmd *cobra.Command, s streams) error {
	p, err := load(cmd, s, looking())
	if err != nil {
		return err
	}
	defer p.Close()
	name, decoder, err := claims(p.Config, v.input)
	if err != nil {
		return &exit{exitUsage, err}
	}
	var lines []string // one argument may hold several
	for _, r := range v.records {
		lines = append(lines, strings.Split(strings.TrimRight(r, "\r\n"), "\n")...)
	}
	return failed(p.Explain(cmd.Context(), name, decoder, lines, func(e *engine.Explained) error { return v.event(&e.Event) }))
}

// event prints what the expression gives for one event.
func (v *evaluation) event(e *event.Event) error {
	v.machine.Load(e)
	text, err := v.program.Text(v.machine)
	if err != nil {
		return fmt.Errorf("the expression fails for event %s: %w", e.ID, err)
	}
	var b strings.Builder
	b.WriteString(inertLines(text) + "\n")
	if v.fields {
		rows := [][]string{}
		for _, k := range v.program.Fields() {
			value := "(absent)"
			if v := e.Get(k); !v.IsZero() {
				value = visible(string(v.Append(nil)))
			}
			rows = append(rows, []string{"  " + k.String(), k.Info().Type.String(), value})
		}
		b.Write(table(0, rows))
	}
	_, err = io.WriteString(v.out, b.String())
	return err
}

package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// TestHelpFitsATerminal: no line of help but an example is longer than 80 columns, and
// no word is lost on the way there.
func TestHelpFitsATerminal(t *testing.T) {
	verbs := 0
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		verbs++
		var b bytes.Buffer
		cmd.SetOut(&b)
		if err := cmd.Help(); err != nil {
			t.Fatal(err)
		}
		examples := false
		for line := range strings.Lines(b.String()) {
			if line = strings.TrimSuffix(line, "\n"); line != "" && line[0] != ' ' {
				examples = line == "Examples:"
			}
			if n := len([]rune(line)); n > helpWidth && !examples {
				t.Errorf("%s: a line of %d columns: %q", cmd.CommandPath(), n, line)
			}
		}
		long := cmd.Long
		if long == "" {
			long = cmd.Short
		}
		if want := strings.Fields(long + " " + cmd.UsageString()); !slices.Equal(strings.Fields(b.String()), want) {
			t.Errorf("%s: words are lost or changed:\n%s", cmd.CommandPath(), b.String())
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(streams{}))
	if verbs < 40 {
		t.Errorf("only %d verbs were looked at", verbs)
	}
}

// TestHelpKeepsItsForm: a description goes on below where it began, an example stays on
// its line, and what is indented is no part of the paragraph above.
func TestHelpKeepsItsForm(t *testing.T) {
	long := strings.Repeat("word ", 20)
	got := fitText("one\ntwo " + long + "\n  kept   apart\nthree")
	if want := "one two " + strings.TrimSpace(strings.Repeat("word ", 14)) + "\n" + strings.TrimSpace(strings.Repeat("word ", 6)) + "\n  kept   apart\nthree"; got != want {
		t.Errorf("text:\n%s", got)
	}
	example := "  tallyman query " + long
	got = fitUsage("Examples:\n" + example + "\n\nFlags:\n      --name FILE   " + long)
	if want := "Examples:\n" + strings.TrimRight(example, " ") + "\n\nFlags:\n      --name FILE   " + strings.TrimSpace(strings.Repeat("word ", 12)) + "\n" +
		strings.Repeat(" ", 20) + strings.TrimSpace(strings.Repeat("word ", 8)) + "\n"; got != want {
		t.Errorf("usage:\n%s", got)
	}
}

// TestTableEndsWhereItsTextEnds: the last column is not filled up.
func TestTableEndsWhereItsTextEnds(t *testing.T) {
	rows := [][]string{{"a", "long last column"}, {"bb", ""}, {"c", "d"}}
	if got, want := string(table(0, rows)), "a   long last column\nbb\nc   d\n"; got != want {
		t.Errorf("to the left %q, want %q", got, want)
	}
	if got, want := string(table(tabwriter.AlignRight, rows[:1])), "  a  long last column\n"; got != want {
		t.Errorf("to the right %q, want %q", got, want)
	}
}

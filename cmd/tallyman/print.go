package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"tallyman/pipeline/engine"
	"tallyman/pipeline/journal"
)

// table lays rows out in columns, to the left or, with AlignRight, to the right. No line
// ends with blanks: a narrow terminal would break it there for nothing.
func table(flags uint, rows [][]string) []byte {
	var b bytes.Buffer
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', flags)
	for _, row := range rows {
		// A buffer takes everything.
		_, _ = io.WriteString(t, strings.Join(row, "\t")+"\t\n")
	}
	_ = t.Flush()
	out := make([]byte, 0, b.Len())
	for line := range bytes.Lines(b.Bytes()) {
		out = append(append(out, bytes.TrimRight(line, " \n")...), '\n')
	}
	return out
}

// books prints the account of every output as a table: one row per state, and
// whether the rows add up.
func books(w io.Writer, list []journal.Book) error {
	row := func(name string, cell func(*journal.Book) string) []string {
		r := []string{name}
		for i := range list {
			r = append(r, cell(&list[i]))
		}
		return r
	}
	rows := [][]string{row("", func(b *journal.Book) string { return b.Output })}
	for i, c := range engine.Columns(&journal.Book{}) {
		if i >= 2 && empty(list, i) {
			continue
		}
		rows = append(rows, row(c.Name, func(b *journal.Book) string {
			c := engine.Columns(b)[i]
			return amount(c.Records, c.Generated)
		}))
	}
	rows = append(rows, row("balance", func(b *journal.Book) string {
		if b.Balanced() {
			return "ok"
		}
		return "DOES NOT BALANCE"
	}))
	_, err := fmt.Fprintf(w, "\nThe books, in source records (+ events of our own, which stand for none):\n%s", table(tabwriter.AlignRight, rows))
	return err
}

// empty reports whether a state is zero in every book.
func empty(list []journal.Book, i int) bool {
	for k := range list {
		if c := engine.Columns(&list[k])[i]; c.Records+c.Generated > 0 {
			return false
		}
	}
	return true
}

func amount(records, generated uint64) string {
	if generated == 0 {
		return fmt.Sprint(records)
	}
	return fmt.Sprintf("%d (+%d)", records, generated)
}

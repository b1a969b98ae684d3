package report

import (
	"encoding/csv"
	"io"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// Cited writes every event that a figure counts, as CSV. A cell that a spreadsheet
// would take for a formula begins with an apostrophe.
type Cited struct {
	w   *csv.Writer
	row []string
}

var citedColumns = []string{"event.id", "@timestamp", "event.kind", "event.dataset", "host", "who", "user.effective", "container", "container.id", "image",
	"event.action", "event.outcome", "rule.id", "event.reference", "message", "figures"}

// NewCited writes the head of the file to w.
func NewCited(w io.Writer) (*Cited, error) {
	c := &Cited{w: csv.NewWriter(w)}
	return c, c.w.Write(citedColumns)
}

func (c *Cited) write(e *event.Event, at time.Time, codes []string) error {
	get := func(k schema.Key) string { return e.Get(k).Str() }
	c.row = append(c.row[:0], e.ID.String(), stamp(at), get(schema.EventKind), e.Dataset, host(e), who(e), effective(e), container(e), get(schema.ContainerID), image(e),
		get(schema.EventAction), get(schema.EventOutcome), get(schema.RuleID), get(schema.EventReference), get(schema.Message), strings.Join(codes, " "))
	for i := range c.row {
		c.row[i] = csvCell(c.row[i])
	}
	return c.w.Write(c.row)
}

// Flush writes what is held back.
func (c *Cited) Flush() error {
	c.w.Flush()
	return c.w.Error()
}

// WriteFigures writes every figure of a report as CSV.
func WriteFigures(w io.Writer, r *Report) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{"figure", "section", "what", "events", "failed", "first", "last", "controls"}); err != nil {
		return err
	}
	for _, s := range r.Sections {
		for _, row := range s.Rows {
			line := []string{row.Code, s.Title, strings.Join(row.Cells, " / "), number(row.Count), number(row.Failed), row.First, row.Last, strings.Join(s.Serves, " ")}
			for i := range line {
				line[i] = csvCell(line[i])
			}
			if err := out.Write(line); err != nil {
				return err
			}
		}
	}
	for _, g := range r.Gaps {
		if err := out.Write([]string{"gap", g.Kind, csvCell(g.Host), "0", "0", g.From, g.To, ""}); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

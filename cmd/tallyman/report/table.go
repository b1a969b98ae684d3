package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/event"
)

// Bounds of a report.
const (
	maxRows    = 500 // of a table
	maxSamples = 20  // ids of a figure that the index shows
	maxCell    = 160 // runes of a cell
)

// Section is one table of a report.
type Section struct {
	ID      string   `json:"id"` // the first part of its figures' codes
	Title   string   `json:"title"`
	Intro   string   `json:"intro"`
	Serves  []string `json:"serves,omitempty"` // controls of the pack
	Columns []string `json:"columns"`
	Rows    []*Row   `json:"rows"`
	Empty   string   `json:"empty"` // what to say when there is no row
}

// Row is a line of a table and the figure that it shows.
type Row struct {
	Cells  []string `json:"cells"`
	Code   string   `json:"figure"`
	Count  uint64   `json:"events"`
	Failed uint64   `json:"failed"`
	Folded uint64   `json:"folded,omitempty"`     // repeats that a rule kept back
	Expr   string   `json:"expression,omitempty"` // for its events, where ids are not named
	First  string   `json:"first,omitempty"`
	Last   string   `json:"last,omitempty"`
	Sample []string `json:"event_ids"` // the first of them

	first, last time.Time
}

// Query is the expression for the events of the figure that the index shows.
func (r *Row) Query() string {
	if r.Expr != "" || len(r.Sample) == 0 {
		return r.Expr
	}
	return `event.id in ["` + strings.Join(r.Sample, `", "`) + `"]`
}

// table counts rows by their cells.
type table struct {
	Section
	at     map[string]*Row
	others *Row
	key    []byte
	fixed  bool // its rows stay in their order
}

// count adds an event to the row with these cells and returns the row's code.
func (t *table) count(e *event.Event, at time.Time, cells ...string) string {
	for i := range cells {
		cells[i] = cell(cells[i])
	}
	return t.row(cells).add(e, at)
}

func (t *table) row(cells []string) *Row {
	t.key = t.key[:0]
	for _, c := range cells {
		t.key = append(append(t.key, c...), 0)
	}
	if r := t.at[string(t.key)]; r != nil {
		return r
	}
	if len(t.at) >= maxRows {
		if t.others == nil {
			list := make([]string, len(cells))
			list[0] = "all others"
			t.others = &Row{Cells: list, Code: t.ID + "-others"}
		}
		return t.others
	}
	own := make([]string, len(cells))
	for i, c := range cells {
		own[i] = strings.Clone(c) // it may be a view of a batch
	}
	return t.put(&Row{Cells: own, Code: t.ID + "-" + strconv.Itoa(len(t.at)+1)}, string(t.key))
}

func (t *table) put(r *Row, key string) *Row {
	if t.at == nil {
		t.at = map[string]*Row{}
	}
	t.at[key] = r
	t.Rows = append(t.Rows, r)
	return r
}

func (r *Row) add(e *event.Event, at time.Time) string {
	r.Count++
	if failed(e) {
		r.Failed++
	}
	if len(r.Sample) < maxSamples {
		r.Sample = append(r.Sample, e.ID.String())
	}
	if r.first.IsZero() || at.Before(r.first) {
		r.first = at
	}
	if at.After(r.last) {
		r.last = at
	}
	return r.Code
}

// done puts the rows in order, those with the most events first.
func (t *table) done() *Section {
	if !t.fixed {
		slices.SortStableFunc(t.Rows, func(a, b *Row) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), slices.Compare(a.Cells, b.Cells))
		})
	}
	if t.others != nil {
		t.Rows = append(t.Rows, t.others)
	}
	for _, r := range t.Rows {
		r.First, r.Last = stamp(r.first), stamp(r.last)
		if r.Sample == nil {
			r.Sample = []string{}
		}
	}
	if t.Rows == nil {
		t.Rows = []*Row{}
	}
	return &t.Section
}

// cell makes text fit for a table: bounded, and inert.
func cell(s string) string {
	s = Inert(s)
	n := 0
	for i := range s {
		if n++; n > maxCell {
			return s[:i] + "…"
		}
	}
	return s
}

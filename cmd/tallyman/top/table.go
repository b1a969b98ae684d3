package top

import (
	"cmp"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// cell is one field of a table. Its text is inert.
type cell struct {
	text string
	num  float64 // what it is sorted by, where its column is of numbers
}

func word(s string) cell                { return cell{text: inert(s)} }
func number(n uint64) cell              { return cell{count(n), float64(n)} }
func perSecond(v float64) cell          { return cell{rate(v), v} }
func measured(t string, v float64) cell { return cell{t, v} }

// column is the head of a column.
type column struct {
	name   string
	number bool // flushed right, and sorted from the largest down
}

// row is a line of a table.
type row struct {
	cells []cell
	bad   bool   // something is wrong with it
	more  string // said in full when it is opened; lines
}

// grid is a table that is shown.
type grid struct {
	columns []column
	rows    []row
	empty   string // said where there are no rows
}

// keep drops the rows in which no cell holds the text, whatever its case.
func (g *grid) keep(text string) {
	if text == "" {
		return
	}
	text = strings.ToLower(text)
	n := len(g.rows)
	g.rows = slices.DeleteFunc(g.rows, func(r row) bool {
		return !slices.ContainsFunc(r.cells, func(c cell) bool { return strings.Contains(strings.ToLower(c.text), text) })
	})
	if n > 0 {
		g.empty = "nothing here holds that text; esc takes the filter away"
	}
}

// sort orders the rows by a column: numbers from the largest down, words from A; the
// other way round with reverse. Rows that are alike keep their order.
func (g *grid) sort(by int, reverse bool) {
	if by < 0 || by >= len(g.columns) {
		return
	}
	numbers := g.columns[by].number
	slices.SortStableFunc(g.rows, func(a, b row) int {
		order := strings.Compare(a.cells[by].text, b.cells[by].text)
		if numbers {
			order = cmp.Compare(b.cells[by].num, a.cells[by].num)
		}
		if reverse {
			return -order
		}
		return order
	})
}

// lines lays the table out in so many cells: its head, then a line for each row. What
// does not fit is cut, the widest column of words first.
func (g *grid) lines(width, by int) (head string, body []string) {
	names := make([]string, len(g.columns))
	widths := make([]int, len(g.columns))
	for i, c := range g.columns {
		names[i] = c.name
		if i == by {
			names[i] += "*"
		}
		widths[i] = ansi.StringWidth(names[i])
		for _, r := range g.rows {
			widths[i] = max(widths[i], ansi.StringWidth(r.cells[i].text))
		}
	}
	g.shrink(widths, width)
	line := func(text func(i int) string) string {
		parts := make([]string, len(widths))
		for i, w := range widths {
			parts[i] = fit(text(i), w, g.columns[i].number)
		}
		return ansi.Truncate(strings.TrimRight(strings.Join(parts, "  "), " "), width, "…")
	}
	for _, r := range g.rows {
		body = append(body, line(func(i int) string { return r.cells[i].text }))
	}
	return line(func(i int) string { return names[i] }), body
}

// shrink takes from the widest column of words until the table fits or no column of
// words is wider than narrow.
func (g *grid) shrink(widths []int, width int) {
	const narrow = 8
	total := 2 * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for ; total > width; total-- {
		widest := -1
		for i, w := range widths {
			if !g.columns[i].number && w > narrow && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

// fit makes a text exactly so many cells wide.
func fit(s string, width int, right bool) string {
	if ansi.StringWidth(s) > width {
		s = ansi.Truncate(s, width, "…")
	}
	pad := strings.Repeat(" ", max(0, width-ansi.StringWidth(s)))
	if right {
		return pad + s
	}
	return s + pad
}

package top

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// View implements tea.Model.
func (m Model) View() tea.View {
	v := tea.NewView(m.Screen())
	v.AltScreen = true
	return v
}

// Screen is the text of the screen: at most height lines of at most width cells.
func (m Model) Screen() string {
	lines := m.head()
	foot := []string{m.note(), m.hint()}
	room := max(0, m.height-len(lines)-len(foot))
	var body []string
	switch {
	case m.help:
		body = strings.Split(helpText, "\n")
	case m.state == nil:
		body = m.nothing()
	default:
		body = m.table(room)
	}
	for len(body) < room {
		body = append(body, "")
	}
	lines = append(append(lines, body[:room]...), foot...)
	for i, l := range lines {
		lines[i] = ansi.Truncate(l, m.width, "…")
	}
	return strings.Join(lines[:min(len(lines), max(m.height, 0))], "\n")
}

// paint gives a text a look, where there are colours.
func (m Model) paint(s string, look lipgloss.Style) string {
	if !m.o.Colour || s == "" {
		return s
	}
	return look.Render(s)
}

func good() lipgloss.Style { return lipgloss.NewStyle().Foreground(lipgloss.Green) }
func bad() lipgloss.Style  { return lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true) }
func strong() lipgloss.Style {
	return lipgloss.NewStyle().Bold(true)
}
func chosen() lipgloss.Style { return lipgloss.NewStyle().Reverse(true) }
func faint() lipgloss.Style  { return lipgloss.NewStyle().Faint(true) }

// head is what stands above every pane.
func (m Model) head() []string {
	first := "tallyman top"
	second := ""
	if st := m.state; st != nil {
		state := m.paint("ready", good())
		if !st.Ready {
			state = m.paint("NOT READY", bad())
		}
		first = fmt.Sprintf("tallyman %s  pid %d  up %s  %s", inert(st.Version), st.PID, span(time.Duration(st.Uptime)*time.Second), state)
		if m.paused {
			first += "  " + m.paint("PAUSED", strong())
		}
		first = between(first, m.at.Format(time.TimeOnly), m.width)
		j := st.Journal
		second = fmt.Sprintf("journal %s %s of %s", bar(j.Bytes, j.Max, 10), size(j.Bytes), size(j.Max))
		in, out := 0.0, 0.0
		var line []float64
		for _, p := range m.trend.Points() {
			in, out = p.In, p.Out
			line = append(line, p.In)
		}
		second += fmt.Sprintf("  in %s/s  out %s/s  ", rate(in), rate(out))
		second += spark(line, min(40, m.width-ansi.StringWidth(second)))
	}
	return []string{first, second, m.tabs(), ""}
}

// tabs names the panes and the keys that show them.
func (m Model) tabs() string {
	var parts []string
	for p := range numPanes {
		text := fmt.Sprintf(" %d %s ", p+1, p)
		if p == m.pane {
			text = m.paint(fmt.Sprintf("[%d %s]", p+1, p), strong())
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "")
}

// between puts one text at each end of a line.
func between(left, right string, width int) string {
	gap := width - ansi.StringWidth(left) - ansi.StringWidth(right)
	if gap < 1 {
		return left
	}
	return left + strings.Repeat(" ", gap) + right
}

// bar shows how full something is.
func bar(is, most int64, width int) string {
	n := 0
	if most > 0 {
		n = int(min(is*int64(width)/most, int64(width)))
	}
	return "[" + strings.Repeat("#", n) + strings.Repeat(".", width-n) + "]"
}

// spark draws the last values as a line of blocks.
func spark(values []float64, width int) string {
	if width <= 0 || len(values) == 0 {
		return ""
	}
	values = values[max(0, len(values)-width):]
	most := 0.0
	for _, v := range values {
		most = max(most, v)
	}
	blocks := []rune("▁▂▃▄▅▆▇█")
	var b strings.Builder
	for _, v := range values {
		i := 0
		if most > 0 {
			i = int(v / most * float64(len(blocks)-1))
		}
		b.WriteRune(blocks[i])
	}
	return b.String()
}

// grid is the table of the pane, filtered and sorted.
func (m Model) grid() *grid {
	g := &grid{}
	if m.state == nil {
		return g
	}
	switch m.pane {
	case paneInputs:
		g = inputs(m.state, m.trend)
	case paneOutputs:
		g = outputs(m.state, m.trend)
	case paneBooks:
		g = books(m.state)
	case paneLosses:
		g = losses(m.state)
	case paneRules:
		g = rules(m.state, m.before, m.at.Sub(m.beforeAt))
	case paneContainers:
		g = containers(m.seen, m.at)
	}
	g.keep(m.filter)
	g.sort(m.sortBy[m.pane], m.reverse[m.pane])
	return g
}

// table is the pane in so many lines, scrolled to the cursor.
func (m Model) table(room int) []string {
	g := m.grid()
	head, rows := g.lines(m.width-2, m.sortBy[m.pane])
	at := max(0, min(m.cursor[m.pane], len(rows)-1))
	if m.open && len(rows) > 0 {
		return opened(g, at)
	}
	lines := []string{"  " + m.paint(head, strong())}
	if len(rows) == 0 {
		return append(lines, "  "+g.empty)
	}
	from := max(0, at-max(0, room-2))
	for i := from; i < len(rows) && len(lines) < room; i++ {
		switch text := rows[i]; {
		case i == at:
			lines = append(lines, "> "+m.paint(text, chosen()))
		case g.rows[i].bad:
			lines = append(lines, "  "+m.paint(text, bad()))
		default:
			lines = append(lines, "  "+text)
		}
	}
	return lines
}

// opened is one row in full.
func opened(g *grid, at int) []string {
	var lines []string
	for i, c := range g.rows[at].cells {
		lines = append(lines, fmt.Sprintf("  %-12s %s", g.columns[i].name, c.text))
	}
	lines = append(lines, "")
	for l := range strings.Lines(g.rows[at].more) {
		lines = append(lines, "  "+inert(strings.TrimSuffix(l, "\n")))
	}
	return lines
}

// nothing stands where there is no state yet.
func (m Model) nothing() []string {
	if m.err == nil {
		return []string{"  asking the running process …"}
	}
	return []string{"  " + inert(m.err.Error()), "", "  This view asks again every " + m.o.Interval.String() + "."}
}

// note is what is wrong, in one line.
func (m Model) note() string {
	switch {
	case m.state == nil:
		return ""
	case m.err != nil:
		return m.paint("! no answer since "+m.at.Format(time.TimeOnly)+": "+inert(m.err.Error()), bad())
	case !m.state.Ready:
		return m.paint("! "+inert(strings.Join(strings.Fields(m.state.Problem), " ")), bad())
	case m.pane == paneContainers:
		_, events, missed := m.seen.list()
		return fmt.Sprintf("%s events seen since the pane was opened, %s passed over", count(events), count(missed))
	}
	return ""
}

// hint names the keys, or is the filter while it is written.
func (m Model) hint() string {
	switch {
	case m.typing:
		return "/" + m.filter + "_"
	case m.filter != "":
		return m.paint("filter /"+m.filter+"  esc: no filter  ?: help  q: quit", faint())
	}
	return m.paint("1-6 pane  / filter  s sort  S reverse  enter open  p pause  ? help  q quit", faint())
}

// helpText is the help.
const helpText = `  1 to 6, tab   show a pane
  up, down      move (also k, j, page up, page down, g, G)
  enter         show the row in full; esc goes back
  /             filter: rows that hold a text; esc takes it away
  s             sort by the next column, marked *; S the other way round
  p             hold the picture still; p again goes on
  ?             this help
  q             quit

  Rates are of the last ten seconds. OLDEST is how long the oldest record has
  waited, DRAIN how long the backlog takes at the pace of the last half
  minute. Inputs count source records; books and outputs count events of our own
  (alerts) too. Containers are counted only while their pane is shown.`

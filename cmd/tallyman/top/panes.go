package top

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tallyman/pipeline/engine"
	"tallyman/pipeline/trend"
)

// pane is one of the tables that can be shown.
type pane int

// The panes, in the order of their keys: the first is 1.
const (
	paneInputs pane = iota
	paneOutputs
	paneBooks
	paneLosses
	paneRules
	paneContainers
	numPanes
)

// String is the name on the tab.
func (p pane) String() string {
	return []string{"Inputs", "Outputs", "Books", "Losses", "Rules", "Containers"}[p]
}

// words and numbers make columns.
func words(names ...string) (list []column) {
	for _, n := range names {
		list = append(list, column{name: n})
	}
	return list
}

func numbers(names ...string) (list []column) {
	for _, n := range names {
		list = append(list, column{name: n, number: true})
	}
	return list
}

// stateOf is how a part is, in one word.
func stateOf(up bool) string {
	if up {
		return "up"
	}
	return "FAILING"
}

func inputs(st *State, t *trend.Trend) *grid {
	g := &grid{columns: slices.Concat(words("INPUT", "STATE"), numbers("RECORDS/S", "RECORDS"), words("ERROR")), empty: "no inputs"}
	for _, in := range st.Inputs {
		g.rows = append(g.rows, row{cells: []cell{word(in.Name), word(stateOf(in.Up)), perSecond(t.Input(in.Name)), number(in.Records), word(in.Error)},
			bad: !in.Up, more: in.Error})
	}
	return g
}

func outputs(st *State, t *trend.Trend) *grid {
	g := &grid{columns: slices.Concat(words("OUTPUT", "STATE"), numbers("IN/S", "OUT/S", "WAITING", "BYTES", "OLDEST", "DRAIN", "LOST"), words("ERROR")), empty: "no outputs"}
	for i := range st.Outputs {
		o := &st.Outputs[i]
		b := t.Output(o.Name)
		dropped, dead := trend.Lost(o)
		state := stateOf(o.Up)
		if o.Orphan {
			state = "REMOVED"
		}
		g.rows = append(g.rows, row{cells: []cell{word(o.Name), word(state), perSecond(b.In), perSecond(b.Out), number(b.Waiting),
			measured(size(b.Bytes), float64(b.Bytes)), oldest(&b), drain(&b), number(dropped + dead), word(o.Error)},
			bad: !o.Up || dropped > 0 || dead > 0 || !o.Balanced, more: o.Error})
	}
	return g
}

// oldest is how long the oldest record has been waiting.
func oldest(b *trend.Backlog) cell {
	switch {
	case b.Waiting == 0:
		return cell{"-", 0}
	case b.AtLeast:
		return cell{">" + span(b.Age), b.Age.Seconds()}
	}
	return cell{span(b.Age), b.Age.Seconds()}
}

// drain is how long what waits takes; a backlog that does not become less never ends.
func drain(b *trend.Backlog) cell {
	switch {
	case b.Waiting == 0:
		return cell{"-", 0}
	case !b.Draining:
		return cell{"never", (10000 * time.Hour).Seconds()}
	}
	return cell{span(b.Drain), b.Drain.Seconds()}
}

func books(st *State) *grid {
	g := &grid{columns: slices.Concat(words("OUTPUT"), numbers("RECEIVED", "SENT", "WAITING", "FILTERED", "DEAD", "DROPPED"), words("BALANCE")), empty: "no outputs"}
	for i := range st.Outputs {
		o := &st.Outputs[i]
		dropped, dead := trend.Lost(o)
		balance := "balanced"
		if !o.Balanced {
			balance = "DOES NOT BALANCE; please report this"
		}
		g.rows = append(g.rows, row{cells: []cell{word(o.Name), number(trend.Sum(o, "received")), number(trend.Sum(o, "delivered", "unconfirmed")),
			number(trend.Sum(o, "buffered", "in_flight")), number(trend.Sum(o, "filtered")), number(dead), number(dropped), word(balance)},
			bad: !o.Balanced || dropped > 0 || dead > 0, more: book(o)})
	}
	return g
}

// book lists every column that is not zero: source records, and events of our own.
func book(o *engine.BookStatus) string {
	var names []string
	for name := range o.Book {
		if o.Book[name]+o.Generated[name] > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, "%s: %s source records, %s events of our own\n", name, count(o.Book[name]), count(o.Generated[name]))
	}
	return b.String()
}

func losses(st *State) *grid {
	g := &grid{columns: slices.Concat(words("WHERE", "WHAT"), numbers("TIMES", "LOST")), empty: "nothing was lost"}
	for _, l := range st.Losses {
		g.rows = append(g.rows, row{cells: []cell{word("input " + l.Input), word(l.Reason), number(l.Times), number(l.Count)}, bad: true})
	}
	for i := range st.Outputs {
		o := &st.Outputs[i]
		for _, name := range columnsOf(o) {
			if n := trend.Sum(o, name); n > 0 && (name == "dead_lettered" || strings.HasPrefix(name, "dropped_")) {
				g.rows = append(g.rows, row{cells: []cell{word("output " + o.Name), word(name), {"-", 0}, number(n)}, bad: true})
			}
		}
	}
	return g
}

// columnsOf are the names of a book's columns, sorted.
func columnsOf(o *engine.BookStatus) []string {
	var names []string
	for name := range o.Book {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// rules compares two states that lie so far apart, and leaves out what has not matched.
func rules(st, before *State, apart time.Duration) *grid {
	g := &grid{columns: slices.Concat(words("RULE"), numbers("MATCHES/MIN", "MATCHES")), empty: "no rule has matched since the process began, or none is configured"}
	was := map[string]uint64{}
	if before != nil {
		for _, r := range before.Rules {
			was[r.ID] = r.Matches
		}
	}
	for _, r := range st.Rules {
		if r.Matches == 0 {
			continue // the shipped packs have many, and most never match
		}
		pace := 0.0
		if old, known := was[r.ID]; known && r.Matches >= old && apart > 0 {
			pace = float64(r.Matches-old) / apart.Minutes()
		}
		g.rows = append(g.rows, row{cells: []cell{word(r.ID), perSecond(pace), number(r.Matches)}})
	}
	return g
}

func containers(s *seen, now time.Time) *grid {
	g := &grid{columns: slices.Concat(words("CONTAINER", "IMAGE", "LAST ACTION"), numbers("EVENTS", "ALERTS", "QUIET FOR")), empty: "no event of a container has passed since this view was opened"}
	list, _, _ := s.list()
	for _, c := range list {
		name := c.Name
		if name == "" {
			name = c.ID[:min(12, len(c.ID))]
		}
		quiet := now.Sub(c.Last)
		g.rows = append(g.rows, row{cells: []cell{word(name), word(c.Image), word(c.Action), number(c.Events), number(c.Alerts), measured(span(quiet), quiet.Seconds())},
			bad: c.Alerts > 0, more: "container.id " + c.ID})
	}
	return g
}

package container

// The tables that make attribution prints.

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// summary is the tables.
type summary struct {
	live, offline []string                     // rows in order
	cells         map[string]map[string]string // row, column
	category      map[string]map[string]*[3]int
	source        map[string]*[3]int
}

func newSummary() *summary {
	return &summary{cells: map[string]map[string]string{}, category: map[string]map[string]*[3]int{}, source: map[string]*[3]int{}}
}

func (s *summary) add(c *cell, got *score) {
	rules := "runtime"
	if c.own || c.capture == "rotating" {
		rules = "own"
	}
	rows, column := &s.offline, c.loss()
	row := fmt.Sprintf("| %s | %s | %s |", c.capture, rules, c.way.name)
	if c.way.live {
		rows, column = &s.live, c.late.String()
		row += " " + c.loss() + " |"
	}
	if s.cells[row] == nil {
		*rows = append(*rows, row)
		s.cells[row] = map[string]string{}
	}
	s.cells[row][column] = fmt.Sprintf("%.2f / %d", got.rightShare(), got.wrong+got.hostWrong)
	if c.lost > 0 || c.way.live && c.late != 100*time.Millisecond {
		return
	}
	known := rules + ", " + c.way.name
	for name, n := range got.category {
		_, name, _ = strings.Cut(name, "/")
		if s.category[name] == nil {
			s.category[name] = map[string]*[3]int{}
		}
		sum(s.category[name], known, n)
	}
	for name, n := range got.source {
		sum(s.source, "| "+known+" | "+name+" |", n)
	}
}

func sum(at map[string]*[3]int, key string, n *[3]int) {
	if at[key] == nil {
		at[key] = new([3]int)
	}
	for i := range n {
		at[key][i] += n[i]
	}
}

func (s *summary) print() {
	s.grid("Live: right % / wrong events, by how late an event is read", []string{"capture", "rules", "known", "lost"}, s.live,
		[]string{"200µs", "5ms", "100ms", "1s", "10s"})
	s.grid("Offline: right % / wrong events, by what was lost of the log", []string{"capture", "rules", "known"}, s.offline,
		[]string{"0 %", "1 % of events", "5 % of events", "20 % of events", "1 % of records", "5 % of records", "20 % of records"})
	var known []string
	for _, w := range ways {
		known = append(known, "runtime, "+w.name, "own, "+w.name)
	}
	fmt.Println("\nBy category, nothing lost, live ones 100 ms late, right % (events):\n\n| category |", strings.Join(known, " | "), "|\n|---"+strings.Repeat("|---", len(known))+"|")
	for _, name := range slices.Sorted(maps.Keys(s.category)) {
		fmt.Print("| ", name, " |")
		for _, k := range known {
			n := s.category[name][k]
			if n == nil {
				fmt.Print(" |")
				continue
			}
			all := n[0] + n[1] + n[2]
			fmt.Printf(" %.1f (%d) |", 100*float64(n[0])/float64(all), all)
		}
		fmt.Println()
	}
	fmt.Println("\nBy source, nothing lost, live ones 100 ms late; proven host events count as right:\n\n| rules, known | method, confidence | right | wrong | no answer |\n|---|---|---|---|---|")
	for _, k := range slices.Sorted(maps.Keys(s.source)) {
		fmt.Printf("%s %d | %d | %d |\n", k, s.source[k][0], s.source[k][1], s.source[k][2])
	}
}

func (s *summary) grid(title string, heads, rows, columns []string) {
	heads = append(heads, columns...)
	fmt.Println("\n"+title+":\n\n|", strings.Join(heads, " | "), "|\n"+strings.Repeat("|---", len(heads))+"|")
	for _, row := range rows {
		fmt.Print(row)
		for _, c := range columns {
			fmt.Print(" ", s.cells[row][c], " |")
		}
		fmt.Println()
	}
}

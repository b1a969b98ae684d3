package top

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"tallyman/pipeline/trend"
)

// plainWidth is the width of lines that go to no terminal.
const plainWidth = 160

// Plain is how the view is written where there is no terminal.
type Plain struct {
	Once bool // end after one table
	JSON bool // one object a line
}

// RunPlain writes a table every interval until ctx is done or w takes no more. The
// first comes after one interval, for rates need two looks. It ends with the first
// look that fails.
func RunPlain(ctx context.Context, o Options, p Plain, w io.Writer) error {
	m := New(ctx, o)
	for n := 0; ; n++ {
		l, ok := m.look().(looked)
		if !ok || ctx.Err() != nil {
			return nil
		}
		if l.err != nil {
			return l.err
		}
		if m = m.take(l); n > 0 {
			if err := m.print(p, w); err != nil || p.Once {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(o.Interval):
		}
	}
}

// print writes what is known now.
func (m Model) print(p Plain, w io.Writer) error {
	if p.JSON {
		return json.NewEncoder(w).Encode(m.summary())
	}
	m.width, m.o.Colour, m.paused = plainWidth, false, false
	var b strings.Builder
	state := "ready"
	if !m.state.Ready {
		state = "NOT READY"
	}
	fmt.Fprintf(&b, "%s  tallyman %s  pid %d  up %s  journal %s of %s  %s\n", m.at.Format(time.RFC3339), inert(m.state.Version), m.state.PID,
		span(time.Duration(m.state.Uptime)*time.Second), size(m.state.Journal.Bytes), size(m.state.Journal.Max), state)
	if !m.state.Ready {
		for problem := range strings.Lines(m.state.Problem) { // each is a line: together they would hide the tables
			b.WriteString(strings.TrimRight(fit("NOT READY: "+inert(strings.Join(strings.Fields(problem), " ")), plainWidth, false), " ") + "\n")
		}
	}
	for _, pane := range []pane{paneInputs, paneOutputs, paneLosses, paneRules} {
		m.pane = pane
		g := m.grid()
		if len(g.rows) == 0 {
			continue
		}
		head, rows := g.lines(plainWidth, -1)
		fmt.Fprintf(&b, "%s\n%s\n", head, strings.Join(rows, "\n"))
	}
	_, err := io.WriteString(w, b.String()+"\n")
	return err
}

// Summary is what --json writes: the rates and estimates of one moment.
type Summary struct {
	Time    time.Time       `json:"time"`
	PID     int             `json:"pid"`
	Ready   bool            `json:"ready"`
	Problem string          `json:"problem,omitempty"`
	Journal float64         `json:"journal_bytes"`
	Most    float64         `json:"journal_max_bytes"`
	Inputs  []InputSummary  `json:"inputs"`
	Outputs []OutputSummary `json:"outputs"`
	Rules   []Rule          `json:"rules,omitempty"`
	Losses  []Loss          `json:"losses,omitempty"`
}

// InputSummary is how an input is.
type InputSummary struct {
	Name    string  `json:"name"`
	Up      bool    `json:"up"`
	Error   string  `json:"error,omitempty"`
	Records uint64  `json:"records"`
	Rate    float64 `json:"records_per_second"`
}

// OutputSummary is how an output keeps up.
type OutputSummary struct {
	Name     string  `json:"name"`
	Up       bool    `json:"up"`
	Error    string  `json:"error,omitempty"`
	In       float64 `json:"received_per_second"`
	Out      float64 `json:"delivered_per_second"`
	Waiting  uint64  `json:"waiting"`
	Bytes    int64   `json:"waiting_bytes"`
	Oldest   float64 `json:"oldest_seconds"`
	AtLeast  bool    `json:"oldest_at_least,omitempty"`
	Drain    float64 `json:"drain_seconds,omitempty"` // left out where the backlog does not become less
	Dropped  uint64  `json:"dropped"`
	Dead     uint64  `json:"dead_lettered"`
	Balanced bool    `json:"balanced"`
}

func (m Model) summary() Summary {
	st := m.state
	s := Summary{Time: m.at, PID: st.PID, Ready: st.Ready, Problem: st.Problem, Journal: float64(st.Journal.Bytes), Most: float64(st.Journal.Max), Rules: st.Rules, Losses: st.Losses}
	for _, in := range st.Inputs {
		s.Inputs = append(s.Inputs, InputSummary{in.Name, in.Up, in.Error, in.Records, m.trend.Input(in.Name)})
	}
	for i := range st.Outputs {
		o := &st.Outputs[i]
		b := m.trend.Output(o.Name)
		dropped, dead := trend.Lost(o)
		s.Outputs = append(s.Outputs, OutputSummary{o.Name, o.Up, o.Error, b.In, b.Out, b.Waiting, b.Bytes, b.Age.Seconds(), b.AtLeast, b.Drain.Seconds(), dropped, dead, o.Balanced})
	}
	return s
}

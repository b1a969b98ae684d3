package engine

import (
	"errors"
	"fmt"
	"time"

	"tallyman/pipeline/config"
	"tallyman/pipeline/journal"
	"tallyman/pipeline/plugin"
)

// Status is how a running engine is. Its JSON is what `tallyman status --json`
// prints: keys are added, never changed.
type Status struct {
	Version string        `json:"version"`
	Started time.Time     `json:"started"`
	Uptime  float64       `json:"uptime_seconds"`
	Ready   bool          `json:"ready"`
	Problem string        `json:"problem,omitempty"` // why it is not ready
	Config  ConfigStatus  `json:"config"`
	Journal JournalStatus `json:"journal"`
	Inputs  []PartStatus  `json:"inputs"`
	Outputs []BookStatus  `json:"outputs"`

	Transforms []TransformStatus `json:"transforms,omitempty"` // those that report
}

// ConfigStatus is the configuration that runs.
type ConfigStatus struct {
	Path string `json:"path"`
	Hash string `json:"hash"` // SHA-256 of its text
}

// JournalStatus is how full the journal is.
type JournalStatus struct {
	Dir     string `json:"dir"`
	Bytes   int64  `json:"bytes"`
	Max     int64  `json:"max_bytes"`
	Blocked string `json:"blocked,omitempty"` // why nothing is accepted
}

// PartStatus is how an input is.
type PartStatus struct {
	Name    string `json:"name"`
	Up      bool   `json:"up"`
	Error   string `json:"error,omitempty"`
	Records uint64 `json:"records"` // read since the process began
}

// TransformStatus is what a transform says of its work (plugin.Reporter).
type TransformStatus struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Report any    `json:"report"`
}

// BookStatus is how an output is, and its account.
type BookStatus struct {
	Name      string            `json:"name"`
	Up        bool              `json:"up"`
	Error     string            `json:"error,omitempty"`
	Orphan    bool              `json:"orphan,omitempty"` // of an earlier configuration, with events left
	Balanced  bool              `json:"balanced"`
	Lag       uint64            `json:"lag_frames"`
	Waiting   int64             `json:"waiting_bytes"`  // about how much of the journal waits for it
	Oldest    float64           `json:"oldest_seconds"` // how long the oldest of that has waited, about
	Book      map[string]uint64 `json:"book"`           // source records by column, see Columns
	Generated map[string]uint64 `json:"generated"`      // the same of events of our own
}

// Config returns the configuration that runs; nothing of it is changed.
func (e *Engine) Config() *config.Config { return e.current().pipeline.Config }

// Status returns how the engine is. The books are of one instant.
func (e *Engine) Status() Status {
	g := e.current()
	now := e.around.Now()
	s := Status{Version: e.around.Version, Started: e.begun, Uptime: now.Sub(e.begun).Seconds(),
		Config:  ConfigStatus{Path: g.pipeline.Config.Path, Hash: g.pipeline.Config.Hash},
		Journal: JournalStatus{Dir: e.dir, Bytes: e.journal.Size(), Max: int64(g.pipeline.Config.Journal.MaxSize), Blocked: text(e.journal.Blocked())},
	}
	err := e.Ready()
	s.Ready, s.Problem = err == nil, text(err)
	for _, l := range g.lanes {
		err := l.state.problem()
		s.Inputs = append(s.Inputs, PartStatus{Name: l.in.name, Up: err == nil, Error: text(err), Records: l.records.Value()})
	}
	for _, t := range g.pipeline.stages {
		if r, ok := t.plugin.(plugin.Reporter); ok {
			s.Transforms = append(s.Transforms, TransformStatus{Name: t.name, Type: t.typ, Report: r.Report()})
		}
	}
	for _, b := range e.journal.Books() {
		s.Outputs = append(s.Outputs, e.bookStatus(g, &b))
	}
	return s
}

func (e *Engine) bookStatus(g *graph, b *journal.Book) BookStatus {
	s := BookStatus{Name: b.Output, Orphan: b.Orphan, Balanced: b.Balanced(), Lag: b.Lag, Waiting: e.journal.Waiting(b.Output),
		Book: map[string]uint64{}, Generated: map[string]uint64{}}
	age, _ := e.journal.Oldest(b.Output)
	s.Oldest = age.Seconds()
	for _, c := range Columns(b) {
		s.Book[c.Name], s.Generated[c.Name] = c.Records, c.Generated
	}
	for _, sender := range g.senders {
		if sender.name == b.Output {
			err := sender.state.problem()
			s.Up, s.Error = err == nil, text(err)
		}
	}
	return s
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

var (
	errStarting = errors.New("the inputs are being opened")
	errDraining = errors.New("the run is ending: nothing is read any more")
)

// Ready says why the engine is not fit to take and deliver events; nil when it is.
func (e *Engine) Ready() error {
	if e.isEnding() {
		return errDraining
	}
	select {
	case <-e.running:
	default:
		return errStarting
	}
	if err := e.journal.Blocked(); err != nil {
		return err
	}
	var err error
	g := e.current()
	for _, l := range g.lanes {
		if p := l.state.problem(); p != nil {
			err = errors.Join(err, fmt.Errorf("input %s: %w", l.in.name, p))
		}
	}
	for _, s := range g.senders {
		if p := s.state.problem(); p != nil {
			err = errors.Join(err, fmt.Errorf("output %s: %w", s.name, p))
		}
	}
	return err
}

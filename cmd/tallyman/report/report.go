// Package report makes evidence of events: tables of who did what in which container,
// what rules judged, what the record lacks, each number with the events behind it.
// It renders them as HTML, PDF, JSON and CSV; the same events give the same bytes.
//
// It knows fields of the schema. It does not know where events come from, and it
// judges nothing: what it makes is evidence, not a statement of compliance.
package report

import (
	"fmt"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// Statement stands in every report.
const Statement = "This report is evidence from recorded events. It is not a statement of compliance: whether a requirement is met is for an assessor to say."

// Rule is a rule as a report lists it.
type Rule struct {
	ID, Title, Severity string
	Controls            []string // of the pack
}

// Options of a report.
type Options struct {
	Pack     Pack
	From, To time.Time     // events of [From, To) are counted
	Gap      time.Duration // how long nothing may come before that is called a gap
	Input    string        // where the events come from, for people
	Query    string        // what is asked to see the events of a figure: "tallyman query"
	Rules    []Rule        // that are on
}

// Report is what a report says; its renderers add nothing.
type Report struct {
	Statement    string       `json:"statement"`
	Title        string       `json:"title"`
	Pack         string       `json:"pack"`
	From         time.Time    `json:"from"`
	To           time.Time    `json:"to"`
	Input        string       `json:"input"`
	Read         uint64       `json:"events_read"`
	Within       uint64       `json:"events_in_period"`
	Alerts       uint64       `json:"alerts_in_period"`
	Cited        uint64       `json:"events_cited"`
	First        string       `json:"first_event,omitempty"`
	Last         string       `json:"last_event,omitempty"`
	Sections     []*Section   `json:"sections"`
	Gaps         []Gap        `json:"gaps"`
	GapLimit     string       `json:"gap_limit"`
	Silence      []string     `json:"notes_on_gaps"`
	Completeness Completeness `json:"completeness"`
	Method       []string     `json:"method"`
	Timeline     Timeline     `json:"timeline"`
	Coverage     []Strip      `json:"coverage"`
	QueryWith    string       `json:"query_with"`
}

// Completeness is what the books say of the record.
type Completeness struct {
	Verdict string     `json:"verdict"`
	Whole   bool       `json:"whole"`
	Notes   []string   `json:"notes"`
	Columns []string   `json:"columns,omitempty"`
	Rows    [][]string `json:"rows,omitempty"`
}

// Maker makes a report of events that it is given one after the other.
type Maker struct {
	o      Options
	r      Report
	tables tables
	cover  coverage
	lines  timeline
	cited  *Cited
	codes  []string // of the event at hand
}

// New returns a Maker that writes every cited event to cited. Its memory does not
// grow with the number of events.
func New(o Options, cited *Cited) (*Maker, error) {
	cover, err := newCoverage(o.From, o.To, o.Gap)
	if err != nil {
		return nil, err
	}
	m := &Maker{o: o, cited: cited, cover: cover, lines: newTimeline(o.From, o.To)}
	m.tables = newTables(&o)
	return m, nil
}

// Add counts an event.
func (m *Maker) Add(e *event.Event) error {
	m.r.Read++
	at := e.Time
	if at.IsZero() {
		at = e.Seen
	}
	if !e.Seen.IsZero() {
		m.cover.read(host(e), e.Seen)
	}
	if at.Before(m.o.From) || !at.Before(m.o.To) {
		return nil
	}
	m.r.Within++
	alert := e.Get(schema.EventKind).Str() == "alert"
	m.cover.happened(host(e), at)
	m.cover.life(e, at)
	m.lines.add(at, alert, severity(e))
	if alert {
		m.r.Alerts++
	}
	m.codes = m.tables.judge(e, at, alert, m.codes[:0])
	if len(m.codes) == 0 {
		return nil
	}
	m.r.Cited++
	return m.cited.write(e, at, m.codes)
}

// Report returns the whole. Nothing is added after it.
func (m *Maker) Report(c Completeness) *Report {
	r := &m.r
	r.Statement, r.Title, r.Pack = Statement, "Evidence for "+m.o.Pack.Title, m.o.Pack.Name
	r.From, r.To, r.Input, r.Completeness = m.o.From.UTC(), m.o.To.UTC(), m.o.Input, c
	r.QueryWith, r.GapLimit = m.o.Query, duration(m.o.Gap)
	r.First, r.Last = stamp(m.lines.first), stamp(m.lines.last)
	r.Sections = m.tables.sections()
	r.Gaps, r.Silence = m.cover.gaps()
	r.Coverage, r.Timeline = m.cover.strips(), m.lines.done()
	r.Method = method(&m.o)
	return r
}

func method(o *Options) []string {
	return []string{
		"Counted are the events whose own time lies in the period; an event without one is counted by when it was read. Events that were delivered twice to an archive count twice.",
		"Every figure has a code. events.csv names, for each event, the figures that it stands behind; the index shows the first " + fmt.Sprint(maxSamples) + " of each.",
		fmt.Sprintf("A table has %d rows at most. What has no row of its own is counted in a row of its own, \"all others\", and is cited there.", maxRows),
		"Who did it is the login user where the audit trail has one, else the user of the process, else the account that the source names. A container is named by name, else by id.",
		"A gap is a time of " + duration(o.Gap) + " or more without any event. A host where nothing happened and a host that was not watched look the same here, but where tallyman itself says that it stopped or began again, whatever the length; the section on losses lists what is known to be lost.",
		"Control numbers are those that the rules of tallyman name. Read them against the text of the standard.",
	}
}

// duration writes one without the zeros at its end: 1h, 20m.
func duration(d time.Duration) string {
	text := d.Round(time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

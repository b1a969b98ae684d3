package engine

import (
	"tallyman/pipeline/journal"
	"tallyman/pipeline/meter"
)

// measure serves the books, of which every number of one scrape is of one
// instant, and how the parts of what runs are.
func (e *Engine) measure(emit func(meter.Sample)) {
	g := e.current()
	for _, l := range g.lanes {
		l.state.up(emit)
	}
	for _, s := range g.senders {
		s.state.up(emit)
	}
	emit(meter.Sample{Name: "tallyman_config_info", Help: "1; the label is the SHA-256 of the configuration that runs.",
		Kind: meter.KindGauge, Labels: []meter.Label{{Name: "hash", Value: g.pipeline.Config.Hash}}, Value: 1})
	for _, u := range Upstreams(e.journal.Marks()) {
		labels := []meter.Label{{Name: "input", Value: u.Input}, {Name: "reason", Value: u.Reason}}
		emit(meter.Sample{Name: "tallyman_upstream_losses_total", Help: "Times that something was lost before it could be read.",
			Kind: meter.KindCounter, Labels: labels, Value: float64(u.Times)})
		emit(meter.Sample{Name: "tallyman_upstream_lost_total", Help: "What was lost before it could be read, in the unit that the reason names; source records where it names none.",
			Kind: meter.KindCounter, Labels: labels, Value: float64(u.Count)})
	}
	for _, b := range e.journal.Books() {
		for _, part := range Columns(&b) {
			emit(meter.Sample{Name: "tallyman_ledger_records",
				Help: "Source records of an output's book: received = the sum of all other states.", Kind: meter.KindGauge,
				Labels: []meter.Label{{Name: "output", Value: b.Output}, {Name: "state", Value: part.Name}}, Value: float64(part.Records)})
			emit(meter.Sample{Name: "tallyman_ledger_generated",
				Help: "Events of our own (alerts) of an output's book: received = the sum of all other states.", Kind: meter.KindGauge,
				Labels: []meter.Label{{Name: "output", Value: b.Output}, {Name: "state", Value: part.Name}}, Value: float64(part.Generated)})
		}
		emit(meter.Sample{Name: "tallyman_output_lag_frames", Help: "Frames of the journal that the output has not finished.",
			Kind: meter.KindGauge, Labels: []meter.Label{{Name: "output", Value: b.Output}}, Value: float64(b.Lag)})
		emit(meter.Sample{Name: "tallyman_output_waiting_bytes", Help: "About how many bytes of the journal hold what the output has not finished.",
			Kind: meter.KindGauge, Labels: []meter.Label{{Name: "output", Value: b.Output}}, Value: float64(e.journal.Waiting(b.Output))})
		age, _ := e.journal.Oldest(b.Output)
		emit(meter.Sample{Name: "tallyman_output_oldest_age_seconds", Help: "How long ago about the oldest of what the output has not finished was accepted; 0 where nothing waits.",
			Kind: meter.KindGauge, Labels: []meter.Label{{Name: "output", Value: b.Output}}, Value: age.Seconds()})
	}
}

// Column is one line of a book.
type Column struct {
	Name               string
	Records, Generated uint64
}

// Columns returns a book as a list: received first, then what adds up to it.
func Columns(b *journal.Book) []Column {
	list := []Column{
		{"received", b.Received, b.Generated},
		{"delivered", b.Counts.Delivered, b.GeneratedCounts.Delivered},
		{"unconfirmed", b.Counts.Unconfirmed, b.GeneratedCounts.Unconfirmed},
		{"buffered", b.Buffered, b.GeneratedBuffered},
		{"in_flight", b.InFlight, b.GeneratedInFlight},
		{"filtered", b.Counts.Filtered, b.GeneratedCounts.Filtered},
		{"dead_lettered", b.Counts.DeadLettered, b.GeneratedCounts.DeadLettered},
	}
	for r := range journal.NumReasons {
		list = append(list, Column{"dropped_" + r.String(), b.Counts.Dropped[r], b.GeneratedCounts.Dropped[r]})
	}
	return list
}

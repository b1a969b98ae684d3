// Package trend makes rates, ages and estimates of the statuses that an engine gives
// one after the other. It asks nobody for them, reads no clock, and knows nothing of
// who shows what it says.
package trend

import (
	"math"
	"strings"
	"time"

	"tallyman/pipeline/engine"
)

// Spans that rates are taken over: short is what is shown, long what an estimate needs
// to be steady.
const (
	short = 10 * time.Second
	long  = 30 * time.Second
)

// Trend remembers statuses. It is not for several goroutines at once.
type Trend struct {
	keep int
	list []sample // the oldest first
}

type sample struct {
	at      time.Time
	inputs  map[string]uint64
	outputs map[string]point
}

// point is the book of an output, records and events of our own together.
type point struct {
	received, waiting, delivered uint64
	bytes                        int64
}

// settled is how much the output is done with, whatever became of it.
func (p point) settled() uint64 { return p.received - min(p.received, p.waiting) }

// New remembers so many statuses, at least two.
func New(keep int) *Trend { return &Trend{keep: max(keep, 2)} }

// Add remembers a status. One that is not later than the last is passed over.
func (t *Trend) Add(at time.Time, st *engine.Status) {
	if n := len(t.list); n > 0 && !at.After(t.list[n-1].at) {
		return
	}
	s := sample{at: at, inputs: make(map[string]uint64, len(st.Inputs)), outputs: make(map[string]point, len(st.Outputs))}
	for _, in := range st.Inputs {
		s.inputs[in.Name] = in.Records
	}
	for i := range st.Outputs {
		o := &st.Outputs[i]
		s.outputs[o.Name] = point{received: Sum(o, "received"), waiting: Sum(o, "buffered", "in_flight"),
			delivered: Sum(o, "delivered", "unconfirmed"), bytes: o.Waiting}
	}
	if len(t.list) >= t.keep {
		t.list = append(t.list[:0], t.list[len(t.list)-t.keep+1:]...)
	}
	t.list = append(t.list, s)
}

// Sum adds up columns of an output's book, records and events of our own.
func Sum(o *engine.BookStatus, columns ...string) uint64 {
	var n uint64
	for _, c := range columns {
		n += o.Book[c] + o.Generated[c]
	}
	return n
}

// Lost is how much an output was not given: what was dropped, and what its
// destination refused for good (which the dead letters hold).
func Lost(o *engine.BookStatus) (dropped, dead uint64) {
	for name, n := range o.Book {
		if strings.HasPrefix(name, "dropped_") {
			dropped += n + o.Generated[name]
		}
	}
	return dropped, Sum(o, "dead_lettered")
}

// over returns the last sample and the oldest one that is not further back than span.
func (t *Trend) over(span time.Duration) (from, to *sample, ok bool) {
	if len(t.list) < 2 {
		return nil, nil, false
	}
	to = &t.list[len(t.list)-1]
	from = &t.list[len(t.list)-2]
	for i := len(t.list) - 3; i >= 0 && to.at.Sub(t.list[i].at) <= span; i-- {
		from = &t.list[i]
	}
	return from, to, true
}

// rate is what a counter grew a second; one that fell began anew.
func rate(from, to uint64, d time.Duration) float64 {
	if to < from || d <= 0 {
		return 0
	}
	return float64(to-from) / d.Seconds()
}

// Input is the records a second that an input reads, over the last ten seconds.
func (t *Trend) Input(name string) float64 {
	from, to, ok := t.over(short)
	if !ok {
		return 0
	}
	before, known := from.inputs[name]
	if !known {
		return 0
	}
	return rate(before, to.inputs[name], to.at.Sub(from.at))
}

// Backlog is how an output keeps up.
type Backlog struct {
	In, Out float64 // records a second received, and delivered
	Waiting uint64  // records
	Bytes   int64   // about, of the journal

	// Age is how long the oldest of what waits has been accepted; with AtLeast it is
	// older than what is remembered here.
	Age     time.Duration
	AtLeast bool

	// Drain is how long what waits takes at the pace of the last half minute. Where
	// Draining is false it does not become less.
	Drain    time.Duration
	Draining bool
}

// Output says how an output keeps up.
func (t *Trend) Output(name string) Backlog {
	if len(t.list) == 0 {
		return Backlog{}
	}
	now := &t.list[len(t.list)-1]
	is := now.outputs[name]
	b := Backlog{Waiting: is.waiting, Bytes: is.bytes}
	if from, to, ok := t.over(short); ok {
		if was, known := from.outputs[name]; known {
			b.In = rate(was.received, is.received, to.at.Sub(from.at))
			b.Out = rate(was.delivered, is.delivered, to.at.Sub(from.at))
		}
	}
	if is.waiting == 0 {
		return b
	}
	b.Age, b.AtLeast = t.age(name, is.settled(), now.at)
	from, to, ok := t.over(long)
	if !ok {
		return b
	}
	was, known := from.outputs[name]
	if pace := rate(is.waiting, was.waiting, to.at.Sub(from.at)); known && pace > 0 {
		if secs := math.Ceil(float64(is.waiting) / pace); secs < (1000 * time.Hour).Seconds() {
			b.Drain, b.Draining = time.Duration(secs)*time.Second, true
		}
	}
	return b
}

// age finds when the output had received no more than it is done with now.
func (t *Trend) age(name string, settled uint64, now time.Time) (time.Duration, bool) {
	for i := len(t.list) - 1; i >= 0; i-- {
		if p, known := t.list[i].outputs[name]; known && p.received <= settled {
			return now.Sub(t.list[i].at), false
		}
	}
	return now.Sub(t.list[0].at), true
}

// Point is one moment of the whole pipeline.
type Point struct {
	At      time.Time
	In, Out float64 // records a second, of all inputs and of all outputs
	Waiting uint64  // records, of the output that has most
}

// Points returns what is remembered as a line, the oldest first.
func (t *Trend) Points() []Point {
	var list []Point
	for i := 1; i < len(t.list); i++ {
		from, to := &t.list[i-1], &t.list[i]
		p, d := Point{At: to.at}, to.at.Sub(from.at)
		for name, n := range to.inputs {
			if before, known := from.inputs[name]; known {
				p.In += rate(before, n, d)
			}
		}
		for name, o := range to.outputs {
			if before, known := from.outputs[name]; known {
				p.Out += rate(before.delivered, o.delivered, d)
			}
			p.Waiting = max(p.Waiting, o.waiting)
		}
		list = append(list, p)
	}
	return list
}

package tail

import (
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
)

// Join says which lines of a file are one record. The position of a file never
// passes the first line of a record that may go on: after a restart it is read
// again from there, so that none of its lines is lost or comes twice. Lines of two
// files are never one record.
type Join struct {
	Starts  func(line string) bool // whether a line begins a record; every other belongs to the one before it
	Lines   int                    // the most lines of a record; what follows begins another
	Bytes   int                    // the most text of one, in bytes, line ends included; one line may be longer
	Timeout time.Duration          // how long a record waits for its next line
}

// joined is a record that may go on.
type joined struct {
	from  int64 // where its first line begins
	text  []byte
	lines int
	cut   int64 // bytes of its lines beyond the limit of a line
	came  time.Time

	records, split *meter.Counter
}

func newJoined(o LineOptions) *joined {
	label := meter.Label{Name: "input", Value: o.Input}
	return &joined{
		records: o.Meter.Counter("tallyman_input_joined_records_total", "Records that were put together from several lines.", label),
		split:   o.Meter.Counter("tallyman_input_split_records_total", "Times that a record was longer than the limit and its rest became another.", label)}
}

// line takes one whole line that begins at l.Offset; cut is what it lost. A line
// that follows nothing begins a record too. An empty one is a part of a record
// and begins none.
func (l *Lines) line(b *event.Batch, text []byte, view string, seen time.Time, cut int64) {
	r, j := l.rec, l.o.Join
	if text != nil {
		view = string(text)
	}
	if r.lines > 0 {
		full := r.lines >= j.Lines || len(r.text)+1+len(view) > j.Bytes
		if view == "" && full {
			return
		}
		if full || view != "" && j.Starts(view) {
			if full && !j.Starts(view) {
				r.split.Inc()
			}
			l.Flush(b, seen)
		}
	}
	if r.lines == 0 {
		if view == "" {
			return
		}
		r.from = l.Offset
	} else {
		r.text = append(r.text, '\n')
	}
	r.text = append(r.text, view...)
	r.lines++
	r.cut += cut
	r.came = seen
}

// Flush adds the record that may go on to b, as far as it is there. What follows
// begins another.
func (l *Lines) Flush(b *event.Batch, seen time.Time) {
	r := l.rec
	if r == nil || r.lines == 0 {
		return
	}
	if r.lines > 1 {
		r.records.Inc()
	}
	e := b.Add(event.Event{Decode: l.o.Decode, Raw: string(r.text), Records: 1, Offset: r.from, Seen: seen, Shared: l.o.Shared})
	if r.cut > 0 {
		l.flag(e, int64(len(r.text))+r.cut, r.cut)
	}
	if r.drop(); cap(r.text) > 4*hole {
		r.text = nil
	}
}

func (r *joined) drop() { r.text, r.lines, r.cut = r.text[:0], 0, 0 }

// Waits reports whether there is a record that may go on.
func (l *Lines) Waits() bool { return l.rec != nil && l.rec.lines > 0 }

// Due reports whether the record that may go on has waited long enough.
func (l *Lines) Due(now time.Time) bool {
	return l.Waits() && (now.Sub(l.rec.came) >= l.o.Join.Timeout || now.Before(l.rec.came))
}

// At is where reading goes on after a restart: all before it has been handed on.
func (l *Lines) At() int64 {
	if l.Waits() {
		return l.rec.from
	}
	return l.Offset
}

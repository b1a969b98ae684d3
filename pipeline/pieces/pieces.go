// Package pieces puts lines together that a container's runtime cut into pieces,
// and reads what the logs of runtimes have in common: their time. Pieces belong
// together by the stream that they come from. It knows no format, and not where
// the records came from.
package pieces

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unsafe"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/schema"
)

const (
	// MaxLine is the most bytes that are put together into one line. A longer one
	// becomes several events: nothing of it is dropped.
	MaxLine = 1 << 20

	// Patience is how long a line waits for its next piece. The runtimes write the
	// pieces of one line at once; a line that gets none was its writer's last word
	// (containerd#4813).
	Patience = 5 * time.Second

	// maxPieces is how many pieces are put together into one line: a runtime cuts the
	// longest into 64.
	maxPieces = 1024

	// maxWaiting and maxBytes bound what waits of all streams together.
	maxWaiting = 4096
	maxBytes   = 64 << 20
)

// TagPartial is the marker in tags of an event that is not a whole line: its end
// never came, or came when the line was already full. error.message says which.
const TagPartial = "tallyman_partial"

// Stream is where pieces of one line come from.
type Stream struct {
	Path      string // log.file.path
	Peer      string // log.source.address
	Container string // container.id
	Name      string // stdout, stderr
}

// StreamOf returns the stream of a record.
func StreamOf(e *event.Event, name string) Stream {
	return Stream{
		Path: e.Get(schema.LogFilePath).Str(), Peer: e.Get(schema.LogSourceAddress).Str(),
		Container: e.Get(schema.ContainerID).Str(), Name: name,
	}
}

// Piece is what a record says of its line.
type Piece struct {
	Stream Stream
	Text   string    // without a line end
	Time   time.Time // by the source's clock
	Last   bool      // the line ends with it
	Keep   bool      // not all of the record was understood: its source text is kept
}

// Line is a line that was put together.
type Line struct {
	Event  *event.Event // the first record, Records those of all; of a Joiner's lines
	Stream string       // its name
	Text   string
	Time   time.Time // of the first piece
	Why    string    // why it is not whole, "" where it is
	Raw    string    // the source text of all records, "" where all of it was understood
}

// Joiner holds the pieces of lines that are not complete. It belongs to one
// goroutine.
type Joiner struct {
	now   func() time.Time
	lines map[Stream]*line
	bytes int
	count uint64 // of lines begun, for their order

	joined, unfinished, split *meter.Counter
}

type line struct {
	stream  Stream
	records []event.Event // copies, as they were read
	text    []byte
	first   time.Time
	last    time.Time // of the newest piece, by the source's clock
	came    time.Time // when it came, by ours
	order   uint64
	keep    bool
}

// New returns a Joiner; input and decoder are labels of its counters.
func New(now func() time.Time, reg *meter.Registry, input, decoder string) *Joiner {
	labels := []meter.Label{{Name: "input", Value: input}, {Name: "decoder", Value: decoder}}
	return &Joiner{now: now, lines: map[Stream]*line{},
		joined:     reg.Counter("tallyman_decode_joined_lines_total", "Lines that were put together from pieces.", labels...),
		unfinished: reg.Counter("tallyman_decode_unfinished_lines_total", "Lines whose last piece never came.", labels...),
		split:      reg.Counter("tallyman_decode_split_lines_total", "Times that a line was longer than the limit and went on in another event.", labels...),
	}
}

// Whole reports whether a record is a line by itself: nothing of its stream
// waits, and it ends its line.
func (j *Joiner) Whole(e *event.Event, stream string, last bool) bool {
	if !last {
		return false
	}
	return len(j.lines) == 0 || j.lines[StreamOf(e, stream)] == nil
}

// Waits reports whether a line of a stream waits for its next piece.
func (j *Joiner) Waits(s Stream) bool { return len(j.lines) > 0 && j.lines[s] != nil }

// Add takes the piece of a record and calls done for each line that comes of
// it: none as long as it is not complete.
func (j *Joiner) Add(e *event.Event, p Piece, done func(*Line)) {
	l := j.lines[p.Stream]
	if l != nil && p.Time.Sub(l.last) > Patience {
		j.finish(l, "its end never came", j.unfinished, done)
		l = nil
	}
	if l != nil && (len(l.text)+len(p.Text) > MaxLine || len(l.records) == maxPieces) {
		j.finish(l, "the line goes on in the next event: it is longer, or has more pieces, than one may", j.split, done)
		l = nil
	}
	if l == nil {
		if p.Last {
			first := *e
			whole := Line{Event: &first, Stream: p.Stream.Name, Text: p.Text, Time: p.Time}
			if p.Keep {
				whole.Raw = e.Raw
			}
			done(&whole)
			return
		}
		l = j.begin(&p, done)
	}
	l.records = append(l.records, e.Own())
	l.text = append(l.text, p.Text...)
	j.bytes += len(p.Text) + weight(e)
	l.last, l.came, l.keep = p.Time, j.now(), l.keep || p.Keep
	if p.Last {
		j.finish(l, "", j.joined, done)
	}
	for j.bytes > maxBytes {
		j.finish(j.sorted()[0], tooMany, j.unfinished, done)
	}
}

// tooMany is why a line did not wait longer.
const tooMany = "too many lines wait for their end"

// weight is how many bytes a record takes that is held.
func weight(e *event.Event) int {
	return len(e.Raw) + int(unsafe.Sizeof(event.Event{})) + len(e.Fields)*int(unsafe.Sizeof(event.Field{}))
}

// begin makes room for another line.
func (j *Joiner) begin(p *Piece, done func(*Line)) *line {
	if len(j.lines) >= maxWaiting {
		j.finish(j.sorted()[0], tooMany, j.unfinished, done)
	}
	j.count++
	s := Stream{Path: strings.Clone(p.Stream.Path), Peer: strings.Clone(p.Stream.Peer),
		Container: strings.Clone(p.Stream.Container), Name: strings.Clone(p.Stream.Name)}
	l := &line{stream: s, first: p.Time, order: j.count}
	j.lines[s] = l
	return l
}

// finish hands a line on.
func (j *Joiner) finish(l *line, why string, c *meter.Counter, done func(*Line)) {
	c.Inc()
	delete(j.lines, l.stream)
	e := l.records[0]
	e.Records = 0
	for i := range l.records {
		e.Records += l.records[i].Records
		j.bytes -= weight(&l.records[i])
	}
	j.bytes -= len(l.text)
	whole := Line{Event: &e, Stream: l.stream.Name, Text: string(l.text), Time: l.first, Why: why}
	if l.keep {
		var raw []string
		for i := range l.records {
			raw = append(raw, l.records[i].Raw)
		}
		whole.Raw = strings.Join(raw, "\n")
	}
	done(&whole)
}

// Idle hands on what has waited for Patience.
func (j *Joiner) Idle(done func(*Line)) {
	if len(j.lines) == 0 {
		return
	}
	now := j.now()
	for _, l := range j.sorted() {
		if now.Sub(l.came) >= Patience {
			j.finish(l, "its end never came", j.unfinished, done)
		}
	}
}

// Flush hands on everything that waits.
func (j *Joiner) Flush(done func(*Line)) {
	for _, l := range j.sorted() {
		j.finish(l, "its end never came", j.unfinished, done)
	}
}

// Held appends the records that wait.
func (j *Joiner) Held(dst []event.Event) []event.Event {
	if len(j.lines) == 0 {
		return dst
	}
	for _, l := range j.sorted() {
		dst = append(dst, l.records...)
	}
	return dst
}

func (j *Joiner) sorted() []*line {
	list := make([]*line, 0, len(j.lines))
	for _, l := range j.lines {
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b *line) int { return cmp.Compare(a.order, b.order) })
	return list
}

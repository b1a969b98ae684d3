// Package multiline puts lines together that are one record: a first line that
// says so, and what follows it until the next first line of the same file. It
// knows no format, and not where the lines came from.
package multiline

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
	// MaxBytes is the most text that is put together; what is more begins another
	// record, which its decoder will not understand, and keep.
	MaxBytes = 256 << 10
	// Patience is how long a record waits for more lines.
	Patience = 2 * time.Second

	// maxLines is the most lines of a record.
	maxLines = 4096

	// maxWaiting and maxHeld bound how many records, and bytes of them, wait of all
	// files together.
	maxWaiting = 1024
	maxHeld    = 64 << 20
)

// Kind is what a line is by itself.
type Kind uint8

// The kinds of line.
const (
	Follows Kind = iota // it belongs to the record before it; where there is none it is one alone
	Begins              // it begins a record, and more may follow
	Whole               // it is a record, and nothing may follow
)

// stream is where the lines of one record come from.
type stream struct{ path, peer string }

// Joiner holds records that may go on. It belongs to one goroutine.
type Joiner struct {
	now   func() time.Time
	kind  func(line string) Kind
	open  map[stream]*record
	count uint64
	held  int // bytes that all lines that wait take

	joined, split *meter.Counter
}

type record struct {
	from  stream
	lines []event.Event // copies, as they were read
	bytes int
	took  int // lines, with those that are empty
	came  time.Time
	order uint64
}

// New returns a Joiner; kind says what a line is; input and decoder are labels of
// its counters.
func New(now func() time.Time, reg *meter.Registry, input, decoder string, kind func(line string) Kind) *Joiner {
	labels := []meter.Label{{Name: "input", Value: input}, {Name: "decoder", Value: decoder}}
	return &Joiner{now: now, kind: kind, open: map[stream]*record{},
		joined: reg.Counter("tallyman_decode_joined_records_total", "Records that were put together from several lines.", labels...),
		split:  reg.Counter("tallyman_decode_split_records_total", "Times that a record was longer than the limit and its rest stands alone.", labels...)}
}

// Add takes a line and calls done for each record that is complete with it: none
// as long as more may follow. The event of a record is that of its first line,
// with Records of all, and in Raw the lines, parted by line feeds.
func (j *Joiner) Add(e *event.Event, done func(*event.Event)) {
	from := stream{e.Get(schema.LogFilePath).Str(), e.Get(schema.LogSourceAddress).Str()}
	r, kind := j.open[from], j.kind(e.Raw)
	if kind == Follows && r != nil {
		if r.bytes+len(e.Raw) <= MaxBytes && r.took < maxLines {
			j.add(r, e, done)
			return
		}
		j.split.Inc()
	}
	if r != nil {
		j.finish(r, done)
	}
	if kind != Begins {
		done(e)
		return
	}
	if len(j.open) >= maxWaiting {
		j.finish(j.sorted()[0], done)
	}
	j.count++
	r = &record{from: stream{strings.Clone(from.path), strings.Clone(from.peer)}, order: j.count}
	j.open[r.from] = r
	j.add(r, e, done)
}

// add adds a line to a record; where too much waits, what was begun first waits no
// longer.
func (j *Joiner) add(r *record, e *event.Event, done func(*event.Event)) {
	if n := len(r.lines); e.Raw == "" && n > 0 {
		// A record that is held has a text: an empty line becomes part of the one before.
		r.lines[n-1].Raw += "\n"
		r.lines[n-1].Records += e.Records
		j.held++
	} else {
		r.lines = append(r.lines, e.Own())
		j.held += weight(e)
	}
	r.bytes += len(e.Raw) + 1
	r.took++
	r.came = j.now()
	for j.held > maxHeld {
		j.finish(j.sorted()[0], done)
	}
}

// weight is how many bytes a line takes that is held.
func weight(e *event.Event) int {
	return len(e.Raw) + int(unsafe.Sizeof(event.Event{})) + len(e.Fields)*int(unsafe.Sizeof(event.Field{}))
}

func (j *Joiner) finish(r *record, done func(*event.Event)) {
	delete(j.open, r.from)
	for i := range r.lines {
		j.held -= weight(&r.lines[i])
	}
	e := r.lines[0]
	if len(r.lines) > 1 {
		j.joined.Inc()
		var b strings.Builder
		b.Grow(r.bytes)
		e.Records = 0
		for i := range r.lines {
			if i > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(r.lines[i].Raw)
			e.Records += r.lines[i].Records
		}
		e.Raw = b.String()
	}
	done(&e)
}

// Idle finishes what has waited for Patience.
func (j *Joiner) Idle(done func(*event.Event)) {
	if len(j.open) == 0 {
		return
	}
	now := j.now()
	for _, r := range j.sorted() {
		if now.Sub(r.came) >= Patience {
			j.finish(r, done)
		}
	}
}

// Flush finishes everything.
func (j *Joiner) Flush(done func(*event.Event)) {
	for _, r := range j.sorted() {
		j.finish(r, done)
	}
}

// Held appends the lines that wait, as they were read.
func (j *Joiner) Held(dst []event.Event) []event.Event {
	if len(j.open) == 0 {
		return dst
	}
	for _, r := range j.sorted() {
		dst = append(dst, r.lines...)
	}
	return dst
}

func (j *Joiner) sorted() []*record {
	list := make([]*record, 0, len(j.open))
	for _, r := range j.open {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *record) int { return cmp.Compare(a.order, b.order) })
	return list
}

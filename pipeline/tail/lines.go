package tail

import (
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/schema"
)

const (
	// maxRecords is the most source records that one call adds to a batch, and
	// setRecords that of a Set. Its records are events most often, of twenty fields and
	// more; those of twice as many do not stay in the caches on their way.
	maxRecords = 1024
	setRecords = 512

	// hole is the length from which zero bytes at the start of a line are no part
	// of it: what a crash, or a truncation under a writer that keeps its place,
	// leaves in a file. A record may follow them directly.
	hole = 4096

	// DefaultMaxLine is the limit of a line where none is set. An audit record has
	// at most 9 KiB; what a proxy or a build log writes on one line has more.
	DefaultMaxLine = 1 << 20
)

// TagTruncated is the marker in tags of a record whose line was longer than the
// limit; error.message says how long it was.
const TagTruncated = "tallyman_truncated"

// LineOptions say how Lines makes records.
type LineOptions struct {
	Input  string          // the input's name, a label of the counters
	Decode string          // the decoder that the records wait for
	Max    int             // bytes of a line that are kept, 0 for DefaultMaxLine
	Most   int             // records that one call adds to a batch at most, 0 for 1024
	Shared event.Fields    // what every record shares
	Meter  *meter.Registry // may be nil
	Join   *Join           // nil: each line is a record
}

// Lines cuts chunks of one stream of bytes into lines and adds them to batches
// as source records. Lines end with LF, which is not part of them; every other
// byte is kept as it is. An empty line is no record. A line that lies in one
// chunk is a view of it. It belongs to one goroutine.
type Lines struct {
	// Offset is where the line that is being gathered begins: all before it has
	// been handed on, or is a part of the record that may go on.
	Offset int64

	o     LineOptions
	size  int64   // bytes of the line so far, its leading zero bytes included
	zeros int64   // its leading zero bytes, which are only counted
	carry []byte  // the line so far without them, up to the limit
	rec   *joined // nil without LineOptions.Join

	cutLines, cutBytes, holeBytes *meter.Counter
}

// NewLines returns a cutter whose stream begins at offset 0.
func NewLines(o LineOptions) *Lines {
	if o.Max <= 0 {
		o.Max = DefaultMaxLine
	}
	if o.Most <= 0 {
		o.Most = maxRecords
	}
	label := meter.Label{Name: "input", Value: o.Input}
	l := &Lines{o: o,
		cutLines:  o.Meter.Counter("tallyman_input_cut_lines_total", "Lines that were longer than the limit and kept up to it.", label),
		cutBytes:  o.Meter.Counter("tallyman_input_cut_bytes_total", "Bytes of lines beyond the limit, which were dropped.", label),
		holeBytes: o.Meter.Counter("tallyman_input_hole_bytes_total", "Zero bytes before a line that were skipped because a crash or a truncation left them.", label),
	}
	if o.Join != nil {
		l.rec = newJoined(o)
	}
	return l
}

// Reset begins another stream, or the same at another place.
func (l *Lines) Reset(offset int64) {
	if l.rec != nil {
		l.rec.drop()
	}
	l.next(offset)
}

// next begins another line.
func (l *Lines) next(offset int64) {
	l.Offset, l.size, l.zeros, l.carry = offset, 0, 0, l.carry[:0]
}

// Pending returns the bytes that were taken and not handed on.
func (l *Lines) Pending() int64 { return l.Offset - l.At() + l.size }

// Cut adds the lines of chunk to b until b is full, and returns what is left of
// chunk then: it comes first in the next call. What follows the last LF is kept
// until its line is complete.
func (l *Lines) Cut(b *event.Batch, chunk string, seen time.Time) (rest string) {
	for len(b.Events) < l.o.Most {
		i := strings.IndexByte(chunk, '\n')
		if i < 0 {
			l.keep(chunk)
			return ""
		}
		if l.size == 0 && i > 0 && i <= l.o.Max && chunk[0] != 0 {
			if l.rec == nil {
				l.add(b, chunk[:i], seen)
			} else {
				l.line(b, nil, chunk[:i], seen, 0)
			}
			l.Offset += int64(i) + 1
		} else {
			l.end(b, chunk[:i], seen, 1)
		}
		chunk = chunk[i+1:]
	}
	return chunk
}

// End adds the line that is being gathered, complete or not: its stream has
// ended.
func (l *Lines) End(b *event.Batch, seen time.Time) {
	if l.size > 0 {
		l.end(b, "", seen, 0)
	}
	l.Flush(b, seen)
}

// keep takes a piece of a line that is not complete.
func (l *Lines) keep(piece string) {
	total := l.size + int64(len(piece))
	if l.size == l.zeros {
		text := strings.TrimLeft(piece, "\x00")
		l.zeros += int64(len(piece) - len(text))
		piece = text
	}
	l.size = total
	if room := l.o.Max - len(l.carry); len(piece) > room {
		piece = piece[:room]
	}
	l.carry = append(l.carry, piece...)
}

// end completes a line with its last piece; lf is the length of what ended it.
func (l *Lines) end(b *event.Batch, piece string, seen time.Time, lf int64) {
	l.keep(piece)
	next, size := l.Offset+l.size+lf, l.size
	if l.zeros >= hole {
		l.holeBytes.Add(uint64(l.zeros))
		l.Offset += l.zeros
		size -= l.zeros
	} else if l.zeros > 0 {
		l.carry = append(make([]byte, l.zeros, int(l.zeros)+len(l.carry)), l.carry...)
		l.carry = l.carry[:min(len(l.carry), l.o.Max)]
	}
	cut := size - int64(len(l.carry))
	switch {
	case l.rec != nil:
		l.line(b, l.carry, "", seen, cut)
	case size > 0:
		if e := l.add(b, string(l.carry), seen); cut > 0 {
			l.flag(e, size, cut)
		}
	}
	if cap(l.carry) > hole {
		l.carry = nil // a long line is rare, its memory is not kept for the next
	}
	l.next(next)
}

// flag marks a record that lost its end.
func (l *Lines) flag(e *event.Event, size, cut int64) {
	l.cutLines.Inc()
	l.cutBytes.Add(uint64(cut))
	e.Fields.AddString(schema.Tags, TagTruncated)
	e.Fields.AddString(schema.ErrorMessage, "the line has "+strconv.FormatInt(size, 10)+" bytes, its first "+
		strconv.FormatInt(size-cut, 10)+" are kept")
}

// add writes the event of a line where it stays, over what was there before: to copy it there
// was a seventh of cutting lines.
func (l *Lines) add(b *event.Batch, line string, seen time.Time) *event.Event {
	n := len(b.Events)
	if n == cap(b.Events) {
		b.Events = append(b.Events, event.Event{})
	}
	b.Events = b.Events[:n+1]
	e := &b.Events[n]
	e.ID, e.Time, e.Dataset, e.Fields = event.ID{}, time.Time{}, "", nil
	e.Seen, e.Decode, e.Records, e.Offset, e.Shared, e.Raw = seen, l.o.Decode, 1, l.Offset, l.o.Shared, line
	return e
}

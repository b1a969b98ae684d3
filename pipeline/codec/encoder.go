package codec

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// Encoder writes batches. It keeps its buffers from one batch to the next and
// belongs to one goroutine.
type Encoder struct {
	index   []uint32 // by schema.Key: 1 + its number in keys, 0 for not used
	keys    []schema.Key
	shareds []event.Fields
	heads   []byte // the bytes of shareds
	body    []byte

	columns []track
	named   []named     // by column
	found   [256]uint16 // by the hash of a field's form: a column that may be its own
	texts   texts
	times   [2]moment // of Time and Seen
	offset  int64     // of the event before
	models  models
	absent  bool // a field of the event is
}

// NewEncoder returns an Encoder.
func NewEncoder() *Encoder {
	return &Encoder{index: make([]uint32, len(schema.Keys())+1)}
}

// Append appends the bytes of the events to dst.
func (e *Encoder) Append(dst []byte, events []event.Event) []byte {
	return e.AppendBatch(dst, events, 0)
}

// AppendBatch appends the bytes of the events, and how many source records were
// left out beside them.
func (e *Encoder) AppendBatch(dst []byte, events []event.Event, filtered uint32) []byte {
	return append(dst, e.Encode(events, filtered)...)
}

// Encode is AppendBatch to memory of the Encoder's own, which the next call uses again.
func (e *Encoder) Encode(events []event.Event, filtered uint32) []byte {
	b := binary.AppendUvarint(append(e.body[:0], version), uint64(filtered))
	b = e.sets(b, events)
	b = binary.AppendUvarint(b, uint64(len(events)))
	e.begin(events)
	for i := range events {
		b = e.event(b, &events[i], i)
	}
	e.body = b
	clear(e.named) // their names, and the sets, are of memory that others use again
	clear(e.shareds)
	e.models.events = nil
	return b
}

// sets appends the sets that events share. They come first, so that the same sets give
// the same bytes in every frame and a decoder knows them again.
func (e *Encoder) sets(b []byte, events []event.Event) []byte {
	for _, k := range e.keys {
		e.index[k] = 0
	}
	e.keys, e.shareds, e.heads = e.keys[:0], e.shareds[:0], e.heads[:0]
	for i := range events {
		e.share(events[i].Shared)
	}
	for _, s := range e.shareds {
		e.set(s)
	}
	b = binary.AppendUvarint(b, uint64(len(e.keys)))
	for _, k := range e.keys {
		b = appendString(b, k.String())
	}
	b = binary.AppendUvarint(b, uint64(len(e.shareds)))
	return append(b, e.heads...)
}

// share returns 1 + the number of a shared set. Sets are told apart by their
// memory: sharing is what makes them cheap.
func (e *Encoder) share(f event.Fields) int {
	if len(f) == 0 {
		return 0
	}
	for i := len(e.shareds) - 1; i >= 0; i-- {
		if s := e.shareds[i]; &s[0] == &f[0] && len(s) == len(f) {
			return i + 1
		}
	}
	e.shareds = append(e.shareds, f)
	return len(e.shareds)
}

// set appends a set to heads.
func (e *Encoder) set(f event.Fields) {
	n := 0
	for i := range f {
		if !f[i].IsZero() { // an absent field is not to be told from one that is not there
			n++
		}
	}
	b := binary.AppendUvarint(e.heads, uint64(n))
	for i := range f {
		x := &f[i]
		if x.IsZero() {
			continue
		}
		number := e.index[x.Key]
		if number == 0 {
			e.keys = append(e.keys, x.Key)
			number = uint32(len(e.keys))
			e.index[x.Key] = number
		}
		head := uint64(number-1)<<4 | uint64(x.Kind())
		if name := x.Name(); name != "" {
			b = appendString(binary.AppendUvarint(b, head|hasName), name)
		} else {
			b = binary.AppendUvarint(b, head)
		}
		b = appendValue(b, x.Value())
	}
	e.heads = b
}

// begin forgets what the frame before said.
func (e *Encoder) begin(events []event.Event) {
	e.columns, e.named = append(e.columns[:0], track{short: noForm}), append(e.named[:0], named{form: noForm})
	clear(e.found[:])
	e.texts.begin(len(events))
	e.models.begin(events)
	e.times, e.offset = [2]moment{}, 0
}

func (e *Encoder) event(b []byte, ev *event.Event, i int) []byte {
	b = append(b, ev.ID[:]...)
	b = e.times[0].append(b, ev.Time)
	b = e.times[1].append(b, ev.Seen)
	e.absent = false
	if m := e.models.choose(ev, len(b)); m >= 0 {
		b = binary.AppendUvarint(b, uint64(i-m))
		b = e.counts(b, ev)
		b = e.likes(b, ev.Fields, e.models.events[m].Fields)
	} else {
		b = append(b, 0)
		b = e.text(b, ev.Dataset)
		b = e.text(b, ev.Decode)
		b = binary.AppendUvarint(b, uint64(e.share(ev.Shared)))
		b = e.counts(b, ev)
		b = binary.AppendUvarint(b, uint64(len(ev.Fields)))
		b = e.fields(b, ev.Fields)
	}
	if !e.absent {
		e.models.add(i)
	}
	return appendString(b, ev.Raw)
}

func (e *Encoder) counts(b []byte, ev *event.Event) []byte {
	b = binary.AppendUvarint(b, uint64(ev.Records))
	b = binary.AppendVarint(b, ev.Offset-e.offset)
	e.offset = ev.Offset
	return b
}

// track is a column as the encoder sees it.
type track struct {
	short uint64 // the form of its fields where they are texts, else noForm
	place uint64 // of the name
	next  uint32 // the column that last came behind
}

// named says what the fields of a column have in common.
type named struct {
	form uint64
	name string
}

// noForm is the form of no field.
const noForm = math.MaxUint64

// mostColumns is how many columns a frame may have.
const mostColumns = 1 << 10

// fields appends fields that are like those of no other event.
func (e *Encoder) fields(b []byte, f event.Fields) []byte {
	last := uint32(0)
	for i := 0; i < len(f); i++ {
		b = slices.Grow(b, (len(f)-i)*mostShort+shortSpace)
		var n int
		if n, b, last = e.short(b, f[i:], last); n == len(f)-i {
			break
		}
		i += n
		b, last = e.field(b, &f[i], last)
	}
	return b
}

// field appends a field and returns its column; last is that of the one before.
func (e *Encoder) field(b []byte, x *event.Field, last uint32) ([]byte, uint32) {
	if x.IsZero() { // absent: not to be told from not being there
		e.absent = true
		return append(b, otherColumn, noColumn), last
	}
	next := e.columns[last].next
	if c := &e.named[next]; c.form != x.Form() || !x.Named(c.name) {
		b, next = e.turn(b, x, last)
	}
	if kind := x.Kind(); kind == event.KindString || kind == event.KindIP {
		return e.text(b, x.Str()), next
	}
	return appendValue(append(b, otherValue), x.Value()), next
}

// turn appends which column a field is of, which is not the one that was to be expected
// behind last, and returns it.
func (e *Encoder) turn(b []byte, x *event.Field, last uint32) ([]byte, uint32) {
	form, name := x.Form(), x.Name()
	h := form * 0x9e3779b97f4a7c15
	if name != "" {
		h ^= uint64(name[0]) | uint64(name[len(name)-1])<<8 | uint64(name[len(name)/2])<<16
	}
	found := &e.found[h*0x9e3779b97f4a7c15>>56]
	n := uint32(*found)
	c := &e.named[n]
	known := c.form == form && c.name == name
	if !known {
		if n = uint32(len(e.columns)); n > mostColumns {
			return e.define(append(b, otherColumn, onceColumn), x), last
		}
		t := track{short: noForm, place: event.Place(name)}
		if kind := x.Kind(); kind == event.KindString || kind == event.KindIP {
			t.short = form
		}
		e.columns, e.named = append(e.columns, t), append(e.named, named{form, name})
		*found = uint16(n)
	}
	e.columns[last].next = n
	b = binary.AppendUvarint(append(b, otherColumn), firstColumn+uint64(n)-1)
	if !known {
		b = e.define(b, x)
	}
	return b, n
}

func (e *Encoder) define(b []byte, x *event.Field) []byte {
	b = e.text(b, x.Key.String())
	b = e.text(b, x.Name())
	return append(b, byte(x.Kind()))
}

// appendValue appends a value as a set has it.
func appendValue(b []byte, v event.Value) []byte {
	switch v.Kind() {
	case event.KindString, event.KindIP:
		return appendString(b, v.Str())
	case event.KindInt:
		n, _ := v.Int64()
		return binary.AppendVarint(b, n)
	case event.KindUint:
		n, _ := v.Uint64()
		return binary.AppendUvarint(b, n)
	case event.KindFloat:
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(v.Float64()))
	case event.KindBool:
		if v.True() {
			return append(b, 1)
		}
		return append(b, 0)
	case event.KindTime:
		return binary.AppendVarint(b, v.Instant().UnixNano())
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// moment is a time of the event before.
type moment struct {
	seconds int64
	nanos   int
	any     bool // there was one
}

func (m *moment) append(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, noTime)
	}
	was := *m
	*m = moment{t.Unix(), t.Nanosecond(), true}
	if was == *m {
		return append(b, sameTime)
	}
	kind, n := byte(nanoTime), uint64(m.nanos)
	if m.nanos%1e6 == 0 {
		kind, n = milliTime, n/1e6
	}
	return binary.AppendUvarint(binary.AppendVarint(append(b, kind), m.seconds-was.seconds), n)
}

// Package codec turns a batch of events into the bytes of one journal frame and
// back. Fields are written under their published names, once per frame, so that
// a journal outlives the build that wrote it; the bytes carry no checksum of
// their own, the frame around them does. It knows nothing of journals.
//
//	frame   = version(2) filtered keys shareds events
//	filtered = source records that were left out before the journal (version 1: not there, none)
//	keys    = n (string)…                the field names used, in order of first use
//	shareds = n (fields)…                sets of fields that several events share
//	events  = n (event)…
//	event   = id(16) time time dataset decode records offset shared fields raw
//	fields  = n (head [name] value)…     head = key<<4 | named<<3 | kind; key counts from 0 in keys, name is there where named is 1
//	                                     (version 1: key name kind value)
//	shared  = 0 for none, else 1 + its number in shareds
//	string  = length bytes; numbers are varints, 8 bytes little endian for floats
//	time    = 0 for none, else 1 and nanoseconds since 1970
package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// version is the first byte of a frame's bytes.
const version = 2

// named says, in the head of a field, that its name follows.
const named = 8

// ErrCorrupt says that bytes are no frame that this package wrote. ErrVersion
// says that a newer tallyman wrote them.
var (
	ErrCorrupt = errors.New("codec: not the bytes of a batch")
	ErrVersion = errors.New("codec: written by a newer tallyman")
)

// Encoder writes batches. It keeps its buffers from one batch to the next and
// belongs to one goroutine.
type Encoder struct {
	index   []uint32 // by schema.Key: 1 + its number in keys, 0 for not used
	keys    []schema.Key
	shareds []event.Fields
	heads   []byte // the bytes of shareds
	head    []byte // what stands before the events
	body    []byte // a gap, and the events
	gap     int
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
// What has to stand before the events is known when they are written: it goes to the
// end of a gap, so that they need not be moved.
func (e *Encoder) Encode(events []event.Event, filtered uint32) []byte {
	for _, k := range e.keys {
		e.index[k] = 0
	}
	e.keys, e.shareds, e.heads = e.keys[:0], e.shareds[:0], e.heads[:0]
	for i := range events {
		e.share(events[i].Shared)
	}
	// The shared sets come first, so that the same sets give the same bytes in
	// every frame and a decoder knows them again.
	for _, s := range e.shareds {
		e.heads = e.fields(e.heads, s)
	}
	e.body = slices.Grow(e.body[:0], e.gap)[:e.gap]
	for i := range events {
		e.event(&events[i])
	}
	h := binary.AppendUvarint(append(e.head[:0], version), uint64(filtered))
	h = binary.AppendUvarint(h, uint64(len(e.keys)))
	for _, k := range e.keys {
		h = appendString(h, k.String())
	}
	h = binary.AppendUvarint(h, uint64(len(e.shareds)))
	h = append(h, e.heads...)
	h = binary.AppendUvarint(h, uint64(len(events)))
	e.head = h
	from := e.gap - len(h)
	if from < 0 {
		e.body = slices.Insert(e.body, 0, h[:-from]...)
		e.gap, from = 2*len(h), 0 // of the next
	}
	copy(e.body[from:], h)
	return e.body[from:]
}

func (e *Encoder) event(ev *event.Event) {
	b := e.body
	b = append(b, ev.ID[:]...)
	b = appendTime(b, ev.Time)
	b = appendTime(b, ev.Seen)
	b = appendString(b, ev.Dataset)
	b = appendString(b, ev.Decode)
	b = binary.AppendUvarint(b, uint64(ev.Records))
	b = binary.AppendVarint(b, ev.Offset)
	b = binary.AppendUvarint(b, uint64(e.share(ev.Shared)))
	b = e.fields(b, ev.Fields)
	e.body = appendString(b, ev.Raw)
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

// fields appends a set. It makes room once, for the longest that the set can become,
// and then writes without a look at it.
func (e *Encoder) fields(b []byte, f event.Fields) []byte {
	n, size := 0, binary.MaxVarintLen64+len(f)*mostAround
	for i := range f {
		if x := &f[i]; !x.IsZero() {
			n++
			size += x.NameLen() + x.Len()
		}
	}
	b = binary.AppendUvarint(slices.Grow(b, size), uint64(n))
	at := len(b)
	b = b[:cap(b)]
	for i := range f {
		x := &f[i]
		kind := x.Kind()
		if kind == event.KindNone { // absent: not to be told from not being there
			continue
		}
		number := e.index[x.Key]
		if number == 0 {
			number = e.number(x.Key)
		}
		head := uint(number-1)<<4 | uint(kind)
		name := x.Name()
		if name != "" {
			head |= named
		}
		if head >= 0x80 { // a build has less than 1,024 keys, so that two bytes are enough
			b[at] = byte(head) | 0x80
			at++
			head >>= 7
		}
		b[at] = byte(head)
		at++
		if name != "" {
			at = putString(b, at, name)
		}
		if kind == event.KindString || kind == event.KindIP {
			at = putString(b, at, x.Str())
		} else {
			at = len(appendValue(b[:at], x.Value()))
		}
	}
	return b[:at]
}

// mostAround is the most that a field takes beside its texts: a head, two lengths, or
// one and a number.
const mostAround = 2 + 2*binary.MaxVarintLen64

// number gives a key the next number.
func (e *Encoder) number(k schema.Key) uint32 {
	e.keys = append(e.keys, k)
	e.index[k] = uint32(len(e.keys))
	return e.index[k]
}

// appendValue appends what is no text.
func appendValue(b []byte, v event.Value) []byte {
	switch v.Kind() {
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

// appendString has one look at the room where the text is short, as nearly all
// are.
func appendString(b []byte, s string) []byte {
	at, end := len(b), len(b)+1+len(s)
	if len(s) >= 0x80 || end > cap(b) {
		return append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	b = b[:end]
	b[at] = byte(len(s))
	copy(b[at+1:], s)
	return b
}

// putString writes a string to where at is and returns where it ends. Nearly all are
// short: those are copied in two halves that overlap, which takes less than a call.
// Slices are cut with their capacity: the compiler then needs no care for one that would
// end at the end.
func putString(b []byte, at int, s string) int {
	n := len(s)
	if n >= 0x80 {
		at += binary.PutUvarint(b[at:], uint64(n))
		return at + copy(b[at:], s)
	}
	b[at] = byte(n)
	at++
	switch end := at + n; {
	case n > 16:
		copy(b[at:], s)
	case n >= 8:
		binary.LittleEndian.PutUint64(b[at:at+8:at+8], word(s))
		binary.LittleEndian.PutUint64(b[end-8:end:end], word(s[n-8:]))
	case n >= 4:
		binary.LittleEndian.PutUint32(b[at:at+4:at+4], half(s))
		binary.LittleEndian.PutUint32(b[end-4:end:end], half(s[n-4:]))
	case n > 0:
		b[at+n/2], b[end-1], b[at] = s[n/2], s[n-1], s[0]
	}
	return at + n
}

// word returns the first eight bytes of s, half the first four: the compiler makes one
// load of each.
func word(s string) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func half(s string) uint32 {
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, 0)
	}
	return binary.AppendUvarint(binary.AppendVarint(append(b, 1), t.Unix()), uint64(t.Nanosecond()))
}

// Decoder reads batches. It belongs to one goroutine.
type Decoder struct {
	names *schema.Names
	known []sharedSet // read before, the last used first
	keys  []column
}

// NewDecoder returns a Decoder.
func NewDecoder() *Decoder { return &Decoder{names: schema.NewNames()} }

// Decode adds the events of a frame's bytes to b. Their strings are views of
// one copy of payload. A field whose name this build does not know is kept
// under labels with its full name. On error b is as it was.
func (d *Decoder) Decode(payload []byte, b *event.Batch) error {
	if len(payload) == 0 {
		return ErrCorrupt
	}
	if payload[0] == 0 || payload[0] > version {
		return fmt.Errorf("%w: version %d, this one reads %d", ErrVersion, payload[0], version)
	}
	r := reader{s: string(payload[1:])}
	filtered := uint32(0)
	if payload[0] > 1 {
		filtered = uint32(r.uvarint())
	}
	r.old = payload[0] == 1
	d.keys = d.keys[:0]
	for n := r.count(1); n > 0 && !r.bad; n-- {
		d.keys = append(d.keys, d.column(r.str()))
	}
	keys := d.keys
	shareds := make([]event.Fields, r.count(1))
	for i := range shareds {
		shareds[i] = d.shared(&r)
	}
	was := len(b.Events)
	for n := r.count(24); n > 0 && !r.bad; n-- {
		r.event(b.Add(event.Event{}), keys, shareds, b)
	}
	if r.bad || r.rest() != "" {
		b.Events = b.Events[:was]
		return ErrCorrupt
	}
	b.Filtered += filtered
	return nil
}

// column is one used field: its key, and for a name of another build that name.
type column struct {
	key   schema.Key
	alien string
}

func (d *Decoder) column(name string) column {
	if k, ok := d.names.Find(name); ok {
		return column{key: k}
	}
	return column{key: schema.Labels, alien: name}
}

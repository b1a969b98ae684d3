// Package codec turns a batch of events into the bytes of one journal frame and
// back. Fields are written under their published names, once per frame, so that
// a journal outlives the build that wrote it; the bytes carry no checksum of
// their own, the frame around them does. It knows nothing of journals.
//
//	frame   = version(4) filtered keys shareds events
//	filtered = source records that were left out before the journal (version 1: not there, none)
//	keys    = n (string)…                the field names that shareds use, in order of first use
//	shareds = n (set)…                   sets of fields that several events share
//	set     = n (head [name] value)…     head = key<<4 | named<<3 | kind; key counts from 0 in keys, name is there where named is 1
//	                                     (version 1: key name kind value)
//	events  = n (event)…
//	event   = id(16) time time (0 dataset decode shared records offset fields | model records offset likes) raw
//	model   = how many events before it in the frame the one stands that it is like; it has its dataset, decode and shared
//	time    = 0 for none | 1 as the event before | 2 seconds milliseconds | 3 seconds nanoseconds; seconds since those of the event before
//	offset  = since that of the event before
//	dataset, decode = text
//	shared  = 0 for none, else 1 + its number in shareds
//	fields  = n (field)…
//	likes   = n (like)…                  until there are n fields
//	like    = 4×count                    as many fields, at least one, as the model has next
//	        | 1 + 2×length, bytes        the model's next field, but for this text
//	        | 2 + 4×number of a text     the same
//	        | 1 + 2×difference           the model's next field, but for its value, which is no text: modulo 2^64, signed as varints are
//	        | 2 bits(8)                  the same
//	        | 0 0                        no field
//	        | 0 1 fields                 that the model does not have
//	        | 0 2 count (like)…          as many fields more as the last one, but for the texts or values that follow
//	        | 0 2+count                  of fields, at least one, that the model has next and this event does not
//	field   = [0 column] (text | 1 value)
//	text    = 2 + 2×number of a text that stood in the frame's events before | 3 + 2×length, bytes
//	column  = 0, which is no field | 1 definition, for this field alone | 2 + number; that of the next new one: definition
//	definition = text of the field's name, text of the name below it, kind
//	string  = length bytes; numbers are varints, 8 bytes little endian for floats
//
// A column is a name with the kind of its values. Where none is told it is the one that last came
// behind the column before, at the beginning of an event that with which one last began, so that
// most fields are their value alone, and most of those a number of one byte. Texts that are not
// empty are numbered as they come, up to mostTexts.
//
// Which event is another's model is up to who encodes. None is that of which a field is absent, since a decoder
// has one less. When a frame has come to its byte n, behind the number of an event's fields that has a
// model, all its fields are at most fewFields + mostFields×n: some bytes might ask for any number of them otherwise.
//
// In version 3 no event has a model, the 0 is not there, and shared stands before fields. In version 2 all
// fields of events are sets, whose names are in keys, a time is 0 for none, else 1 and seconds and
// nanoseconds since 1970, the offset is itself, and dataset and decode are strings.
package codec

import (
	"errors"
	"fmt"
	"math"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// version is the first byte of a frame's bytes.
const version = 4

// hasName says, in the head of a field of a set, that its name follows.
const hasName = 8

// What the first number of a field says.
const (
	otherColumn = 0 // its column follows, then a number as these
	otherValue  = 1 // a value that is no text follows
	knownText   = 2 // and greater even numbers: a text that stood before
	ownText     = 3 // and greater odd numbers: a text that follows
)

// What the number of a column says.
const (
	noColumn    = 0 // there is no field
	onceColumn  = 1 // it has no number
	firstColumn = 2 // and greater: it has one
)

// The forms of a time.
const (
	noTime = iota
	sameTime
	milliTime
	nanoTime
)

// ErrCorrupt says that bytes are no frame that this package wrote. ErrVersion
// says that a newer tallyman wrote them.
var (
	ErrCorrupt = errors.New("codec: not the bytes of a batch")
	ErrVersion = errors.New("codec: written by a newer tallyman")
)

// Decoder reads batches. It belongs to one goroutine.
type Decoder struct {
	names *schema.Names
	known []sharedSet // read before, the last used first
	keys  []column
	were  [512]schema.Key // names that frames had, by a hash
	said  said
	size  int
}

// NewDecoder returns a Decoder.
func NewDecoder() *Decoder { return &Decoder{names: schema.NewNames()} }

// Decode adds the events of a frame's bytes to b. Their strings are views of
// one copy of payload. A field whose name this build does not know is kept
// under labels with its full name. On error b is as it was.
func (d *Decoder) Decode(payload []byte, b *event.Batch) error { return d.View(string(payload), b) }

// View is Decode without a copy: the strings of the events' own are views of payload, which
// may be memory that is used again once the events are done with. What they share has its own,
// for it is kept beyond them.
func (d *Decoder) View(payload string, b *event.Batch) error {
	if len(payload) == 0 {
		return ErrCorrupt
	}
	if payload[0] == 0 || payload[0] > version {
		return fmt.Errorf("%w: version %d, this one reads %d", ErrVersion, payload[0], version)
	}
	if uint64(len(payload)) > math.MaxUint32 {
		return ErrCorrupt // places of texts are kept in 32 bits
	}
	r := reader{s: payload[1:]}
	filtered := uint32(0)
	if payload[0] > 1 {
		filtered = uint32(r.uvarint())
	}
	r.first = payload[0] == 1
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
	d.said.begin(len(payload), was)
	for n := r.count(leastEvent); n > 0 && !r.bad; n-- {
		switch e := b.Add(event.Event{}); payload[0] {
		case version:
			d.event(&r, e, shareds, b)
		case version - 1:
			d.third(&r, e, shareds, b)
		default:
			r.event(e, keys, shareds, b)
		}
	}
	clear(d.said.columns) // their names are cut from this frame
	if r.bad || r.rest() != "" {
		b.Events = b.Events[:was]
		return ErrCorrupt
	}
	b.Filtered += filtered
	d.size = len(payload) + d.said.again()
	return nil
}

// Size is about how many bytes the events take that the last Decode gave, each with all that
// it says: in a frame a text stands once for many of them, and most names do.
func (d *Decoder) Size() int { return d.size }

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

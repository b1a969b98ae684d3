// Package event is what flows: one Event is one thing that happened on or
// around a container host, with its fields in order and typed. It knows the
// names of the schema and nothing of where an event comes from or goes to.
package event

import (
	"math"
	"slices"
	"strings"
	"time"
	"unsafe"

	"tallyman/pipeline/schema"
)

// An Event is one thing that happened on or around a container host, or, on its
// way to a decoder, one source record as it was read (Decode and Raw are set).
type Event struct {
	ID      ID        // stable id, the field event.id
	Time    time.Time // by the source's clock, UTC; the field @timestamp
	Seen    time.Time // when it was read, UTC; the field event.created
	Dataset string    // "auditd.log", "docker.events"; the field event.dataset
	Decode  string    // the decoder that a source record waits for ("audit"); "" once it is decoded
	Records uint32    // source records it stands for, the unit of the ledger; 0 for an event that we made
	Offset  int64     // where its (first) record begins in its source, in bytes; the field log.offset when Shared has log.file.path
	Fields  Fields    // what belongs to this event alone
	Shared  Fields    // what it shares with others (host, agent, log.file.path, tallyman.input); never changed once set
	Raw     string    // the source text, kept when asked for or when it was not fully understood
}

// Get returns the first value of k in the event's own fields, else in those it
// shares, else the zero Value. What the head holds (id, times, dataset) is
// answered from there.
func (e *Event) Get(k schema.Key) Value {
	if v := e.Fields.Get(k); !v.IsZero() {
		return v
	}
	switch k {
	case schema.Timestamp:
		return instant(e.Time)
	case schema.EventCreated:
		return instant(e.Seen)
	case schema.EventDataset:
		return text(e.Dataset)
	case schema.EventID:
		return text(e.ID.String())
	case schema.EventOriginal:
		return text(e.Raw)
	}
	return e.Shared.Get(k)
}

// Own returns a copy of e with texts of its own, which outlives the batch that e is of.
// What events share is no batch's, nor is the name of a decoder.
func (e *Event) Own() Event {
	c := *e
	c.Fields = slices.Clone(e.Fields)
	c.Move(make([]byte, 0, c.TextSize()))
	return c
}

// TextSize returns how many bytes of texts e has by itself, without those it shares.
func (e *Event) TextSize() int {
	n := len(e.Raw) + len(e.Dataset)
	for i := range e.Fields {
		f := &e.Fields[i]
		n += int(f.length)
		if f.text != nil {
			n += int(f.num)
		}
	}
	return n
}

// Move copies the texts of e behind those of buf, which has room for TextSize more
// bytes, and returns it with them. They are e's from then on, and nobody may change them.
func (e *Event) Move(buf []byte) []byte {
	put := func(s string) string {
		n := len(buf)
		buf = append(buf, s...)
		return unsafe.String(unsafe.SliceData(buf[n:]), len(s))
	}
	e.Raw, e.Dataset = put(e.Raw), put(e.Dataset)
	for i := range e.Fields {
		f := &e.Fields[i]
		if f.length > 0 {
			f.name = unsafe.Pointer(unsafe.StringData(put(f.Name())))
		}
		if f.text != nil && f.num > 0 {
			f.text = unsafe.Pointer(unsafe.StringData(put(f.Value().Str())))
		}
	}
	return buf
}

func instant(t time.Time) Value {
	if t.IsZero() {
		return Value{}
	}
	return Time(t)
}

func text(s string) Value {
	if s == "" {
		return Value{}
	}
	return String(s)
}

// Field is one named value. It has 32 bytes, since an event has some seventy of
// them and is written, passed over by each stage and read again: what it costs is
// for a good part the memory that it lies in.
type Field struct {
	_      [0]func()
	name   unsafe.Pointer // to the first byte of the name below Key
	text   unsafe.Pointer // as Value's
	num    uint64         // as Value's
	length uint32         // of the name
	Key    schema.Key
	kind   Kind
	zero   uint8 // is 0 in every field, since Form reads the last eight bytes as one word
}

// Form reads what lies from length to zero.
var _ [unsafe.Sizeof(Field{}.length) + unsafe.Sizeof(Field{}.Key) + unsafe.Sizeof(Field{}.kind) + unsafe.Sizeof(Field{}.zero)]byte = [8]byte{}

// Form is the key, the kind of the value and the length of the name as one word, for
// who compares fields with those of another event. It says so only to the
// process that made it.
func (f *Field) Form() uint64 { return *(*uint64)(unsafe.Pointer(&f.length)) }

// NewField returns the field of v under k; name is the name below k where its type is
// a map ("env" of labels), else "".
func NewField(k schema.Key, name string, v Value) Field {
	f := Field{Key: k, text: v.text, num: v.num, kind: v.kind}
	if name != "" {
		f.SetName(name)
	}
	return f
}

// Name returns the name below Key where its type is a map, else "".
func (f *Field) Name() string { return unsafe.String((*byte)(f.name), f.length) }

// NameLen is len(Name()).
func (f *Field) NameLen() int { return int(f.length) }

// Named reports whether Name() is s.
func (f *Field) Named(s string) bool {
	return int(f.length) == len(s) && (len(s) == 0 || unsafe.String((*byte)(f.name), len(s)) == s)
}

// SetName changes the name. One of 4 GiB is cut.
func (f *Field) SetName(s string) {
	f.name, f.length = unsafe.Pointer(unsafe.StringData(s)), uint32(min(uint64(len(s)), math.MaxUint32))
}

// Value returns the value.
func (f *Field) Value() Value { return Value{text: f.text, num: f.num, kind: f.kind} }

// Str is Value().Str(): the text of a string or address value, else "".
func (f *Field) Str() string {
	if f.text == nil {
		return ""
	}
	return *(*string)(unsafe.Pointer(&f.text)) // text and num lie as a string's pointer and length do
}

// Len is len(Str()).
func (f *Field) Len() int {
	if f.text == nil {
		return 0
	}
	return int(f.num)
}

// Places says where name and text lie, as Place does.
func (f *Field) Places() (name, text uint64) {
	return uint64(uintptr(f.name)), uint64(uintptr(f.text))
}

// Kind returns the type of the value.
func (f *Field) Kind() Kind { return f.kind }

// IsZero reports whether the value is absent.
func (f *Field) IsZero() bool { return f.kind == KindNone }

// Put makes f the field of the text s under k; name is as NewField's, and not longer
// than 4 GiB.
func (f *Field) Put(k schema.Key, name, s string) {
	f.name, f.length = unsafe.Pointer(unsafe.StringData(name)), uint32(len(name))
	f.text, f.num = unsafe.Pointer(unsafe.StringData(s)), uint64(len(s))
	f.Key, f.kind = k, KindString
}

// SetText changes the text of a string or address.
func (f *Field) SetText(s string) {
	f.text, f.num = unsafe.Pointer(unsafe.StringData(s)), uint64(len(s))
}

// Bits are a value's that is no text, as one word, else the text's length. Fields of one Form
// whose Places and Bits are the same say the same.
func (f *Field) Bits() uint64 { return f.num }

// Repeats reports whether the text of f is that of g, which has as many bytes, where those are
// four to 16; else it may not see that it is. It is to be inlined.
func (f *Field) Repeats(g *Field) bool {
	n, s, t := f.num, f.text, g.text
	if n-8 <= 8 {
		return *(*[8]byte)(s) == *(*[8]byte)(t) && *(*[8]byte)(unsafe.Add(s, n-8)) == *(*[8]byte)(unsafe.Add(t, n-8))
	}
	return n-4 < 4 && *(*[4]byte)(s) == *(*[4]byte)(t) && *(*[4]byte)(unsafe.Add(s, n-4)) == *(*[4]byte)(unsafe.Add(t, n-4))
}

// SetBits changes a value that is no text to another of its kind.
func (f *Field) SetBits(n uint64) { f.num = n }

// SetValue changes the value.
func (f *Field) SetValue(v Value) { f.text, f.num, f.kind = v.text, v.num, v.kind }

// Clone returns f with texts of its own: what f's are cut from is let go of.
func (f Field) Clone() Field {
	c := NewField(f.Key, strings.Clone(f.Name()), f.Value())
	if s := f.Value().Str(); s != "" {
		c.SetValue(textual(f.kind, strings.Clone(s)))
	}
	return c
}

// Equal reports whether f and g have the same key, name and value.
func (f Field) Equal(g Field) bool {
	return f.Key == g.Key && f.Name() == g.Name() && f.Value().Equal(g.Value())
}

// String is for messages: labels.env=prod.
func (f Field) String() string {
	s := f.Key.String()
	if f.length > 0 {
		s += "." + f.Name()
	}
	return s + "=" + f.Value().String()
}

// Fields are the fields of an event in the order they were added. A key that
// stands more than once is a list; thirty short entries are scanned faster than
// a map is read.
type Fields []Field

// Add appends a value; an absent value adds nothing (SCHEMA rule 1).
func (f *Fields) Add(k schema.Key, v Value) {
	if !v.IsZero() {
		*f = append(*f, NewField(k, "", v))
	}
}

// AddNamed appends the value of name below a key whose type is a map.
func (f *Fields) AddNamed(k schema.Key, name string, v Value) {
	if !v.IsZero() {
		*f = append(*f, NewField(k, name, v))
	}
}

// AddString appends s unless it is empty: an empty text means unknown.
func (f *Fields) AddString(k schema.Key, s string) {
	if s != "" {
		*f = append(*f, NewField(k, "", String(s)))
	}
}

// Set replaces the first value of k, or appends it.
func (f *Fields) Set(k schema.Key, v Value) {
	for i := range *f {
		if (*f)[i].Key == k {
			(*f)[i].SetValue(v)
			return
		}
	}
	f.Add(k, v)
}

// Equal reports whether f and g are equal fields in one order.
func (f Fields) Equal(g Fields) bool { return slices.EqualFunc(f, g, Field.Equal) }

// Get returns the first value of k, the zero Value where it is absent.
func (f Fields) Get(k schema.Key) Value {
	for i := range f {
		if f[i].Key == k {
			return f[i].Value()
		}
	}
	return Value{}
}

// GetNamed returns the first value of name below k.
func (f Fields) GetNamed(k schema.Key, name string) Value {
	for i := range f {
		if f[i].Key == k && f[i].Named(name) {
			return f[i].Value()
		}
	}
	return Value{}
}

// All calls yield with each value of k in order until it returns false; it is
// an iterator over a list field.
func (f Fields) All(k schema.Key) func(yield func(Value) bool) {
	return func(yield func(Value) bool) {
		for i := range f {
			if f[i].Key == k && !yield(f[i].Value()) {
				return
			}
		}
	}
}

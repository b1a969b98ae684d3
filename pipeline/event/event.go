// Package event is what flows: one Event is one thing that happened on or
// around a container host, with its fields in order and typed. It knows the
// names of the schema and nothing of where an event comes from or goes to.
package event

import (
	"time"

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

// Field is one named value.
type Field struct {
	Key  schema.Key
	Name string // the name below Key where its type is a map ("env" of labels), else ""
	Val  Value
}

// Fields are the fields of an event in the order they were added. A key that
// stands more than once is a list; thirty short entries are scanned faster than
// a map is read.
type Fields []Field

// Add appends a value; an absent value adds nothing (SCHEMA rule 1).
func (f *Fields) Add(k schema.Key, v Value) {
	if !v.IsZero() {
		*f = append(*f, Field{Key: k, Val: v})
	}
}

// AddNamed appends the value of name below a key whose type is a map.
func (f *Fields) AddNamed(k schema.Key, name string, v Value) {
	if !v.IsZero() {
		*f = append(*f, Field{Key: k, Name: name, Val: v})
	}
}

// AddString appends s unless it is empty: an empty text means unknown.
func (f *Fields) AddString(k schema.Key, s string) {
	if s != "" {
		*f = append(*f, Field{Key: k, Val: String(s)})
	}
}

// Set replaces the first value of k, or appends it.
func (f *Fields) Set(k schema.Key, v Value) {
	for i := range *f {
		if (*f)[i].Key == k {
			(*f)[i].Val = v
			return
		}
	}
	f.Add(k, v)
}

// Get returns the first value of k, the zero Value where it is absent.
func (f Fields) Get(k schema.Key) Value {
	for i := range f {
		if f[i].Key == k {
			return f[i].Val
		}
	}
	return Value{}
}

// GetNamed returns the first value of name below k.
func (f Fields) GetNamed(k schema.Key, name string) Value {
	for i := range f {
		if f[i].Key == k && f[i].Name == name {
			return f[i].Val
		}
	}
	return Value{}
}

// All calls yield with each value of k in order until it returns false; it is
// an iterator over a list field.
func (f Fields) All(k schema.Key) func(yield func(Value) bool) {
	return func(yield func(Value) bool) {
		for i := range f {
			if f[i].Key == k && !yield(f[i].Val) {
				return
			}
		}
	}
}

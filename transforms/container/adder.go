package container

// How fields are added to events where they lie.

import (
	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/schema"
)

// counted is what is added to a counter at once: for each event by itself it would
// wait for the other processors.
type counted struct {
	of *meter.Counter
	n  uint64
}

func (c *counted) add(to *meter.Counter) {
	if c.of != to {
		c.flush()
		c.of = to
	}
	c.n++
}

func (c *counted) flush() {
	if c.n > 0 {
		c.of.Add(c.n)
		c.n = 0
	}
}

// adder adds fields to those of an event where they lie: most add far less than the
// most there can be, and there is room.
type adder struct {
	fields event.Fields
	out    *event.Batch // where there is more room
}

// next adds a field, whose value is to be set. To put a field together elsewhere and
// to copy it at once makes the processor wait for what it has just written.
func (a *adder) next(k schema.Key) *event.Field {
	n := len(a.fields)
	if n == cap(a.fields) {
		a.room(1)
	}
	a.fields = a.fields[:n+1]
	f := &a.fields[n]
	f.Key = k
	f.SetName("")
	return f
}

// text adds s unless it is empty.
func (a *adder) text(k schema.Key, s string) {
	if s == "" {
		return
	}
	n := len(a.fields)
	if n == cap(a.fields) {
		a.room(1)
	}
	a.fields = a.fields[:n+1]
	a.fields[n].Put(k, "", s)
}

// all adds fields as they are.
func (a *adder) all(fields []event.Field) {
	if cap(a.fields)-len(a.fields) < len(fields) {
		a.room(len(fields))
	}
	a.fields = append(a.fields, fields...)
}

// room moves the fields to where there is room for n more, and for those that come
// after them, of later transforms as well.
func (a *adder) room(n int) {
	const more = 16
	a.fields = a.out.Take(a.fields, n+more)
}

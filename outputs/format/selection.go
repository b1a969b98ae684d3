package format

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"tallyman/outputs/format/json"
	"tallyman/outputs/format/rfc5424"
	"tallyman/pipeline/event"
	"tallyman/pipeline/expr"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// selection says which fields of an event are written. What it leaves out is in
// the journal and before the rules all the same: it is a matter of one output.
type selection []pick // by key

// pick is what is written of a key: nothing, or, where but is set, all of it, and of the
// names below it the other of the two.
type pick struct {
	names []string
	but   bool
}

// whole reports whether all of it is written.
func (p *pick) whole() bool { return p.but && len(p.names) == 0 }

// always is written whatever a selection says: without them a receiver can neither
// order events nor know one that comes twice.
var always = [...]schema.Key{schema.Timestamp, schema.EventID}

// selectionOf reads the words of only_fields and without_fields; nil where both
// are empty.
func selectionOf(only, without []string) (selection, plugin.Problems) {
	if len(only) == 0 && len(without) == 0 {
		return nil, nil
	}
	keys := schema.Keys()
	s := make(selection, len(keys)+1)
	for _, k := range keys {
		s[k].but = len(only) == 0
	}
	var p plugin.Problems
	for _, word := range only {
		p = append(p, s.read("only_fields", word, keys, true)...)
	}
	for _, word := range without {
		p = append(p, s.read("without_fields", word, keys, false)...)
	}
	for _, k := range always {
		s[k] = pick{but: true}
	}
	return s, p
}

// read takes one word: a field, a group of fields (host.os), or a name below a
// field that holds named values (labels.env).
func (s selection) read(setting, word string, keys []schema.Key, take bool) plugin.Problems {
	if word == schema.LogOffset.String() {
		return plugin.Problems{{Key: setting, Text: setting + ": log.offset stands beside log.file.path, and never without", Hint: `name "log.file.path"`}}
	}
	found := false
	for _, k := range keys {
		switch name := k.String(); {
		case !take && name == word && slices.Contains(always[:], k):
			return plugin.Problems{{Key: setting, Text: setting + ": " + name + " is always written", Hint: "remove it: receivers order and compare events by it"}}
		case name == word || strings.HasPrefix(name, word+"."):
			s[k], found = pick{but: take}, true
		case k.Info().Type.IsMap() && strings.HasPrefix(word, name+".") && len(word) > len(name)+1:
			s[k].name(word[len(name)+1:], take)
			found = true
		}
	}
	if found {
		return nil
	}
	return plugin.Problems{{Key: setting, Text: setting + ": the schema has no field and no group " + strconv.Quote(word), Hint: near(word, keys)}}
}

// name adds or removes one name below a key.
func (p *pick) name(name string, take bool) {
	p.names = slices.DeleteFunc(p.names, func(n string) bool { return n == name })
	if p.but != take {
		p.names = append(p.names, name)
	}
}

// near names the field or group that was probably meant.
func near(word string, keys []schema.Key) string {
	var known []string
	seen := map[string]bool{}
	for _, k := range keys {
		for name := k.String(); name != "" && !seen[name]; {
			seen[name] = true
			known = append(known, name)
			name = name[:max(strings.LastIndexByte(name, '.'), 0)]
		}
	}
	if n := expr.Nearest(word, known); n != "" {
		return "did you mean " + strconv.Quote(n) + "?"
	}
	return "docs/reference lists the fields"
}

// takes reports whether a field is written.
func (s selection) takes(f *event.Field) bool {
	if int(f.Key) >= len(s) {
		return true
	}
	p := &s[f.Key]
	if len(p.names) == 0 {
		return p.but
	}
	name := f.Name()
	if f.Key.Info().Many { // a list of objects: its number stands before the member
		_, name, _ = strings.Cut(name, ".")
	}
	return slices.Contains(p.names, name) != p.but
}

// choice is takes for all values of a field.
func (s selection) choice(k schema.Key) json.Choice {
	switch p := &s[k]; {
	case len(p.names) > 0:
		return json.ByName
	case p.but:
		return json.All
	}
	return json.None
}

// bounded is what every format is.
type bounded interface {
	plugin.Encoder
	rfc5424.Bounded
}

// selected is an encoder that is shown the fields of a selection only. JSON has no need of
// one: it selects by itself.
type selected struct {
	bounded
	s      selection
	ev     event.Event // what the encoder is shown
	shared map[place]event.Fields
}

// place is where a set of shared fields lies. What is left of each is kept by it: an
// encoder knows a set again by its memory, so each set has one. The place holds the
// set's memory, so that no other can lie there.
type place struct {
	first *event.Field
	size  int
}

// mostShared is how many sets are known: more than a host has inputs and containers.
const mostShared = 256

// Append implements plugin.Encoder.
func (c *selected) Append(dst []byte, e *event.Event) ([]byte, error) {
	dst, err := c.bounded.Append(dst, c.show(e))
	c.forget()
	return dst, err
}

// AppendMax implements rfc5424.Bounded.
func (c *selected) AppendMax(dst []byte, e *event.Event, limit int) ([]byte, error) {
	dst, err := c.bounded.AppendMax(dst, c.show(e), limit)
	c.forget()
	return dst, err
}

// show returns the event without what is left out. It is a view until forget.
func (c *selected) show(e *event.Event) *event.Event {
	fields := c.ev.Fields[:0]
	for i := range e.Fields {
		if c.s.takes(&e.Fields[i]) {
			fields = append(fields, e.Fields[i])
		}
	}
	c.ev = *e
	c.ev.Fields, c.ev.Shared = fields, c.share(e.Shared)
	if !c.s[schema.EventDataset].whole() {
		c.ev.Dataset = ""
	}
	if !c.s[schema.EventOriginal].whole() {
		c.ev.Raw = ""
	}
	if !c.s[schema.EventCreated].whole() && !e.Time.IsZero() { // else it is the only time there is
		c.ev.Seen = time.Time{}
	}
	return &c.ev
}

// forget lets the event go, whose memory is the caller's.
func (c *selected) forget() {
	clear(c.ev.Fields)
	c.ev = event.Event{Fields: c.ev.Fields[:0]}
}

// share returns what is left of a shared set.
func (c *selected) share(set event.Fields) event.Fields {
	if len(set) == 0 {
		return nil
	}
	at := place{&set[0], len(set)}
	part, known := c.shared[at]
	if known {
		return part
	}
	for i := range set {
		if c.s.takes(&set[i]) {
			part = append(part, set[i])
		}
	}
	if len(c.shared) >= mostShared {
		for other := range c.shared {
			delete(c.shared, other) // its memory may be known to the encoder, and serves no other set
			break
		}
	}
	c.shared[at] = part
	return part
}

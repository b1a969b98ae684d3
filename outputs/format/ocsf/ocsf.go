// Package ocsf renders an event as one JSON object of the Open Cybersecurity
// Schema Framework, release 1.8.0 (SCHEMA.md sections 3 and 9). It knows which
// class an event is of, which objects a class has and what OCSF requires of them;
// what their attributes are made of is the table of pipeline/schema. It knows no
// framing and no destination.
//
// Whatever the event holds, the result has every attribute that its class
// requires: an event that cannot fill the objects of its class is one of Kernel
// Activity where it is a system call, else a Base Event. What no object takes
// stands under unmapped with its name of ECS, so nothing is missing.
package ocsf

import (
	"strconv"

	"tallyman/outputs/format/json"
	"tallyman/outputs/format/view"
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// Version is the release of OCSF.
const Version = "1.8.0"

// Options are what may be chosen. The zero value of each is its default.
type Options struct {
	MaxBytes int // of one event; DefaultMaxBytes
}

// DefaultMaxBytes is the most bytes of one event where nothing else is said. A
// data lake takes more than a SIEM: only what no event should have is cut.
const DefaultMaxBytes = 1 << 20

// LeastMaxBytes is the room in which what a class requires fits in any case.
const LeastMaxBytes = 2048

// Encoder renders events as OCSF. It implements plugin.Encoder.
type Encoder struct {
	*view.View
	max     int
	common  []node // what every event has
	layouts [layoutCount]layout

	count  []int        // by schema.Key: how many values the event itself has
	shared []int        // and how many it shares
	took   []taken      // by the objects
	used   []use        // by schema.Key: the same, while unmapped is made
	esc    []schema.Key // what is written with the escape of rule 6
	asked  schema.Key   // the field that spoilt looked at last, and what it found
	answer bool
	filled bool    // the object at hand has an attribute that tells something
	at     *layout // the one that is rendered

	rest event.Event // what no object took
	json *json.Encoder

	level level // how much is left out
	room  int   // the most bytes of unmapped, where something is left out
	size  int   // the bytes of unmapped
	whole int   // the bytes that the event would have
}

// taken is a key whose values an object has.
type taken struct {
	key schema.Key
	use use
}

// use says how much of a key's values an object has taken.
type use uint8

const (
	firstTaken use = iota + 1
	allTaken
)

// level is how much is left out of an event that is too long, step by step.
type level int

const (
	full     level = iota
	noRaw          // without raw_data
	someRest       // and with as much of unmapped as there is room for
	noRest         // and without unmapped
)

// caps are the most bytes of a text at the levels from noRest on.
var caps = [...]int{1024, 256, 64, 24}

// New returns an encoder.
func New(o Options) *Encoder {
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	keys := schema.Keys()
	n := int(keys[len(keys)-1]) + 1
	c := &Encoder{max: o.MaxBytes, used: make([]use, n), count: make([]int, n), shared: make([]int, n), json: json.New(true)}
	var asked []schema.Key
	for _, a := range schema.OCSF() {
		for _, k := range a.From {
			if !k.Info().Type.IsMap() {
				asked = append(asked, k)
			}
		}
	}
	c.View = view.New(append(asked, schema.EventKind, schema.NetworkProtocol, schema.ProcessExitCode))
	c.common = rows("event")
	for i := range c.layouts {
		c.layouts[i] = newLayout(layoutOf(i))
	}
	return c
}

// Append implements plugin.Encoder; it never fails.
func (c *Encoder) Append(dst []byte, e *event.Event) ([]byte, error) {
	return c.AppendMax(dst, e, c.max)
}

// AppendMax is Append with a limit of its own. An event that is too long loses
// raw_data first, then members of unmapped, then the ends of its texts, and says
// so with metadata.is_truncated; what is left is valid. It is longer than limit
// only where that is less than LeastMaxBytes.
func (c *Encoder) AppendMax(dst []byte, e *event.Event, limit int) ([]byte, error) {
	limit = min(limit, c.max)
	start := len(dst)
	c.Load(e)
	c.counts(e, 1)
	c.level, c.whole, c.asked, c.answer = full, 0, schema.None, false
	for dst = c.event(dst); len(dst)-start > limit && int(c.level) < int(noRest)+len(caps)-1; dst = c.event(dst[:start]) {
		over := len(dst) - start - limit
		if c.whole == 0 {
			c.whole = len(dst) - start
			over += len(`,"is_truncated":true,"untruncated_size":1000000000`)
		}
		c.level++
		if c.level == someRest {
			if c.room = c.size - over; c.room < 64 {
				c.level = noRest
			}
		}
	}
	c.counts(e, -1)
	c.Clear()
	return dst, nil
}

// counts adds n to the count of each value.
func (c *Encoder) counts(e *event.Event, n int) {
	for i := range e.Fields {
		if k := e.Fields[i].Key; int(k) < len(c.count) {
			c.count[k] += n
		}
	}
	for i := range e.Shared {
		if k := e.Shared[i].Key; int(k) < len(c.shared) {
			c.shared[k] += n
		}
	}
}

// Shortened reports whether the last event was longer than its limit.
func (c *Encoder) Shortened() bool { return c.level > full }

// event appends the event as the first of its classes whose objects it can fill.
func (c *Encoder) event(dst []byte) []byte {
	layout, activity := c.classify()
	if out, ok := c.object(dst, layout, activity); ok {
		return out
	}
	if layout == accountChanged {
		if out, ok := c.object(dst, accountOwn, activity); ok {
			return out
		}
	}
	if uid := c.layouts[layout].uid; !c.Syscall().IsZero() && (uid/1000 == 1 || uid/1000 == 4) {
		if out, ok := c.object(dst, kernelActivity, 4); ok {
			return out
		}
	}
	dst, _ = c.object(dst, baseEvent, other)
	return dst
}

// The activities that a class has no number for: one with a name, and none.
const (
	other  = 99
	unsaid = 0
)

// object appends the event as one of a class, unless it lacks what that
// requires.
func (c *Encoder) object(dst []byte, l layoutOf, activity int) (out []byte, ok bool) {
	start := len(dst)
	c.at = &c.layouts[l]
	dst = number(append(dst, '{'), `"class_uid":`, c.at.uid)
	dst = number(dst, `,"category_uid":`, c.at.uid/1000)
	if activity == other && c.Str(schema.EventAction) == "" {
		activity = unsaid // there is no name that other would stand for
	}
	dst = number(dst, `,"activity_id":`, activity)
	if activity == other {
		dst = c.text(append(dst, `,"activity_name":`...), schema.EventAction, c.Str(schema.EventAction))
	}
	dst = number(dst, `,"type_uid":`, c.at.uid*100+activity)
	dst = number(dst, `,"severity_id":`, severity(c.Severity()))
	c.mark(schema.EventSeverity, firstTaken)
	for i := range c.common {
		dst = c.node(dst, &c.common[i])
	}
	have := 0
	for i := range c.at.places {
		p := &c.at.places[i]
		at := len(dst)
		if dst = c.node(dst, &p.node); len(dst) > at {
			have |= p.bit
		} else if p.required {
			c.forget(0, 0)
			return dst[:start], false
		}
	}
	if have&c.at.anyOf == 0 && c.at.anyOf != 0 {
		c.forget(0, 0)
		return dst[:start], false
	}
	dst = c.extra(dst, l)
	dst = append(c.unmapped(dst), '}')
	c.forget(0, 0)
	return dst, true
}

func number(dst []byte, name string, n int) []byte {
	return strconv.AppendInt(append(dst, name...), int64(n), 10)
}

// severity maps event.severity (SCHEMA.md section 5).
func severity(n int) int {
	switch {
	case n <= 2:
		return 1
	case n == 3:
		return 2
	case n <= 6:
		return 3
	case n <= 8:
		return 4
	}
	return 5
}

// mark remembers that an object has taken values of k.
func (c *Encoder) mark(k schema.Key, u use) { c.took = append(c.took, taken{k, u}) }

// forget lets go of what was taken after the first n, and of what was escaped
// after the first m.
func (c *Encoder) forget(n, m int) { c.took, c.esc = c.took[:n], c.esc[:m] }

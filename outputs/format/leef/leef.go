// Package leef renders an event in the Log Event Extended Format of QRadar,
// version 1.0 or 2.0, as its guide has it and SCHEMA.md section 7 fills it:
//
//	LEEF:1.0|Vendor|Product|Version|EventID|key=value<TAB>key=value
//	LEEF:2.0|Vendor|Product|Version|EventID|^|key=value^key=value
//
// It knows how the two parts are written and which characters end them; which
// attributes there are is the table of pipeline/schema. It knows no framing and
// no destination. The format is flat and has few names, so most fields of an
// event are not in it.
//
// LEEF has no escapes. In a value a tab and a line end become a blank. A text
// with another control character, with the delimiter or with a byte that is no
// UTF-8 is written with \xHH for each such byte and \\ for each backslash
// (SCHEMA.md section 1 rule 6), and the attribute TallymanEscaped lists it.
package leef

import (
	"strconv"

	"tallyman/outputs/format/view"
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// Options are what may be chosen. The zero value of each is its default.
type Options struct {
	Vendor    string // "Tallyman"
	Product   string // "tallyman"
	Version   string // of LEEF: "2.0" or "1.0"
	Delimiter byte   // of attributes in LEEF 2.0: '\t', or one of Delimiters; 1.0 has the tab alone
	MaxBytes  int    // of one event; DefaultMaxBytes
}

// DefaultMaxBytes is the most bytes of one event where nothing else is said.
const DefaultMaxBytes = 32 << 10

// Delimiters are the characters beside the tab that may part attributes: those
// that are in no key, no number, no time and no address.
const Delimiters = "^~;!#$%&*@"

// The limits of the header. The guide names that of the EventID.
const (
	headerLimit = 255
	classLimit  = 255
)

// Encoder renders events as LEEF. It implements plugin.Encoder.
type Encoder struct {
	*view.View
	head  string // up to and with the | after the product
	tail  string // what stands between the EventID and the attributes
	delim byte
	max   int
	list  []attribute

	first int      // where the attributes begin
	marks []int    // where each attribute begins
	esc   []listed // what is written with the escape of rule 6
	cut   bool     // something was shortened
	over  bool     // because the event was too long, and not only a value of it

	// How much of the two texts that give way first may be written, and how much
	// there was, in bytes as written.
	commandLimit, commandSize, messageLimit, messageSize int
}

// listed is an attribute whose value is escaped; at is its place in marks.
type listed struct {
	name string
	at   int
}

// New returns an encoder.
func New(o Options) *Encoder {
	c := &Encoder{delim: '\t', max: o.MaxBytes, tail: "|", list: attributes()}
	if o.Vendor == "" {
		o.Vendor = "Tallyman"
	}
	if o.Product == "" {
		o.Product = "tallyman"
	}
	if c.max <= 0 {
		c.max = DefaultMaxBytes
	}
	head := []byte("LEEF:1.0|")
	if o.Version != "1.0" {
		head = []byte("LEEF:2.0|")
		if c.tail = "|x09|"; o.Delimiter != 0 && o.Delimiter != '\t' {
			c.delim, c.tail = o.Delimiter, "|"+string(rune(o.Delimiter))+"|"
		}
	}
	for _, s := range [...]string{o.Vendor, o.Product} {
		head = append(appendHeader(head, s, headerLimit), '|')
	}
	c.head = string(head)
	var asked []schema.Key
	for i := range c.list {
		asked = append(asked, c.list[i].From...)
	}
	c.View = view.New(asked)
	return c
}

// Append implements plugin.Encoder; it never fails.
func (c *Encoder) Append(dst []byte, e *event.Event) ([]byte, error) {
	return c.AppendMax(dst, e, c.max)
}

// AppendMax is Append with a limit of its own. An event that is too long loses
// the end of its command line and of its message first, then attributes from the
// end, and says so with TallymanTruncated, which with the header and what is
// escaped in it may still be longer.
func (c *Encoder) AppendMax(dst []byte, e *event.Event, limit int) ([]byte, error) {
	limit = min(limit, c.max)
	start := len(dst)
	c.Load(e)
	dst = append(dst, c.head...)
	dst = append(appendHeader(dst, c.Version(), headerLimit), '|')
	dst = append(c.AppendClass(dst, classLimit), c.tail...)
	c.first = len(dst)
	c.commandLimit, c.messageLimit = unlimited, unlimited
	dst = c.attributes(dst)
	over := len(dst) - start - limit
	if c.over = over > 0; c.over {
		if !c.cut {
			over += len(truncated) + 1
		}
		c.commandLimit = max(0, c.commandSize-over)
		c.messageLimit = max(0, c.messageSize-max(0, over-c.commandSize))
		dst = c.attributes(dst[:c.first])
		if len(dst)-start > limit {
			dst = c.drop(dst, start+limit)
		}
	}
	c.Clear()
	return dst, nil
}

// Shortened reports whether the last event was longer than its limit.
func (c *Encoder) Shortened() bool { return c.over }

// The attributes that say that something is missing, and which values are
// escaped. They have the names that they have in CEF.
const (
	truncated = "TallymanTruncated=true"
	escaped   = "TallymanEscaped="
)

// unlimited is more bytes than any text has.
const unlimited = 1 << 40

// attributes appends every attribute that has a value.
func (c *Encoder) attributes(dst []byte) []byte {
	c.cut, c.marks, c.esc = false, c.marks[:0], c.esc[:0]
	c.commandSize, c.messageSize = 0, 0
	for i := range c.list {
		at := len(dst)
		if dst = c.attribute(dst, &c.list[i]); len(dst) > at {
			c.marks = append(c.marks, at)
		}
	}
	if len(c.esc) > 0 {
		at := len(dst)
		dst = c.escaped(dst, len(c.marks))
		c.marks = append(c.marks, at)
	}
	if c.cut {
		c.marks = append(c.marks, len(dst))
		dst = append(c.part(dst), truncated...)
	}
	return dst
}

// drop removes attributes from the end until what is left ends at or before
// limit.
func (c *Encoder) drop(dst []byte, limit int) []byte {
	for i := len(c.marks) - 1; i > 0; i-- {
		if at := c.marks[i]; at+c.escapedSize(i)+1+len(truncated) <= limit {
			dst = c.escaped(dst[:at], i)
			return append(c.part(dst), truncated...)
		}
	}
	return append(dst[:c.first], truncated...)
}

// escaped appends the list of what is escaped among the first n attributes.
func (c *Encoder) escaped(dst []byte, n int) []byte {
	fresh := true
	for _, one := range c.esc {
		if one.at >= n {
			break
		}
		if fresh {
			dst = append(c.part(dst), escaped...)
		} else {
			dst = append(dst, ',')
		}
		fresh = false
		dst = append(dst, one.name...)
	}
	return dst
}

// escapedSize is at least how many bytes escaped appends.
func (c *Encoder) escapedSize(n int) int {
	size := 0
	for _, one := range c.esc {
		if one.at < n {
			size += len(one.name) + 1
		}
	}
	if size == 0 {
		return 0
	}
	return 1 + len(escaped) + size
}

// part appends the delimiter where an attribute stands before.
func (c *Encoder) part(dst []byte) []byte {
	if len(dst) > c.first {
		return append(dst, c.delim)
	}
	return dst
}

// begin appends the delimiter, a name and its equals sign.
func (c *Encoder) begin(dst []byte, name string) []byte {
	return append(append(c.part(dst), name...), '=')
}

func (c *Encoder) number(dst []byte, name string, n int64) []byte {
	return strconv.AppendInt(c.begin(dst, name), n, 10)
}

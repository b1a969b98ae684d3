// Package cef renders an event in the Common Event Format, as the implementation
// standard, document version 27, has it and SCHEMA.md section 6 fills it:
//
//	CEF:0|Vendor|Product|Version|Class|Name|Severity|key=value key=value
//
// It knows the dictionary of CEF with its lengths and how its two parts are
// escaped. It knows no framing and no destination. The format is flat and has
// few names, so most fields of an event are not in it.
package cef

import (
	"strconv"
	"strings"

	"tallyman/outputs/format/view"
	"tallyman/pipeline/event"
)

// Options are what may be chosen. The zero value of each is its default.
type Options struct {
	Vendor    string // "Tallyman"
	Product   string // "tallyman"
	Version   int    // of CEF: 0 or 1
	IPv6InSrc bool   // IPv6 addresses in src and dst, not in c6a2 and c6a3
	MaxBytes  int    // of one event; DefaultMaxBytes
}

// DefaultMaxBytes is the most bytes of one event where nothing else is said.
const DefaultMaxBytes = 32 << 10

// The limits of the header in characters.
const (
	vendorLimit  = 63
	versionLimit = 31
	classLimit   = 1023
	nameLimit    = 512
)

// Encoder renders events as CEF. It implements plugin.Encoder.
type Encoder struct {
	head    []byte // up to and with the | after the version
	fixed   int    // of head, up to and with the | after the product
	version string // that is in head
	ipv6    bool   // IPv6InSrc
	max     int

	*view.View             // of the event at hand
	only       event.Event // a shared set and nothing else
	pairs      []pair
	always     uint64 // those that are looked at in any event

	audited map[string]string // by event.action: class and Name of an event of the audit log

	first int   // where the extension begins
	marks []int // where each key of the extension begins; there is room for all
	esc   []esc // what is written with the escape of SCHEMA rule 6
	title bool  // the Name of the header is
	cut   bool  // something was shortened
	over  bool  // because the event was too long, and not only a value of it

	// How much of the texts that give way first may be written, and how much there
	// was, in bytes as written. All others are at 0.
	room, size [givers]int
}

// esc is a key whose value is escaped; at is its place in marks.
type esc struct {
	key string
	at  int
}

// New returns an encoder.
func New(o Options) *Encoder {
	vendor, product := o.Vendor, o.Product
	if vendor == "" {
		vendor = "Tallyman"
	}
	if product == "" {
		product = "tallyman"
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	head := append(strconv.AppendInt([]byte("CEF:"), int64(o.Version), 10), '|')
	for _, s := range [...]string{vendor, product} {
		head, _ = appendHeader(head, s, vendorLimit)
		head = append(head, '|')
	}
	v := view.New(asked())
	c := &Encoder{head: head, fixed: len(head), ipv6: o.IPv6InSrc, max: o.MaxBytes, View: v}
	c.pairs, c.always = pairs(v)
	c.marks = make([]int, 0, len(c.pairs)+2)
	c.audited = audited()
	return c
}

// Append implements plugin.Encoder; it never fails.
func (c *Encoder) Append(dst []byte, e *event.Event) ([]byte, error) {
	return c.AppendMax(dst, e, c.max)
}

// AppendMax is Append with a limit of its own. An event that is too long loses
// the end of its command line and of its message first, then keys from the end,
// and says so with TallymanTruncated, which with the header and what is escaped
// in it may still be longer.
func (c *Encoder) AppendMax(dst []byte, e *event.Event, limit int) ([]byte, error) {
	limit = min(limit, c.max)
	start := len(dst)
	c.Load(e)
	if !c.Shared().Memo.Made {
		c.remember(e)
	}
	dst = c.header(dst)
	c.first = len(dst)
	c.room = [...]int{unlimited, unlimited, unlimited}
	dst = c.extension(dst)
	over := len(dst) - start - limit
	if c.over = over > 0; c.over {
		if !c.cut {
			over += len(truncated)
		}
		c.room[commandLine] = max(0, c.size[commandLine]-over)
		c.room[messageText] = max(0, c.size[messageText]-max(0, over-c.size[commandLine]))
		dst = c.extension(dst[:c.first])
		if len(dst)-start > limit {
			dst = c.drop(dst, start+limit)
		}
	}
	c.Clear()
	return dst, nil
}

// Shortened reports whether the last event was longer than its limit.
func (c *Encoder) Shortened() bool { return c.over }

// The keys that say that something is missing, and which values are escaped as
// SCHEMA.md section 1 rule 6 has it (docs/decisions/0004).
const (
	truncated = " TallymanTruncated=true"
	escaped   = " TallymanEscaped="
)

// drop removes keys from the end until what is left ends at or before limit.
func (c *Encoder) drop(dst []byte, limit int) []byte {
	for i := len(c.marks) - 1; i > 0; i-- {
		if at := c.marks[i]; at+c.escapedSize(i)+len(truncated) <= limit {
			return append(c.escaped(dst[:at], i), truncated...)
		}
	}
	dst = c.escaped(dst[:c.first], 0)
	return append(c.begin(dst, truncated[:len(truncated)-len("true")]), "true"...)
}

// escaped appends the list of what is escaped among the first n keys.
func (c *Encoder) escaped(dst []byte, n int) []byte {
	fresh := true
	add := func(key string) {
		if fresh {
			dst = c.begin(dst, escaped)
		} else {
			dst = append(dst, ',')
		}
		fresh = false
		dst = append(dst, key...)
	}
	if c.title {
		add("name")
	}
	for _, one := range c.esc {
		if one.at < n {
			add(one.key)
		}
	}
	return dst
}

// escapedSize is at least how many bytes escaped appends.
func (c *Encoder) escapedSize(n int) int {
	size := 0
	if c.title {
		size = len("name,")
	}
	for _, one := range c.esc {
		if one.at < n {
			size += len(one.key) + 1
		}
	}
	if size == 0 {
		return 0
	}
	return len(escaped) + size - 1
}

// header appends everything before the extension.
func (c *Encoder) header(dst []byte) []byte {
	if v := c.Version(); v != c.version {
		c.version = strings.Clone(v)
		c.head, _ = appendHeader(c.head[:c.fixed], v, versionLimit)
		c.head = append(c.head, '|')
	}
	dst = append(dst, c.head...)
	if known := c.kind(); known != "" {
		dst, c.title = append(dst, known...), false
	} else {
		dst = append(c.AppendClass(dst, classLimit), '|')
		dst, c.title = appendHeader(dst, c.name(), nameLimit)
		dst = append(dst, '|')
	}
	dst = event.AppendInt(dst, int64(c.Severity()))
	return append(dst, '|')
}

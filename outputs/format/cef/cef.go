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

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
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
	head string // up to and with the | after the product
	ipv6 bool   // IPv6InSrc
	max  int

	slot []uint8       // by schema.Key: its place in val; 0 for a key that is not asked for
	val  []event.Value // of the event at hand
	exit event.Value   // auditd.data.exit, .opid, .opid_comm and .syscall
	opid event.Value
	comm event.Value
	call event.Value

	e     *event.Event
	first int   // where the extension begins
	marks []int // where each key of the extension begins
	esc   []esc // what is written with the escape of SCHEMA rule 6
	title bool  // the Name of the header is
	cut   bool  // something was shortened
	over  bool  // because the event was too long, and not only a value of it

	// How much of the two texts that give way first may be written, and how much
	// there was, in bytes as written.
	commandLimit, commandSize, messageLimit, messageSize int
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
	keys := schema.Keys()
	c := &Encoder{head: string(head), ipv6: o.IPv6InSrc, max: o.MaxBytes, slot: make([]uint8, int(keys[len(keys)-1])+1)}
	for _, k := range asked() {
		if c.slot[k] == 0 {
			c.val = append(c.val, event.Value{})
			c.slot[k] = uint8(len(c.val))
		}
	}
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
	c.load(e)
	dst = c.header(dst)
	c.first = len(dst)
	c.commandLimit, c.messageLimit = unlimited, unlimited
	dst = c.extension(dst)
	over := len(dst) - start - limit
	if c.over = over > 0; c.over {
		if !c.cut {
			over += len(truncated)
		}
		c.commandLimit = max(0, c.commandSize-over)
		c.messageLimit = max(0, c.messageSize-max(0, over-c.commandSize))
		dst = c.extension(dst[:c.first])
		if len(dst)-start > limit {
			dst = c.drop(dst, start+limit)
		}
	}
	c.e = nil
	clear(c.val) // the event's memory is the caller's
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
	return append(c.begin(dst, truncated[1:len(truncated)-len("=true")]), "true"...)
}

// escaped appends the list of what is escaped among the first n keys.
func (c *Encoder) escaped(dst []byte, n int) []byte {
	fresh := true
	add := func(key string) {
		if fresh {
			dst = c.begin(dst, escaped[1:len(escaped)-1])
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

// load takes the values that are asked for out of the event: its own before what
// it shares.
func (c *Encoder) load(e *event.Event) {
	c.e, c.exit, c.opid, c.comm, c.call = e, event.Value{}, event.Value{}, event.Value{}, event.Value{}
	clear(c.val)
	for i := range e.Fields {
		f := &e.Fields[i]
		if f.Key == schema.AuditdData {
			c.named(f)
		} else {
			c.take(f)
		}
	}
	for i := range e.Shared {
		c.take(&e.Shared[i])
	}
}

func (c *Encoder) take(f *event.Field) {
	if int(f.Key) < len(c.slot) {
		if n := c.slot[f.Key]; n > 0 && c.val[n-1].IsZero() {
			c.val[n-1] = f.Val
		}
	}
}

func (c *Encoder) named(f *event.Field) {
	switch f.Name {
	case "exit":
		c.exit = f.Val
	case "opid":
		c.opid = f.Val
	case "opid_comm":
		c.comm = f.Val
	case "syscall":
		c.call = f.Val
	}
}

// get returns the first value of a key that is asked for.
func (c *Encoder) get(k schema.Key) event.Value {
	if n := c.slot[k]; n > 0 {
		return c.val[n-1]
	}
	return event.Value{}
}

// header appends everything before the extension.
func (c *Encoder) header(dst []byte) []byte {
	dst = append(dst, c.head...)
	version := c.get(schema.AgentVersion).Str()
	if version == "" {
		version = "0"
	}
	dst, _ = appendHeader(dst, version, versionLimit)
	dst = append(c.class(append(dst, '|')), '|')
	dst, c.title = appendHeader(dst, c.name(), nameLimit)
	dst = append(dst, '|')
	n, _ := c.get(schema.EventSeverity).Int64()
	dst = strconv.AppendInt(dst, min(max(n, 0), 10), 10)
	return append(dst, '|')
}

// class appends the device event class id (SCHEMA.md section 3).
func (c *Encoder) class(dst []byte) []byte {
	at := len(dst)
	str := func(k schema.Key) string { return c.get(k).Str() }
	module := str(schema.EventModule)
	if id := str(schema.RuleID); id != "" {
		return appendClass(dst, at, id, false)
	}
	if module == "" {
		module, _, _ = strings.Cut(c.dataset(), ".")
	}
	if module == "" {
		module = "event"
	}
	dst = appendClass(dst, at, module, true)
	switch {
	case module == "falco" && str(schema.FalcoRule) != "":
		return appendSlug(append(dst, '.'), at, str(schema.FalcoRule))
	case module == "syslog" && str(schema.LogSyslogAppname) != "":
		return appendClass(append(dst, '.'), at, str(schema.LogSyslogAppname), true)
	case module == "docker" && str(schema.DockerEventType) != "":
		dst = appendClass(append(dst, '.'), at, str(schema.DockerEventType), true)
	case module == "kubernetes" && str(schema.KubernetesAuditObjectRefResource) != "":
		dst = appendClass(append(dst, '.'), at, str(schema.KubernetesAuditObjectRefResource), true)
		if sub := str(schema.KubernetesAuditObjectRefSubresource); sub != "" {
			dst = appendClass(append(dst, '.'), at, sub, true)
		}
	}
	if action := str(schema.EventAction); action != "" {
		if module == "docker" && containerNames[action] == copied {
			action = "copy" // the one class of its three actions
		}
		dst = appendClass(append(dst, '.'), at, action, true)
	}
	return dst
}

func (c *Encoder) dataset() string {
	if s := c.get(schema.EventDataset).Str(); s != "" {
		return s
	}
	return c.e.Dataset
}

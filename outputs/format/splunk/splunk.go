// Package splunk renders an event as one flat JSON object that Splunk can search
// as it is (KV_MODE=json): dotted names of ECS, time first, as the number of
// seconds since 1970 that its timestamp recognition finds, and no list of objects.
// The members of such a list, which a search could not tell apart, become one list
// for each name: auditd.paths.name, auditd.paths.inode. It knows how Splunk reads
// JSON; it knows no envelope of the HTTP Event Collector and no destination.
package splunk

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tallyman/outputs/format/json"
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// Encoder renders events. It implements plugin.Encoder.
type Encoder struct {
	json   *json.Encoder
	max    int
	flat   event.Event   // the event without its lists of objects
	own    event.Fields  // the memory of its fields
	lists  []event.Field // what they hold
	done   []bool        // of lists: it was written
	escape []schema.Key  // what is written with the escape of SCHEMA.md section 1 rule 6
	asked  schema.Key    // the list that spoilt looked at last, and what it found
	answer bool
	tail   []byte // the lists, rendered
	cut    bool   // the last event was longer than its limit
}

// New returns an encoder; maxBytes is the most bytes of one event, 0 for no limit.
func New(maxBytes int) *Encoder { return &Encoder{json: json.New(true), max: maxBytes} }

// Append implements plugin.Encoder; it never fails.
func (c *Encoder) Append(dst []byte, e *event.Event) ([]byte, error) {
	return c.AppendMax(dst, e, c.max)
}

// AppendMax is Append with at most limit bytes, 0 for no limit. The lists go first,
// then what the format json gives up, which says so in the tags.
func (c *Encoder) AppendMax(dst []byte, e *event.Event, limit int) ([]byte, error) {
	if c.max > 0 && (limit <= 0 || limit > c.max) {
		limit = c.max
	}
	start := len(dst)
	rest := c.split(e)
	c.members()
	dst = appendEpoch(append(dst, `{"time":`...), e)
	head := len(dst)
	dst, err := c.json.Append(dst, rest) // its brace makes way for the comma
	if c.cut = limit > 0 && len(dst)+len(c.tail)-start > limit; c.cut {
		room := limit - (head - start)
		dst, err = c.json.AppendMax(dst[:head], rest, room)
		if len(c.tail) > 0 && !c.json.Shortened() { // the lists alone are missing
			c.own = append(c.own, event.NewField(schema.Tags, "", event.String("tallyman_shortened")))
			c.flat.Fields = c.own
			dst, err = c.json.AppendMax(dst[:head], rest, room)
		}
		c.tail = c.tail[:0]
	}
	if err != nil {
		return dst[:start], err
	}
	if dst[head+1] == '}' {
		dst = dst[:head+1] // an event without a field
		dst[head] = '}'
	} else {
		dst[head] = ','
	}
	if len(c.tail) > 0 {
		dst = append(append(dst[:len(dst)-1], c.tail...), '}')
	}
	c.flat = event.Event{}
	clear(c.own) // the event's memory is the caller's
	clear(c.lists)
	return dst, nil
}

// Shortened reports whether the last event was longer than its limit.
func (c *Encoder) Shortened() bool { return c.cut }

// appendEpoch appends the event's time in seconds with milliseconds; where it has
// none, when it was read.
func appendEpoch(dst []byte, e *event.Event) []byte {
	t := e.Time
	if v := e.Get(schema.Timestamp); v.Kind() == event.KindTime {
		t = v.Instant()
	}
	if t.IsZero() {
		t = e.Seen
	}
	if t.IsZero() {
		t = time.Unix(0, 0)
	}
	ms := t.UnixMilli()
	if ms < 0 {
		dst, ms = append(dst, '-'), -ms
	}
	dst = strconv.AppendInt(dst, ms/1000, 10)
	return append(dst, '.', byte('0'+ms/100%10), byte('0'+ms/10%10), byte('0'+ms%10))
}

// isList reports whether f is a part of a list of objects.
func isList(f *event.Field) bool {
	switch f.Key {
	case schema.AuditdPaths, schema.DockerContainerMounts:
		return true
	}
	return false
}

// split returns the event without its lists of objects, which it keeps in lists.
// What an event shares has none.
func (c *Encoder) split(e *event.Event) *event.Event {
	c.lists = c.lists[:0]
	for i := range e.Fields {
		if isList(&e.Fields[i]) {
			c.lists = append(c.lists, e.Fields[i])
		}
	}
	if len(c.lists) == 0 {
		return e
	}
	c.own = c.own[:0]
	for i := range e.Fields {
		if !isList(&e.Fields[i]) {
			c.own = append(c.own, e.Fields[i])
		}
	}
	c.flat = *e
	return &c.flat
}

// members renders the lists: for each name of a member the values of all objects,
// in their order.
func (c *Encoder) members() {
	c.tail, c.escape = c.tail[:0], c.escape[:0]
	c.done, c.asked, c.answer = c.done[:0], schema.None, false
	for range c.lists {
		c.done = append(c.done, false)
	}
	for i := range c.lists {
		if c.done[i] {
			continue
		}
		key, name := c.lists[i].Key, member(c.lists[i].Name())
		c.tail = append(append(append(c.tail, `,"`...), key.String()...), '.')
		at := len(c.tail)
		c.tail = c.text(c.tail, key, name)
		c.tail = append(append(c.tail[:at], c.tail[at+1:]...), ':')
		open := byte('[')
		for j := i; j < len(c.lists); j++ {
			if f := &c.lists[j]; f.Key == key && member(f.Name()) == name {
				c.tail, open, c.done[j] = c.value(append(c.tail, open), f), ',', true
			}
		}
		c.tail = append(c.tail, ']')
	}
	for _, k := range c.escape {
		c.own = append(c.own, event.NewField(schema.TallymanEscaped, "", event.String(k.String())))
	}
	if len(c.lists) > 0 {
		c.flat.Fields = c.own
	}
}

// value appends the value of a member; numbers and booleans are written as such.
func (c *Encoder) value(dst []byte, f *event.Field) []byte {
	switch f.Kind() {
	case event.KindInt, event.KindUint, event.KindBool:
		return f.Value().Append(dst)
	case event.KindString, event.KindIP:
		return c.text(dst, f.Key, f.Str())
	}
	return append(f.Value().Append(append(dst, '"')), '"')
}

func (c *Encoder) text(dst []byte, k schema.Key, s string) []byte {
	if strings.IndexByte(s, '\\') >= 0 && c.spoilt(k) {
		c.note(k)
		return json.AppendEscaped(dst, s)
	}
	dst, escaped := json.AppendText(dst, s)
	if escaped {
		c.note(k)
	}
	return dst
}

func (c *Encoder) note(k schema.Key) {
	if !slices.Contains(c.escape, k) {
		c.escape = append(c.escape, k)
	}
}

// spoilt reports whether a text of a list is no UTF-8. All of them are escaped then:
// who finds the list in tallyman.escaped undoes the escape in each.
func (c *Encoder) spoilt(k schema.Key) bool {
	if c.asked == k {
		return c.answer
	}
	c.asked, c.answer = k, false
	for i := range c.lists {
		if f := &c.lists[i]; f.Key == k && (!utf8.ValidString(f.Str()) || !utf8.ValidString(f.Name())) {
			c.answer = true
			break
		}
	}
	return c.answer
}

// member is the name behind the number of its object.
func member(name string) string {
	if index, rest, ok := strings.Cut(name, "."); ok && index != "" && strings.Trim(index, "0123456789") == "" {
		return rest
	}
	return name
}

package leef

import (
	"strings"

	"tallyman/outputs/format/view"
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// how says how an attribute gets its value.
type how uint8

const (
	first   how = iota // the first of the fields that is there, as text
	joined             // all values of the field, parted by commas
	integer            // a whole number
	port               // one up to 65535
	address            // an IP address
	special            // as function special says
)

type attribute struct {
	schema.Attribute
	how how
}

// attributes is the table with how each value is made.
func attributes() (list []attribute) {
	for _, a := range schema.LEEF() {
		how := special
		switch a.Name {
		case "devTime", "devTimeFormat", "cat", "sev", "identSrc", "identHostName", "eventId", "containerImage", "k8sNamespace", "k8sPod", "message":
		case "srcPort", "dstPort":
			how = port
		default:
			switch info := a.From[0].Info(); {
			case info.Many:
				how = joined
			case info.Type == schema.Long:
				how = integer
			case info.Type == schema.IP:
				how = address
			default:
				how = first
			}
		}
		list = append(list, attribute{a, how})
	}
	return list
}

// attribute appends one attribute, or nothing.
func (c *Encoder) attribute(dst []byte, a *attribute) []byte {
	if a.how == special {
		return c.special(dst, a)
	}
	k, v := c.First(a.From)
	switch a.how {
	case joined:
		return c.joined(dst, a, k)
	case integer, port:
		if n, ok := v.Int64(); ok && (a.how == integer || n >= 0 && n <= 65535) {
			return c.number(dst, a.Name, n)
		}
		return dst
	case address:
		return c.address(dst, a.Name, v)
	}
	return c.value(dst, a, v)
}

// special appends the attributes that are more than a field.
func (c *Encoder) special(dst []byte, a *attribute) []byte {
	switch a.Name {
	case "devTime":
		return c.time(dst)
	case "devTimeFormat":
		return dst // it came with devTime
	case "cat":
		return c.category(dst, a)
	case "sev":
		return c.number(dst, a.Name, int64(max(c.Severity(), 1)))
	case "identSrc":
		if c.identifies() {
			return c.address(dst, a.Name, c.Get(schema.SourceIP))
		}
		return dst
	case "identHostName":
		if c.identifies() {
			return c.value(dst, a, c.Get(schema.SourceDomain))
		}
		return dst
	case "eventId":
		if v := c.Get(schema.EventID); !v.IsZero() {
			return c.value(dst, a, v)
		}
		if c.Event.ID.IsZero() {
			return dst
		}
		return c.Event.ID.Append(c.begin(dst, a.Name))
	case "containerImage":
		name, tag := c.Image()
		return c.text(dst, a, name, ":", tag)
	case "k8sNamespace":
		if t := c.Str(schema.OrchestratorType); t == "compose" || t == "swarm" {
			return dst
		}
		return c.value(dst, a, c.Get(schema.OrchestratorNamespace))
	case "k8sPod":
		_, name := c.Pod()
		return c.text(dst, a, name, "", "")
	case "message":
		return c.text(dst, a, c.Message(), "", "")
	}
	return dst
}

// time appends devTime and devTimeFormat, which never part.
func (c *Encoder) time(dst []byte) []byte {
	t := c.Time().UTC()
	if t.IsZero() || t.Year() < 1 || t.Year() > 9999 {
		return dst
	}
	dst = t.AppendFormat(c.begin(dst, "devTime"), "Jan 02 2006 15:04:05.000 UTC")
	return append(c.begin(dst, "devTimeFormat"), "MMM dd yyyy HH:mm:ss.SSS z"...)
}

// category is the action and the outcome; with the EventID it is the key of a
// QID.
func (c *Encoder) category(dst []byte, a *attribute) []byte {
	action := c.Str(schema.EventAction)
	if action == "" {
		return dst
	}
	return c.text(dst, a, action, "-", c.Str(schema.EventOutcome))
}

// identifies reports whether the event is a login that succeeded: QRadar takes
// its address for that of the user from then on.
func (c *Encoder) identifies() bool {
	return c.Str(schema.EventAction) == "logged-in" && c.Str(schema.EventOutcome) == "success"
}

// address appends an address. Where % parts attributes no zone follows it.
func (c *Encoder) address(dst []byte, name string, v event.Value) []byte {
	if v.Kind() != event.KindIP {
		return dst
	}
	s := view.Address(v)
	if c.delim == '%' {
		s, _, _ = strings.Cut(s, "%")
	}
	return append(c.begin(dst, name), s...)
}

// value appends a name and v as text.
func (c *Encoder) value(dst []byte, a *attribute, v event.Value) []byte {
	if v.IsZero() {
		return dst
	}
	if s := v.Str(); s != "" || v.Kind() == event.KindString {
		return c.text(dst, a, s, "", "")
	}
	return v.Append(c.begin(dst, a.Name)) // numbers and times need no escape
}

// text appends a name and the text s, sep, t; sep stands only between two.
func (c *Encoder) text(dst []byte, a *attribute, s, sep, t string) []byte {
	if s == "" && t == "" {
		return dst
	}
	room, limit := unlimited, unlimited
	if a.Chars > 0 {
		limit = a.Chars
	}
	switch a.Name {
	case "commandLine":
		room = c.commandLimit
	case "message":
		room = c.messageLimit
	}
	at := len(dst)
	dst = c.begin(dst, a.Name)
	from := len(dst)
	esc := dirty(s, c.delim) || dirty(t, c.delim)
	dst, chars, cut := appendValue(dst, s, c.delim, esc, limit, room)
	if t != "" && !cut {
		if s != "" {
			dst, chars = append(dst, sep...), chars+len(sep)
		}
		dst, _, cut = appendValue(dst, t, c.delim, esc, limit-chars, room)
	}
	c.cut = c.cut || cut
	switch a.Name {
	case "commandLine":
		c.commandSize = len(dst) - from
	case "message":
		c.messageSize = len(dst) - from
	}
	if len(dst) == from {
		return dst[:at]
	}
	c.note(a.Name, esc)
	return dst
}

// note remembers that the value of the attribute at hand is escaped.
func (c *Encoder) note(name string, esc bool) {
	if esc {
		c.esc = append(c.esc, listed{name, len(c.marks)})
	}
}

// joined appends a name and all values of k.
func (c *Encoder) joined(dst []byte, a *attribute, k schema.Key) []byte {
	if k == schema.None {
		return dst
	}
	fields := c.Fields(k)
	at, esc := len(dst), false
	for v := range fields.All(k) {
		esc = esc || dirty(v.Str(), c.delim)
	}
	for i := range fields {
		if fields[i].Key != k || view.Empty(fields[i].Value()) {
			continue
		}
		if len(dst) == at {
			dst = c.begin(dst, a.Name)
		} else {
			dst = append(dst, ',')
		}
		dst, _, _ = appendValue(dst, view.Text(fields[i].Value()), c.delim, esc, unlimited, unlimited)
	}
	c.note(a.Name, esc)
	return dst
}

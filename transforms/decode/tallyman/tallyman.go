// Package tallyman is the decoder of our own events in JSON, nested or dotted, as
// they come from another tallyman: each becomes the event that it was, with its id,
// its times, its dataset and every field. It knows the table of the schema.
package tallyman

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// Plugin is the decoder `tallyman`.
var Plugin = plugin.NewDecoder("tallyman", "Events of another tallyman in JSON: each becomes the event that it was, with its id.", build)

type decoder struct {
	names   *schema.Names
	doc     jsontree.Doc
	fields  event.Fields
	escaped []string // the fields of this event whose texts are escaped
	err     error
}

func build(plugin.Env) plugin.Decoder { return &decoder{names: schema.NewNames()} }

var errNotOurs = errors.New("it is no event of tallyman: it lacks @timestamp, event.id or event.dataset")

// Decode implements plugin.Decoder. What this host knows of itself is not added, as
// the contract allows here: the event says where it is from, and an aggregator is
// not where it happened.
func (d *decoder) Decode(e event.Event, out *event.Batch) error {
	root, ok := d.doc.Parse(e.Raw)
	if !ok || !root.IsObject() {
		return errors.New("it is no JSON object")
	}
	d.fields, d.escaped, d.err = append(d.fields[:0], e.Fields...), d.escaped[:0], nil
	d.list(root)
	to := event.Event{Records: e.Records, Offset: e.Offset, Seen: e.Seen}
	d.walk(&to, "", root)
	switch {
	case d.err != nil:
		return d.err
	case to.ID.IsZero() || to.Time.IsZero() || to.Dataset == "":
		return errNotOurs
	}
	to.Fields = out.Take(d.fields, 8)
	out.Add(to)
	return nil
}

// list finds the names of the fields whose texts are escaped (SCHEMA rule 6).
func (d *decoder) list(root jsontree.Node) {
	n := root.Get("tallyman", "escaped")
	if !n.Is() {
		n = root.Get("tallyman.escaped")
	}
	n.Each(func(_ string, n jsontree.Node) { d.escaped = append(d.escaped, n.Text()) })
}

// walk takes the members of an object whose name is prefix.
func (d *decoder) walk(to *event.Event, prefix string, n jsontree.Node) {
	n.Each(func(name string, n jsontree.Node) {
		if prefix != "" {
			name = prefix + "." + name
		}
		k, known := d.names.Find(name)
		switch {
		case known && k.Info().Type.IsMap():
			d.members(k, "", n)
		case known:
			d.take(to, k, n)
		case n.IsObject():
			d.walk(to, name, n)
		case !d.dotted(name, n):
			d.err = fmt.Errorf("it has the field %.80q, which this version does not know", name)
		}
	})
}

// dotted takes a member of a map that is written beside it ("labels.team").
func (d *decoder) dotted(name string, n jsontree.Node) bool {
	for at := strings.LastIndexByte(name, '.'); at > 0; at = strings.LastIndexByte(name[:at], '.') {
		if k, ok := d.names.Find(name[:at]); ok && k.Info().Type.IsMap() {
			d.member(k, name[at+1:], n)
			return true
		}
	}
	return false
}

// members takes what a map holds: values by name, or a list of objects.
func (d *decoder) members(k schema.Key, prefix string, n jsontree.Node) {
	i := 0
	n.Each(func(name string, m jsontree.Node) {
		if n.IsArray() {
			name = strconv.Itoa(i)
			i++
			d.members(k, name+".", m)
			return
		}
		d.member(k, prefix+name, m)
	})
}

func (d *decoder) member(k schema.Key, name string, n jsontree.Node) {
	each(n, func(n jsontree.Node) {
		v := event.String(d.text(k, n.Text()))
		if u, ok := n.Int(); ok && !n.IsString() {
			v = event.Int(u)
		} else if !n.IsString() && (n.Text() == "true" || n.Text() == "false") {
			v = event.Bool(n.Text() == "true")
		}
		d.fields.AddNamed(k, d.text(k, name), v)
	})
}

func each(n jsontree.Node, fn func(jsontree.Node)) {
	if n.IsArray() {
		n.Each(func(_ string, n jsontree.Node) { fn(n) })
	} else {
		fn(n)
	}
}

// take takes the value, or the values, of a field.
func (d *decoder) take(to *event.Event, k schema.Key, n jsontree.Node) {
	each(n, func(n jsontree.Node) {
		text := d.text(k, n.Text())
		switch k {
		case schema.EventID:
			to.ID = parseID(text)
		case schema.EventDataset:
			to.Dataset = text
		case schema.EventOriginal:
			to.Raw = text
		case schema.EventHash: // it is that of the original, and is made of it again
		case schema.Timestamp:
			to.Time = d.time(text)
		case schema.EventCreated:
			to.Seen = d.time(text)
		default:
			d.fields.Add(k, d.value(k, n, text))
		}
	})
}

func (d *decoder) time(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		d.err = fmt.Errorf("%.40q is no time", text)
	}
	return t.UTC()
}

// value returns a value of the type of its field.
func (d *decoder) value(k schema.Key, n jsontree.Node, text string) event.Value {
	switch k.Info().Type {
	case schema.Long:
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return event.Int(i)
		}
		if u, err := strconv.ParseUint(text, 10, 64); err == nil {
			return event.Uint(u)
		}
	case schema.Float:
		if f, ok := n.Float(); ok {
			return event.Float(f)
		}
	case schema.Boolean:
		if text == "true" || text == "false" {
			return event.Bool(text == "true")
		}
	case schema.Date:
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return event.Time(t)
		}
	case schema.IP:
		if v, ok := event.IP(text); ok {
			return v
		}
	}
	return event.String(text)
}

// text undoes the escape of a field's texts: \xHH is a byte, \\ a backslash.
func (d *decoder) text(k schema.Key, s string) string {
	for _, name := range d.escaped {
		if name == k.String() && k != schema.TallymanEscaped {
			return unescape(s)
		}
	}
	return s
}

func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && s[i+1] == 'x' {
			if c, err := strconv.ParseUint(s[i+2:i+4], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		if s[i] == '\\' && i+1 < len(s) && s[i+1] == '\\' {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// parseID reads the 26 characters of an id, none where they are none.
func parseID(s string) (id event.ID) {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	if len(s) != 26 {
		return event.ID{}
	}
	acc, bits, at := uint64(0), -2, 0 // two zero bits stand before the 128
	for i := range len(s) {
		v := strings.IndexByte(alphabet, s[i])
		if v < 0 {
			return event.ID{}
		}
		acc, bits = acc<<5|uint64(v), bits+5
		if bits >= 8 && at < len(id) {
			bits -= 8
			id[at] = byte(acc >> bits)
			at++
		}
	}
	return id
}

package cef

import (
	"encoding/hex"
	"strconv"
	"strings"

	"tallyman/pipeline/event"
	words "tallyman/pipeline/record"
	"tallyman/pipeline/schema"
)

// begin adds what the header says.
func (d *decoder) begin(header *[7]string) {
	r := &d.r
	if header[0] != "0" && header[0] != "1" {
		r.wrong("version " + header[0] + " of CEF is not known")
		r.label("cef_version", header[0])
	}
	d.unhide(header)
	r.text(schema.EventKind, "event")
	r.text(schema.EventModule, Module)
	r.text(schema.EventProvider, header[2])
	r.text(schema.EventCode, header[4])
	if n, ok := severity(header[6]); ok {
		r.add(schema.EventSeverity, event.Int(n))
	} else if header[6] != "" {
		r.label("cef_severity", header[6])
		if !strings.EqualFold(header[6], "unknown") {
			r.wrong("the severity is none of 0 to 10")
		}
	}
	r.label("device_vendor", header[1])
	r.label("device_product", header[2])
	r.label("device_version", header[3])
}

// severity reads a number from 0 to 10 or a word of the standard.
func severity(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, n >= 0 && n <= 10
	}
	switch strings.ToLower(s) {
	case "low":
		return 3, true
	case "medium":
		return 5, true
	case "high":
		return 8, true
	case "very-high", "very high", "critical":
		return 10, true
	}
	return 0, false
}

// unhide undoes, in a record that tallyman wrote, what it lists in
// TallymanEscaped: \xHH for a byte and `\\` for a backslash (SCHEMA.md, section 1
// rule 6; docs/decisions/0004).
func (d *decoder) unhide(header *[7]string) {
	if !d.r.ours {
		return
	}
	for i := range d.pairs {
		if d.pairs[i].key != "TallymanEscaped" {
			continue
		}
		d.pairs[i].used = true
		for key := range strings.SplitSeq(d.pairs[i].value, ",") {
			if key == "name" {
				header[5] = undo(header[5])
			}
			for k := range d.pairs {
				if d.pairs[k].key == key {
					d.pairs[k].value = undo(d.pairs[k].value)
				}
			}
		}
	}
}

func undo(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '\\':
			b = append(b, '\\')
			i++
		case s[i] == '\\' && i+3 < len(s) && s[i+1] == 'x':
			c, err := hex.DecodeString(s[i+2 : i+4])
			if err != nil {
				return s
			}
			b = append(b, c...)
			i += 3
		default:
			b = append(b, s[i])
		}
	}
	return string(b)
}

// extension adds every key.
func (d *decoder) extension() {
	for i := range d.pairs {
		p := &d.pairs[i]
		if p.used || p.value == "" {
			continue
		}
		if base, ok := strings.CutSuffix(p.key, "Label"); ok && custom(base) {
			continue
		}
		if custom(p.key) {
			d.custom(p)
			continue
		}
		t, ok := d.keys[p.key]
		if !ok || t.ours && !d.r.ours {
			d.r.label(p.key, p.value)
			continue
		}
		d.apply(t, p.key, p.value)
	}
}

// customKeys are what the names of custom keys begin with; a number follows.
var customKeys = [...]string{"cs", "cn", "cfp", "c6a", "flexString", "flexNumber", "flexDate", "deviceCustomDate",
	"deviceCustomString", "deviceCustomNumber", "deviceCustomFloatingPoint", "deviceCustomIPv6Address"}

func custom(key string) bool {
	for _, p := range customKeys {
		if rest, ok := strings.CutPrefix(key, p); ok && rest != "" && len(rest) < 3 && strings.Trim(rest, "0123456789") == "" {
			return true
		}
	}
	return false
}

// custom adds a custom key under its label.
func (d *decoder) custom(p *pair) {
	label := p.key
	for i := range d.pairs {
		if q := &d.pairs[i]; len(q.key) == len(p.key)+len("Label") && strings.HasPrefix(q.key, p.key) && strings.HasSuffix(q.key, "Label") && q.value != "" {
			label = strings.Trim(q.value, `"`)
			break
		}
	}
	if t, ok := d.labelled[label]; ok && (!t.ours || d.r.ours) {
		d.apply(t, label, p.value)
		return
	}
	if label == "" || !d.r.fields.GetNamed(schema.Labels, label).IsZero() {
		label = p.key
	}
	d.r.label(label, p.value)
}

// label adds what the schema has no field for.
func (r *record) label(name, value string) {
	if value == "" {
		return
	}
	if old := r.fields.GetNamed(schema.Labels, name); !old.IsZero() {
		if old.Str() != value {
			r.wrong("the key " + name + " stands twice")
		}
		return
	}
	r.fields.AddNamed(schema.Labels, name, event.String(value))
}

// has reports whether the record gave a field already.
func (r *record) has(k schema.Key) bool {
	if int(k) >= len(r.set)*64 {
		return !r.fields.Get(k).IsZero()
	}
	return r.set[k/64]&(1<<(k%64)) != 0
}

func (r *record) text(k schema.Key, s string) {
	if s != "" && k != schema.None {
		r.add(k, event.String(s))
	}
}

// add adds a value, unless the field has one already and can have no other: then it
// is noted in r.clash, and apply says so.
func (r *record) add(k schema.Key, v event.Value) {
	if r.has(k) && !k.Info().Many {
		r.clash = k
		return
	}
	if int(k) < len(r.set)*64 {
		r.set[k/64] |= 1 << (k % 64)
	}
	r.fields.Add(k, v)
}

// apply adds the value of a key as the field that it is. What cannot be that
// field stays under the name of the key and is flagged.
func (d *decoder) apply(t target, key, value string) {
	r := &d.r
	r.clash = schema.None
	switch {
	case t.how != receipt && t.how != special && r.has(t.key):
		r.clash = t.key
	case !d.typed(t, key, value):
		r.label(key, value)
		r.wrong("the value of " + key + " is not of its type")
		return
	}
	if r.clash != schema.None && r.fields.Get(r.clash).Str() != value {
		r.label(key, value)
		r.wrong("two keys of the extension say " + r.clash.String())
	}
}

// typed adds the value by the type of its field and reports whether it is of that
// type.
func (d *decoder) typed(t target, key, value string) bool {
	r := &d.r
	switch t.how {
	case text:
		r.text(t.key, value)
		r.text(t.also, value)
	case lower:
		r.text(t.key, strings.ToLower(value))
	case transport:
		name := words.Transport(strings.TrimSpace(value))
		r.text(t.key, name)
	case replace:
		r.fields.Set(t.key, event.String(value))
	case integer, port:
		n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		if err != nil || n < 0 || t.how == port && n > 65535 {
			return false
		}
		r.add(t.key, event.Int(n))
	case session:
		if _, err := strconv.ParseInt(value, 10, 64); err != nil {
			return false
		}
		r.text(t.key, value)
	case instant, receipt:
		at, ok := d.when(strings.TrimSpace(value))
		if !ok {
			return false
		}
		if t.how == receipt {
			r.at = at
		} else {
			r.add(t.key, event.Time(at))
		}
	case onlyIP:
		ip, ok := event.IP(strings.TrimSpace(value))
		if !ok {
			r.label(key, value) // dvc is often a name
			return true
		}
		r.add(t.key, ip)
	case address:
		r.address(t, strings.TrimSpace(value))
	case list:
		for one := range strings.SplitSeq(value, ",") {
			r.text(t.key, one)
		}
	case special:
		return d.special(t.key, key, value)
	}
	return true
}

// address adds an address; what is none is a name, kept as it was written.
func (r *record) address(t target, value string) {
	r.text(t.also, value)
	if ip, ok := event.IP(value); ok {
		r.add(t.key, ip)
		r.fields.Add(schema.RelatedIP, ip)
	}
}

package rules

import (
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// sample is one event that stands beside a rule, and what the rule says to it.
type sample struct {
	pos    plugin.Pos
	match  bool
	fields event.Fields
	time   time.Time
}

// catalog is the schema by dotted names.
type catalog struct {
	fields map[string]schema.Key
	groups map[string]bool // what fields stand below
}

func newCatalog() *catalog {
	c := &catalog{fields: map[string]schema.Key{}, groups: map[string]bool{}}
	for _, k := range schema.Keys() {
		name := k.String()
		c.fields[name] = k
		for i, r := range name {
			if r == '.' {
				c.groups[name[:i]] = true
			}
		}
	}
	return c
}

// event returns the sample as an event. Where it does not say its module or
// action, it is of the first that the rule names.
func (s *sample) event(d *definition) *event.Event {
	e := &event.Event{Fields: append(event.Fields(nil), s.fields...), Time: s.time}
	if len(d.sources) > 0 && e.Fields.Get(schema.EventModule).IsZero() {
		e.Fields.AddString(schema.EventModule, d.sources[0].Value)
	}
	if len(d.actions) > 0 && e.Fields.Get(schema.EventAction).IsZero() {
		e.Fields.AddString(schema.EventAction, d.actions[0])
	}
	return e
}

func (d *document) sample(n *yaml.Node) sample {
	s := sample{pos: d.pos(n)}
	d.mapping(n, "a test", keys{
		"match": d.boolean(&s.match, "match"),
		"event": func(n *yaml.Node) { d.fields(n, "", &s) },
	})
	return s
}

// fields reads a nested mapping of field names below path.
func (d *document) fields(n *yaml.Node, path string, s *sample) {
	if n.Kind != yaml.MappingNode {
		d.bad(n, "", "an event is a mapping of fields")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], d.follow(n.Content[i+1])
		name := k.Value
		if path != "" {
			name = path + "." + name
		}
		key, known := d.schema.fields[name]
		switch {
		case name == "timestamp" || name == "@timestamp":
			if t, err := time.Parse(time.RFC3339Nano, v.Value); err == nil {
				s.time = t.UTC()
			} else {
				d.bad(v, "", "%s must be a time", name)
			}
		case known:
			d.values(v, key, &s.fields)
		case v.Kind == yaml.MappingNode && d.schema.groups[name]:
			d.fields(v, name, s)
		default:
			d.bad(k, "", "the schema has no field %s", name)
		}
	}
}

// values reads the value of one field, or each of a list.
func (d *document) values(n *yaml.Node, k schema.Key, f *event.Fields) {
	in := k.Info()
	switch {
	case in.Many && in.Type.IsMap():
		i := 0
		d.sequence(n, in.Name, func(n *yaml.Node) {
			d.named(n, k, strconv.Itoa(i)+".", f)
			i++
		})
	case in.Many:
		d.sequence(n, in.Name, func(n *yaml.Node) { f.Add(k, d.value(n, in)) })
	case in.Type.IsMap():
		d.named(n, k, "", f)
	default:
		f.Add(k, d.value(n, in))
	}
}

func (d *document) named(n *yaml.Node, k schema.Key, prefix string, f *event.Fields) {
	if n.Kind != yaml.MappingNode {
		d.bad(n, "", "%s is a mapping", k)
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		f.AddNamed(k, prefix+n.Content[i].Value, event.String(n.Content[i+1].Value))
	}
}

// value reads one value as the type of its field.
func (d *document) value(n *yaml.Node, in schema.Info) event.Value {
	if n.Kind != yaml.ScalarNode {
		d.bad(n, "", "%s is one value", in.Name)
		return event.Value{}
	}
	var v event.Value
	ok := true
	switch in.Type {
	case schema.Long:
		i, err := strconv.ParseInt(n.Value, 0, 64)
		v, ok = event.Int(i), err == nil
	case schema.Float:
		x, err := strconv.ParseFloat(n.Value, 64)
		v, ok = event.Float(x), err == nil
	case schema.Boolean:
		ok = n.Value == "true" || n.Value == "false"
		v = event.Bool(n.Value == "true")
	case schema.Date:
		t, err := time.Parse(time.RFC3339Nano, n.Value)
		v, ok = event.Time(t), err == nil
	case schema.IP:
		v, ok = event.IP(strings.TrimSpace(n.Value))
	default:
		v = event.String(n.Value)
	}
	if !ok {
		d.bad(n, "", "%s is of type %s, and %q is none", in.Name, in.Type, n.Value)
	}
	return v
}

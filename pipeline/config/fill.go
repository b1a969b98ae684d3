package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/plugin"
)

// field is one key of a settings struct, as plugin/settings.go describes it.
type field struct {
	key      string
	tag      reflect.StructTag
	value    reflect.Value
	required bool
	enum     []string
}

// verbatim reports whether a text is an expression, in which no variable counts.
func (f field) verbatim() bool { return f.tag.Get("verbatim") == "true" }

// fieldsOf returns the keys of a struct in their order; inlined structs count
// as if their fields stood in their place.
func fieldsOf(v reflect.Value) []field {
	var list []field
	if v.Kind() != reflect.Struct {
		return nil
	}
	for i := range v.NumField() {
		sf := v.Type().Field(i)
		name, option, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
		switch {
		case !sf.IsExported() || name == "-":
		case option == "inline":
			list = append(list, fieldsOf(v.Field(i))...)
		default:
			f := field{key: name, tag: sf.Tag, value: v.Field(i), required: sf.Tag.Get("required") == "true"}
			if f.key == "" {
				f.key = strings.ToLower(sf.Name)
			}
			if words := sf.Tag.Get("enum"); words != "" {
				f.enum = strings.Split(words, ",")
			}
			list = append(list, f)
		}
	}
	return list
}

// fill sets the fields of the structs that into points to from pairs, and says
// what is unknown, absent or refused by their own checks. Also are keys that
// somebody else takes care of; n is where absence is reported.
func (d *decoder) fill(list []pair, n *yaml.Node, w where, also []string, into ...any) {
	var fields []field
	for _, one := range into {
		fields = append(fields, fieldsOf(reflect.ValueOf(one).Elem())...)
	}
	before := len(d.problems)
	seen := map[string]bool{}
	for _, p := range list {
		key := resolve(p.key).Value
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
		if i < 0 {
			seen[d.unknown(p.key, fields, also, w)] = true // one mistake, one message
			continue
		}
		seen[key] = true
		d.value(p.val, fields[i].value, fields[i], w.child(key))
	}
	for _, f := range fields {
		if !seen[f.key] {
			d.absent(f, n, w, "")
		}
	}
	if d.problems[before:].Bad() {
		return
	}
	for _, one := range into {
		d.check(one, list, n)
	}
}

// absent reports the required keys of a field that is not there: its own, or
// those of a struct that is always there. In are the keys that lead to it, each
// with a dot.
func (d *decoder) absent(f field, n *yaml.Node, w where, in string) {
	switch {
	case f.required:
		d.add(n, required(f), "%s lacks the key %q", w, in+f.key)
	case f.value.Kind() == reflect.Struct && f.value.Type() != typeText && f.value.Type() != typeSecret:
		for _, sub := range fieldsOf(f.value) {
			d.absent(sub, n, w, in+f.key+".")
		}
	}
}

// unknown reports a key that nobody knows, and returns the one that was
// probably meant, "" for none.
func (d *decoder) unknown(key *yaml.Node, fields []field, also []string, w where) string {
	known := slices.Clone(also)
	var secrets []string
	for _, f := range fields {
		known = append(known, f.key)
		if f.value.Type() == typeSecret {
			secrets = append(secrets, f.key)
		}
	}
	name := resolve(key).Value
	d.add(key, suggestAndList(name, "known keys", known), "unknown key %q in %s", name, w)
	meant := nearest(name, known)
	if slices.Contains(secrets, meant) {
		d.problems[len(d.problems)-1].Width = hidden // what follows was meant to be a secret
	}
	return meant
}

// required is the hint for a key that has to be there.
func required(f field) string {
	hint := f.tag.Get("doc")
	if example := f.tag.Get("example"); example != "" {
		hint = strings.TrimSpace(hint + fmt.Sprintf(" Example: %s: %s", f.key, example))
	}
	return hint
}

// check runs the own check of a settings struct, which list and n are the keys
// and the place of. A problem that names no place gets the one of its key, or of
// the innermost map that is there.
func (d *decoder) check(settings any, list []pair, n *yaml.Node) {
	c, ok := settings.(interface{ Check() plugin.Problems })
	if !ok {
		return
	}
	for _, p := range c.Check() {
		if p.Pos == (plugin.Pos{}) {
			place := n
			if p.Key != "" {
				place = d.lookAt(list, n, strings.Split(p.Key, "."))
			}
			at := d.placeOf(place)
			p.Pos, p.Width = at.Pos, at.Width
		}
		p.Key = "" // it has done its work
		d.problems = append(d.problems, p)
	}
}

var (
	typeText     = reflect.TypeFor[plugin.Text]()
	typeSize     = reflect.TypeFor[plugin.Size]()
	typeSecret   = reflect.TypeFor[plugin.Secret]()
	typeDuration = reflect.TypeFor[time.Duration]()
)

// value sets v from a node whose aliases are resolved.
func (d *decoder) value(n *yaml.Node, v reflect.Value, f field, w where) {
	if !d.enter(n) {
		return
	}
	defer d.leave()
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		d.add(n, "give it one, or remove the key", "%s has no value", w)
		return
	}
	switch {
	case v.Type() == typeSecret:
		d.secret(n, v, w)
	case v.Type() == typeText:
		d.text(n, v, f, w)
	case v.Kind() == reflect.Pointer:
		fresh := reflect.New(v.Type().Elem())
		d.value(n, fresh.Elem(), f, w)
		v.Set(fresh)
	case v.Kind() == reflect.Struct:
		if n.Kind != yaml.MappingNode {
			d.add(n, "its keys are "+strings.Join(keysOf(v), ", "), "%s is %s, not a map", w, kindOf(n))
			return
		}
		d.fill(d.pairs(n, w), n, w, nil, v.Addr().Interface())
	case v.Kind() == reflect.Slice:
		d.slice(n, v, f, w)
	case v.Kind() == reflect.Map:
		d.mapping(n, v, f, w)
	default:
		d.scalar(n, v, f, w)
	}
}

func keysOf(v reflect.Value) []string {
	var list []string
	for _, f := range fieldsOf(v) {
		list = append(list, f.key)
	}
	return list
}

func (d *decoder) slice(n *yaml.Node, v reflect.Value, f field, w where) {
	if n.Kind != yaml.SequenceNode {
		d.add(n, "a list is written [a, b], or with - on a line for each", "%s is %s, not a list", w, kindOf(n))
		return
	}
	fresh := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, one := range n.Content {
		item := w
		item.key = fmt.Sprintf("%s[%d]", w.key, i)
		d.value(resolve(one), fresh.Index(i), f, item)
	}
	if f.required && len(n.Content) == 0 {
		d.add(n, required(f), "%s is empty", w)
	}
	v.Set(fresh)
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, f field, w where) {
	if n.Kind != yaml.MappingNode {
		d.add(n, "a map is written {name: value}", "%s is %s, not a map", w, kindOf(n))
		return
	}
	fresh := reflect.MakeMap(v.Type())
	for _, p := range d.pairs(n, w) {
		key := resolve(p.key).Value
		val := reflect.New(v.Type().Elem()).Elem()
		d.value(p.val, val, f, w.child(key))
		fresh.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), val)
	}
	if f.required && fresh.Len() == 0 {
		d.add(n, required(f), "%s is empty", w)
	}
	v.Set(fresh)
}

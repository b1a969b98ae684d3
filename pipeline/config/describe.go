package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"tallyman/pipeline/plugin"
)

// maxNested bounds structs in structs, so that one that holds itself ends.
const maxNested = 8

// shape is what a setting is, for the reference and the schema.
type shape uint8

const (
	shapeText shape = iota
	shapeBool
	shapeInt
	shapeUint
	shapeFloat
	shapeDuration
	shapeSize
	shapeSecret
	shapeStruct
	shapeList
	shapeMap
	shapeNone // what no file can give
)

// shapeOf returns the shape of a type; pointers count as what they point to.
func shapeOf(t reflect.Type) shape {
	switch t {
	case typeText:
		return shapeText
	case typeDuration:
		return shapeDuration
	case typeSize:
		return shapeSize
	case typeSecret:
		return shapeSecret
	}
	switch t.Kind() {
	case reflect.String:
		return shapeText
	case reflect.Bool:
		return shapeBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return shapeInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return shapeUint
	case reflect.Float32, reflect.Float64:
		return shapeFloat
	case reflect.Pointer:
		return shapeOf(t.Elem())
	case reflect.Struct:
		return shapeStruct
	case reflect.Slice:
		return shapeList
	case reflect.Map:
		if t.Key().Kind() == reflect.String {
			return shapeMap
		}
	}
	return shapeNone
}

// elem returns a value of what v holds for its description: what a pointer
// points to, or would, an element of a list or map. Anything else is itself.
func elem(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return elem(v.Elem())
		}
		return elem(reflect.New(v.Type().Elem()).Elem())
	case reflect.Slice, reflect.Map:
		return elem(reflect.New(v.Type().Elem()).Elem())
	}
	return v
}

// settingsOf returns the settings of a plugin with their defaults.
func settingsOf(p plugin.Plugin) reflect.Value { return reflect.ValueOf(p.Settings()).Elem() }

// sorted returns the plugins of a kind by type.
func sorted(plugins []plugin.Plugin, kind plugin.Kind) []plugin.Plugin {
	list := slices.DeleteFunc(slices.Clone(plugins), func(p plugin.Plugin) bool { return p.Kind != kind })
	slices.SortFunc(list, func(a, b plugin.Plugin) int { return strings.Compare(a.Type, b.Type) })
	return list
}

// undescribed says what of the plugins cannot be described: a setting without a
// sentence, of a type that no file can give, or with a key that is taken.
func undescribed(plugins []plugin.Plugin) error {
	var errs []error
	for _, p := range plugins {
		own := fieldsOf(settingsOf(p))
		for i, f := range own {
			taken := f.key == "type" || p.Kind == plugin.KindOutput && (f.key == "when" || f.key == "when_full")
			if taken || slices.ContainsFunc(own[:i], func(g field) bool { return g.key == f.key }) {
				errs = append(errs, fmt.Errorf("config: %s %s: the key %q is taken", p.Kind, p.Type, f.key))
			}
		}
		if p.Text == "" {
			errs = append(errs, fmt.Errorf("config: %s %s: it has no text", p.Kind, p.Type))
		}
		errs = append(errs, faults(settingsOf(p), fmt.Sprintf("config: %s %s: ", p.Kind, p.Type), 0))
	}
	return errors.Join(errs...)
}

func faults(v reflect.Value, prefix string, depth int) error {
	if depth > maxNested {
		return nil
	}
	var errs []error
	for _, f := range fieldsOf(v) {
		name := prefix + f.key
		in := elem(f.value)
		switch {
		case f.tag.Get("doc") == "":
			errs = append(errs, fmt.Errorf("%s has no doc", name))
		case shapeOf(f.value.Type()) == shapeNone || shapeOf(in.Type()) == shapeNone:
			errs = append(errs, fmt.Errorf("%s has the type %s, which no file can give", name, f.value.Type()))
		case len(f.enum) > 0 && f.value.Kind() == reflect.String && f.value.String() != "" && !slices.Contains(f.enum, f.value.String()):
			errs = append(errs, fmt.Errorf("%s has the default %q, which it may not be", name, f.value.String()))
		}
		if shapeOf(in.Type()) == shapeStruct {
			errs = append(errs, faults(in, name+".", depth+1))
		}
	}
	return errors.Join(errs...)
}

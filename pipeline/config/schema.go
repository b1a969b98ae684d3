package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"tallyman/pipeline/plugin"
)

// object is a JSON object; encoding/json writes its keys sorted.
type object map[string]any

// Forms of scalars, as regular expressions of ECMA-262. A variable may be a
// part of each.
const (
	formVariable = `\$\{[A-Za-z_][A-Za-z0-9_]*(:[-?][^}]*)?\}`
	formDuration = `^(0|[+]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+|[0-9]+d)$|` + formVariable
	formSize     = `^(0|[0-9]+(\.[0-9]+)? *([KkMmGgTt][Ii]?)?[Bb])$|` + formVariable
	formName     = `^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`
)

// Schema writes a JSON schema (draft 2020-12) of the configuration, for editors
// that complete and check YAML. It is no stricter than Load: what Load takes,
// the schema takes; Load alone checks expressions, files, and what plugins check
// themselves. It fails as Reference does. The same plugins give the same bytes.
func Schema(w io.Writer, plugins []plugin.Plugin) error {
	if err := undescribed(plugins); err != nil {
		return err
	}
	top := defaults()
	s := structSchema(reflect.ValueOf(&top).Elem(), 0)
	props := s["properties"].(object)
	named := func(kind plugin.Kind) object {
		return object{"type": "object", "minProperties": 1, "propertyNames": object{"pattern": formName}, "additionalProperties": ref(string(kind)), "description": textOf(kind)}
	}
	props["inputs"] = named(plugin.KindInput)
	props["transforms"] = object{"type": "array", "items": ref(string(plugin.KindTransform)), "description": textOf(plugin.KindTransform)}
	props["outputs"] = named(plugin.KindOutput)
	s["required"] = []string{"inputs", "outputs"} // the journal's folder may come from a flag
	delete(props["journal"].(object), "required")
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "The configuration of tallyman"
	s["$defs"] = definitions(plugins)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		return fmt.Errorf("config: encode the schema: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("config: write the schema: %w", err)
	}
	return nil
}

func ref(name string) object { return object{"$ref": "#/$defs/" + name} }

func textOf(kind plugin.Kind) string {
	for _, k := range kinds {
		if k.kind == kind {
			return strings.ReplaceAll(k.text, "`", "")
		}
	}
	return ""
}

// definitions are the forms of scalars, one choice by type for each kind of
// plugin, and each plugin.
func definitions(plugins []plugin.Plugin) object {
	word := object{"type": []string{"string", "number"}}
	defs := object{
		"text":     word,
		"variable": object{"type": "string", "pattern": formVariable},
		"duration": object{"anyOf": []object{{"type": "string", "pattern": formDuration}, {"const": 0}}},
		"size":     object{"anyOf": []object{{"type": "string", "pattern": formSize}, {"const": 0}}},
		"secret": object{"type": "object", "properties": object{"file": word, "env": object{"type": "string"}},
			"additionalProperties": false, "minProperties": 1, "maxProperties": 1, "description": "A reference to a secret."},
	}
	for _, kind := range kinds {
		types, choices := []object{}, []object{}
		for _, p := range sorted(plugins, kind.kind) {
			name := string(p.Kind) + "." + p.Type
			types = append(types, object{"const": p.Type, "description": p.Text})
			choices = append(choices, object{"if": object{"properties": object{"type": object{"const": p.Type}}, "required": []string{"type"}}, "then": ref(name)})
			defs[name] = pluginSchema(p)
		}
		one := object{"type": "object", "required": []string{"type"}, "properties": object{"type": object{"oneOf": types}}}
		if len(types) == 0 {
			one["properties"] = object{"type": false}
		} else {
			one["allOf"] = choices
		}
		defs[string(kind.kind)] = one
	}
	return defs
}

func pluginSchema(p plugin.Plugin) object {
	s := structSchema(settingsOf(p), 0)
	props := s["properties"].(object)
	if p.Kind == plugin.KindOutput {
		own := structSchema(reflect.ValueOf(&outputKeys{WhenFull: whenFull}).Elem(), 0)
		for key, one := range own["properties"].(object) {
			props[key] = one
		}
	}
	props["type"] = object{"const": p.Type}
	s["description"] = p.Text
	return s
}

// structSchema describes a struct with the defaults that it holds.
func structSchema(v reflect.Value, depth int) object {
	props, required := object{}, []string{}
	for _, f := range fieldsOf(v) {
		s := valueSchema(f.value, f.enum, depth)
		s["description"] = f.tag.Get("doc")
		if f.tag.Get("example") != "" {
			s["examples"] = []string{f.tag.Get("example")}
		}
		if f.required {
			required = append(required, f.key)
		} else if d := jsonDefault(f.value); d != nil {
			s["default"] = d
		}
		props[f.key] = s
	}
	s := object{"type": "object", "properties": props, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

// valueSchema describes one value.
func valueSchema(v reflect.Value, enum []string, depth int) object {
	if depth > maxNested {
		return object{}
	}
	for v.Kind() == reflect.Pointer {
		v = elem(v)
	}
	switch shapeOf(v.Type()) {
	case shapeBool:
		return object{"anyOf": []object{{"type": "boolean"}, ref("variable")}}
	case shapeInt:
		return object{"anyOf": []object{{"type": "integer"}, ref("variable")}}
	case shapeUint:
		return object{"anyOf": []object{{"type": "integer", "minimum": 0}, ref("variable")}}
	case shapeFloat:
		return object{"anyOf": []object{{"type": "number"}, ref("variable")}}
	case shapeDuration:
		return ref("duration")
	case shapeSize:
		return ref("size")
	case shapeSecret:
		return ref("secret")
	case shapeStruct:
		return structSchema(v, depth+1)
	case shapeList:
		return object{"type": "array", "items": valueSchema(reflect.New(v.Type().Elem()).Elem(), enum, depth+1)}
	case shapeMap:
		return object{"type": "object", "additionalProperties": valueSchema(reflect.New(v.Type().Elem()).Elem(), enum, depth+1)}
	}
	if len(enum) > 0 {
		words := []any{}
		for _, word := range enum {
			words = append(words, word)
			if n := json.Number(word); json.Valid([]byte(word)) && n != "true" && n != "false" && n != "null" {
				words = append(words, n) // what YAML takes for a number, Load takes as it is written
			}
		}
		return object{"anyOf": []object{{"enum": words}, ref("variable")}}
	}
	return ref("text")
}

// jsonDefault returns a default as JSON has it, nil for none.
func jsonDefault(v reflect.Value) any {
	if v.Kind() == reflect.Pointer {
		return nil
	}
	switch x := v.Interface().(type) {
	case plugin.Size, time.Duration:
		if s := plainDefault(v); s != "" {
			return s
		}
		return nil
	case plugin.Text:
		if x.Value != "" {
			return x.Value
		}
		return nil
	}
	switch shapeOf(v.Type()) {
	case shapeBool, shapeInt, shapeUint, shapeFloat:
		return v.Interface()
	case shapeText:
		if v.String() != "" {
			return v.String()
		}
	case shapeList:
		list := []any{}
		for i := range v.Len() {
			list = append(list, jsonDefault(v.Index(i)))
		}
		if len(list) > 0 {
			return list
		}
	}
	return nil
}

package config

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/plugin"
)

// Reference writes the configuration reference as Markdown: how values are
// written, the top-level keys, and a section for each plugin by kind and type.
// It fails on a plugin whose settings are not described as plugin/settings.go
// says. The same plugins give the same bytes.
func Reference(w io.Writer, plugins []plugin.Plugin) error {
	if err := undescribed(plugins); err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString(referenceHead)
	top := defaults()
	b.WriteString("## Top-level keys\n\nBeside `inputs`, `transforms` and `outputs`:\n\n")
	table(&b, reflect.ValueOf(&top).Elem())
	b.WriteString("\nThese can also be given by a flag or an environment variable. A flag wins over a variable, and a variable over the file. " +
		"There a relative path starts at the working directory.\n\n| Key | Flag | Variable |\n|---|---|---|\n")
	for _, key := range scalars {
		fmt.Fprintf(&b, "| `%s` | `--%s` | `%s` |\n", strings.ReplaceAll(key, delimiter, "."), flagName(key), envName(key))
	}
	for _, kind := range kinds {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", kind.title, kind.text)
		if kind.kind == plugin.KindOutput {
			b.WriteString("\nEvery output also has:\n\n")
			table(&b, reflect.ValueOf(&outputKeys{WhenFull: whenFull}).Elem())
		}
		for _, p := range sorted(plugins, kind.kind) {
			fmt.Fprintf(&b, "\n### %s: %s\n\n%s\n\n", kind.kind, p.Type, inCell(p.Text))
			if s := settingsOf(p); len(fieldsOf(s)) > 0 {
				table(&b, s)
			} else {
				b.WriteString("It has no settings.\n")
			}
			fmt.Fprintf(&b, "\n```yaml\n%s```\n", example(p))
		}
		if kind.kind == plugin.KindInput {
			decoders(&b, plugins)
		}
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("config: write the reference: %w", err)
	}
	return nil
}

const referenceHead = `# Configuration reference

<!-- Made from the code by ` + "`make generate`" + `; changes here are lost. -->

The configuration is one YAML file, ` + "`" + DefaultPath + "`" + ` unless ` + "`--config` or `" + envConfig + "`" + ` names another.
Unknown keys, duplicate keys and wrong types are refused, each with its place in the file, before anything starts.

How values are written:

- A **text** is written with or without quotes. In texts and numbers ` + "`${NAME}`" + ` stands for an environment variable,
  ` + "`${NAME:-default}`" + ` gives a default and ` + "`${NAME:?message}`" + ` a message for when it is not set; ` + "`$$`" + ` is a dollar sign.
  Keys, types and **expressions** are taken as they stand.
- A **size** has a unit: ` + "`16MiB`, `64KB`" + `. A **duration** has one too: ` + "`250ms`, `10s`, `1h30m`, `7d`" + `.
- A **secret** is given by reference, never as text: ` + "`{file: PATH}` or `{env: NAME}`" + `.
- Relative paths start at the folder of the file.

`

// kinds are the sections of the reference, in the order that data takes.
var kinds = []struct {
	kind        plugin.Kind
	title, text string
}{
	{plugin.KindInput, "Inputs", "`inputs: {NAME: {type: TYPE, …}}`. The name is a label of metrics and of events."},
	{plugin.KindTransform, "Transforms", "`transforms: [{type: TYPE, …}]`, a list in the order in which they are applied."},
	{plugin.KindOutput, "Outputs", "`outputs: {NAME: {type: TYPE, …}}`. Each output gets all events that meet its `when`."},
}

// decoders writes the list of what `decode:` may name.
func decoders(b *bytes.Buffer, plugins []plugin.Plugin) {
	list := sorted(plugins, plugin.KindDecoder)
	if len(list) == 0 {
		return
	}
	b.WriteString("\n## Decoders\n\nWhat the records of an input mean. An input has one by default; `decode: NAME` names another. They need no entry in `transforms`.\n\n| Name | |\n|---|---|\n")
	for _, p := range list {
		fmt.Fprintf(b, "| %s | %s |\n", code(p.Type), inCell(p.Text))
	}
}

// table writes the settings of a struct, those inside it by their path.
func table(b *bytes.Buffer, v reflect.Value) {
	b.WriteString("| Key | Type | Default | |\n|---|---|---|---|\n")
	rows(b, v, "", 0)
}

func rows(b *bytes.Buffer, v reflect.Value, prefix string, depth int) {
	if depth > maxNested {
		return
	}
	for _, f := range fieldsOf(v) {
		text := inCell(f.tag.Get("doc"))
		if example := f.tag.Get("example"); example != "" {
			text += " Example: " + code(example)
		}
		def := defaultOf(f.value)
		if f.required {
			def = "required"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", code(prefix+f.key), typeName(f.value.Type(), f), def, text)
		in := elem(f.value)
		if shapeOf(in.Type()) != shapeStruct {
			continue
		}
		path := prefix + f.key + "."
		switch shapeOf(f.value.Type()) {
		case shapeList:
			path = prefix + f.key + "[]."
		case shapeMap:
			path = prefix + f.key + ".NAME."
		}
		rows(b, in, path, depth+1)
	}
}

// typeName says what may stand for a setting of a type, where f is its field.
func typeName(t reflect.Type, f field) string {
	if t.Kind() == reflect.Pointer {
		return typeName(t.Elem(), f)
	}
	if t == typeText && f.verbatim() {
		return "expression"
	}
	switch shapeOf(t) {
	case shapeBool:
		return "`true` or `false`"
	case shapeInt:
		return "whole number"
	case shapeUint:
		return "whole number from 0"
	case shapeFloat:
		return "number"
	case shapeDuration:
		return "duration"
	case shapeSize:
		return "size"
	case shapeSecret:
		return "secret"
	case shapeStruct:
		return "map"
	case shapeList:
		return "list of " + plural(typeName(t.Elem(), f))
	case shapeMap:
		return "map of names to " + plural(typeName(t.Elem(), f))
	}
	if len(f.enum) == 0 {
		return "text"
	}
	words := make([]string, len(f.enum))
	for i, word := range f.enum {
		words[i] = code(word)
	}
	return strings.Join(words, ", ")
}

// plural is for the names of types only; a list of words stays as it is.
func plural(name string) string {
	if strings.HasSuffix(name, "`") || strings.Contains(name, " of ") {
		return name
	}
	if before, after, ok := strings.Cut(name, "number"); ok {
		return before + "numbers" + after
	}
	return name + "s"
}

// defaultOf writes a default as the file would, "" for none.
func defaultOf(v reflect.Value) string {
	if s := plainDefault(v); s != "" {
		return code(s)
	}
	return ""
}

func plainDefault(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		return ""
	}
	switch x := v.Interface().(type) {
	case plugin.Text:
		return x.Value
	case plugin.Size:
		if x == 0 {
			return "" // most often the plugin chooses, and its doc says how
		}
		return FormatSize(x)
	case time.Duration:
		if x == 0 {
			return ""
		}
		return FormatDuration(x)
	case plugin.Secret:
		return ""
	}
	switch shapeOf(v.Type()) {
	case shapeText:
		return v.String()
	case shapeBool, shapeInt, shapeUint:
		return fmt.Sprint(v.Interface())
	case shapeFloat:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	case shapeList:
		var list []string
		for i := range v.Len() {
			list = append(list, plainDefault(v.Index(i)))
		}
		if len(list) > 0 {
			return "[" + strings.Join(list, ", ") + "]"
		}
	case shapeMap:
		list := map[string]string{}
		for _, key := range v.MapKeys() {
			list[key.String()] = key.String() + ": " + plainDefault(v.MapIndex(key))
		}
		if len(list) > 0 {
			return "{" + strings.Join(slices.Sorted(maps.Values(list)), ", ") + "}"
		}
	}
	return ""
}

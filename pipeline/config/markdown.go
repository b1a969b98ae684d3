package config

import (
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/plugin"
)

// example writes the section of a file with a plugin and the keys that it
// requires.
func example(p plugin.Plugin) string {
	head, indent := string(p.Kind)+"s:\n  "+p.Type+":\n", "    "
	if p.Kind == plugin.KindTransform {
		head = "transforms:\n"
	}
	var out strings.Builder
	out.WriteString(head)
	if p.Kind == plugin.KindTransform {
		out.WriteString("  - type: " + p.Type + "\n")
	} else {
		out.WriteString(indent + "type: " + p.Type + "\n")
	}
	for _, f := range fieldsOf(settingsOf(p)) {
		if f.required {
			out.WriteString(indent + f.key + ": " + exampleValue(f, f.tag.Get("example")) + "\n")
		}
	}
	return out.String()
}

// exampleValue writes an example so that YAML reads it as what it is.
func exampleValue(f field, text string) string {
	list := shapeOf(f.value.Type()) == shapeList
	switch {
	case text == "" && f.value.Type() == typeSecret:
		return "{file: /run/secrets/" + f.key + "}"
	case text == "" && list:
		return "[…]"
	case text == "":
		return "…"
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err == nil && len(doc.Content) == 1 && readsAs(doc.Content[0], text, f.value.Type()) {
		return text
	}
	if list {
		return "[" + strconv.Quote(text) + "]"
	}
	return strconv.Quote(text)
}

// readsAs reports whether the node that YAML reads from text is a value of t.
func readsAs(n *yaml.Node, text string, t reflect.Type) bool {
	switch shapeOf(t) {
	case shapeStruct, shapeMap, shapeSecret:
		return n.Kind == yaml.MappingNode
	case shapeList:
		return n.Kind == yaml.SequenceNode
	case shapeText:
		return n.Kind == yaml.ScalarNode && n.Value == text && n.ShortTag() != "!!bool" && n.ShortTag() != "!!null"
	}
	return n.Kind == yaml.ScalarNode && n.Value == text
}

// code writes a word of the file as code, in a cell of a table.
func code(s string) string {
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if len(fence) > 1 {
		s = " " + s + " "
	}
	return fence + strings.ReplaceAll(s, "|", `\|`) + fence
}

// inCell writes a sentence so that it can stand in a cell of a table and is no
// markup but for its code.
func inCell(s string) string {
	var out strings.Builder
	quoted := false
	for _, r := range strings.Join(strings.Fields(s), " ") {
		switch {
		case r == '`':
			quoted = !quoted
			out.WriteRune(r)
		case r == '|':
			out.WriteString(`\|`)
		case !quoted && r == '<':
			out.WriteString("&lt;")
		case !quoted && (r == '*' || r == '_' || r == '['):
			out.WriteString(`\` + string(r))
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

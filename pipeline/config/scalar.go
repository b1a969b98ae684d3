package config

import (
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/lazy"
	"tallyman/pipeline/plugin"
)

// hidden is the Width of a problem whose source line is not shown.
const hidden = -1

// secret decodes a reference to a secret. A secret itself is refused, and no
// message repeats it.
func (d *decoder) secret(n *yaml.Node, v reflect.Value, w where) {
	if n.Kind != yaml.MappingNode {
		d.addHidden(n, "write {file: PATH} or {env: NAME}", "%s is a secret and is given by reference, never as text", w)
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := resolve(n.Content[i]).Value; key != "file" && key != "env" {
			d.addHidden(n.Content[i], "write {file: PATH} or {env: NAME}", "%s has a key that is neither file nor env", w)
			return
		}
	}
	before := len(d.problems)
	d.fill(d.pairs(n, w), n, w, nil, v.Addr().Interface())
	s, _ := v.Interface().(plugin.Secret)
	switch {
	case len(d.problems) > before:
		for i := range d.problems[before:] {
			d.problems[before+i].Width = hidden
		}
	case s.IsZero():
		d.add(n, "write {file: PATH} or {env: NAME}", "%s refers to nothing", w)
	case s.File != "" && s.Env != "":
		d.add(n, "keep one of file and env", "%s refers to two places", w)
	case s.Env != "" && !variable().MatchString(s.Env):
		// Most often it is the secret itself.
		d.addHidden(n, "write {env: NAME}, with the name of the variable that holds the secret", "%s refers to what cannot be the name of a variable", w)
	default:
		if s.File != "" && !filepath.IsAbs(s.File) {
			s.File = filepath.Join(d.dir, s.File)
			v.Set(reflect.ValueOf(s))
		}
		at := d.placeOf(n)
		for i := 0; i+1 < len(n.Content); i += 2 {
			at = d.placeOf(n.Content[i+1]) // of the one key that it has
		}
		d.secrets = append(d.secrets, Secret{Secret: s, Of: w.String(), Pos: at.Pos, Width: at.Width})
	}
}

// text decodes a plugin.Text, which remembers where its first character stands.
// Nothing is interpolated in one with the tag verbatim:"true", an expression: no
// variable changes what is compiled.
func (d *decoder) text(n *yaml.Node, v reflect.Value, f field, w where) {
	if !d.isString(n, w) {
		return
	}
	value := n.Value
	if f.verbatim() {
		d.keeps(n, w)
	} else if s, _, ok := d.expand(n, w); ok {
		value = s
	} else {
		return
	}
	if f.required && value == "" {
		d.add(n, required(f), "%s is empty", w)
	}
	v.Set(reflect.ValueOf(plugin.Text{Value: value, Pos: d.textPos(n)}))
}

// keeps warns of a reference in a text where it stands for itself.
func (d *decoder) keeps(n *yaml.Node, w where) {
	if ref := wholeReference().FindString(n.Value); ref != "" {
		d.add(n, "write the value itself; no variable changes an expression", "%s keeps %s as it is written", w, ref)
		d.problems[len(d.problems)-1].Warn = true
	}
}

// textPos finds the first character of a scalar behind its quote, tag, anchor
// or, for a block, on a later line.
func (d *decoder) textPos(n *yaml.Node) plugin.Pos {
	p := d.pos(n)
	if p.Line == 0 {
		return p
	}
	rest := d.line(p.Line)[min(p.Col-1, len(d.line(p.Line))):]
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		p.Col += strings.Index(rest, `"`) + 1
	case n.Style&yaml.SingleQuotedStyle != 0:
		p.Col += strings.Index(rest, `'`) + 1
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		p.Line++
		for p.Line < len(d.lines) && strings.TrimSpace(d.line(p.Line)) == "" {
			p.Line++
		}
		line := d.line(p.Line)
		p.Col = 1 + len(line) - len(strings.TrimLeft(line, " "))
	default:
		first, _, _ := strings.Cut(n.Value, "\n")
		if i := strings.Index(rest, first); i > 0 {
			p.Col += i
		}
	}
	return p
}

// isString reports whether a node is text; numbers and dates are, as they are
// written.
func (d *decoder) isString(n *yaml.Node, w where) bool {
	if n.Kind != yaml.ScalarNode {
		d.add(n, "", "%s is %s, not a text", w, kindOf(n))
		return false
	}
	switch n.ShortTag() {
	case "!!str", "!!int", "!!float", "!!timestamp":
		return true
	case "!!bool":
		d.add(n, fmt.Sprintf("write %q where text is meant", n.Value), "%s is %s, not a text", w, kindOf(n))
		return false
	}
	d.add(n, "remove the tag", "%s has the tag %s, which means nothing here", w, n.ShortTag())
	return false
}

// scalar sets a string, bool, number, duration or size.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, f field, w where) {
	wants := wanted(v.Type())
	if n.Kind != yaml.ScalarNode {
		d.add(n, "", "%s is %s, not %s", w, kindOf(n), wants)
		return
	}
	if v.Kind() == reflect.String && !d.isString(n, w) {
		return
	}
	s, free, ok := d.expand(n, w)
	if !ok {
		return
	}
	switch {
	case v.Kind() == reflect.String:
		d.word(n, s, f, w)
		v.SetString(s)
		return
	case v.Type() == typeDuration || v.Type() == typeSize:
	case !free && !slices.Contains([]string{"!!int", "!!float", "!!bool"}, n.ShortTag()):
		d.add(n, "", "%s is %s, not %s", w, kindOf(n), wants)
		return
	}
	if err := set(v, s); err != nil {
		d.add(n, err.Error(), "%s is %s, not %s", w, kindOf(n), wants)
	}
}

// word checks a text against what its field allows.
func (d *decoder) word(n *yaml.Node, s string, f field, w where) {
	switch {
	case len(f.enum) > 0 && !slices.Contains(f.enum, s):
		d.add(n, suggestAndList(s, "it is one of", f.enum), "%s cannot be %q", w, n.Value)
	case f.required && s == "":
		d.add(n, required(f), "%s is empty", w)
	}
}

func wanted(t reflect.Type) string {
	switch t {
	case typeDuration:
		return `a duration with its unit, like "250ms" or "10s"`
	case typeSize:
		return `a size with its unit, like "16MiB"`
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number from 0"
	}
	return "a whole number"
}

var leadingZero = lazy.Regexp(`^[-+]?0[0-9_]`)

// set parses s into v; its error is the hint of the message.
func set(v reflect.Value, s string) error {
	switch {
	case v.Type() == typeDuration:
		d, err := ParseDuration(s)
		v.SetInt(int64(d))
		return err
	case v.Type() == typeSize:
		size, err := ParseSize(s)
		v.SetInt(int64(size))
		return err
	case v.Kind() == reflect.Bool:
		switch strings.ToLower(s) {
		case "true":
			v.SetBool(true)
		case "false":
		default:
			return fmt.Errorf("write true or false")
		}
		v.SetBool(strings.EqualFold(s, "true"))
	case leadingZero().MatchString(s):
		// Octal to some readers of YAML, decimal to others, and to people.
		return fmt.Errorf("write it without the zeros before it")
	case v.CanInt():
		i, err := strconv.ParseInt(s, 0, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("it goes from %d to %d", int64(math.MinInt64)>>(64-v.Type().Bits()), int64(math.MaxInt64)>>(64-v.Type().Bits()))
		}
		v.SetInt(i)
	case v.CanUint():
		u, err := strconv.ParseUint(s, 0, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("it goes from 0 to %d", uint64(math.MaxUint64)>>(64-v.Type().Bits()))
		}
		v.SetUint(u)
	case v.CanFloat():
		x, err := strconv.ParseFloat(s, v.Type().Bits())
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("write a number like 0.5")
		}
		v.SetFloat(x)
	default:
		return fmt.Errorf("the program has a setting of the type %s, which no file can give", v.Type())
	}
	return nil
}

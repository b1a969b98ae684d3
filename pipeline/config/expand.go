package config

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/lazy"
	"tallyman/pipeline/plugin"
)

// variable is what may be the name of an environment variable.
var variable = lazy.Regexp(`^[A-Za-z_][A-Za-z0-9_]*$`)

// reference is what may stand between ${ and }.
var reference = lazy.Regexp(`^([A-Za-z_][A-Za-z0-9_]*)(?::([-?])(.*))?$`)

// wholeReference finds a reference in a text.
var wholeReference = lazy.Regexp(`\$\{[A-Za-z_][A-Za-z0-9_]*(:[-?][^}]*)?\}`)

// expand puts the values of environment variables in the place of ${NAME},
// ${NAME:-default} and ${NAME:?message} in one scalar; $$ is a dollar sign. It
// works on the parsed value, so that no variable changes the structure. Free
// says that the whole scalar was one reference, and so may be of any type.
func (d *decoder) expand(n *yaml.Node, w where) (s string, free, ok bool) {
	if _, foreign := d.foreign[n]; foreign {
		return n.Value, true, true
	}
	if !strings.Contains(n.Value, "$") {
		return n.Value, false, true
	}
	var out strings.Builder
	ok = true
	rest := n.Value
	for rest != "" {
		i := strings.IndexByte(rest, '$')
		if i < 0 || i == len(rest)-1 {
			break
		}
		out.WriteString(rest[:i])
		rest = rest[i:]
		switch rest[1] {
		case '$':
			out.WriteByte('$')
			rest = rest[2:]
		case '{':
			ref, _, closed := strings.Cut(rest, "}")
			if !closed {
				d.addRef(n, rest, "$$ is a dollar sign", "${ without } in "+w.String())
				return "", false, false
			}
			ref += "}"
			value, good := d.lookup(n, ref, w)
			ok = ok && good
			free = ref == n.Value
			out.WriteString(value)
			rest = rest[len(ref):]
		default:
			out.WriteByte('$')
			rest = rest[1:]
		}
	}
	out.WriteString(rest)
	return out.String(), free, ok
}

// lookup returns the value of one reference, ${…} included.
func (d *decoder) lookup(n *yaml.Node, ref string, w where) (string, bool) {
	m := reference().FindStringSubmatch(ref[2 : len(ref)-1])
	if m == nil || strings.Contains(m[3], "${") {
		d.addRef(n, ref, "write ${NAME}, ${NAME:-default} or ${NAME:?message}; $$ is a dollar sign", ref+" in "+w.String()+" is not a reference to a variable")
		return "", false
	}
	name, op, arg := m[1], m[2], m[3]
	value, found := d.env(name)
	switch {
	case op == "-" && value == "":
		return arg, true
	case op == "?" && value == "":
		d.addRef(n, ref, arg, "the environment variable "+name+" for "+w.String()+" is not set")
		return "", false
	case !found:
		d.addRef(n, ref, "set it, or write ${"+name+":-default}", "the environment variable "+name+" for "+w.String()+" is not set")
		return "", false
	case strings.ContainsAny(value, "\n\r\x00"):
		d.addRef(n, ref, "a value is one line", "the environment variable "+name+" for "+w.String()+" holds a line break")
		return "", false
	}
	return value, true
}

// addRef adds a problem at a reference inside a scalar, where it can be found
// in the text; escapes and folded lines can hide it.
func (d *decoder) addRef(n *yaml.Node, ref, hint, text string) {
	p := plugin.Problem{Pos: d.pos(n), Text: text, Hint: hint}
	if line := d.line(p.Pos.Line); p.Pos.Col <= len(line) {
		if i := strings.Index(line[p.Pos.Col-1:], ref); i >= 0 {
			p.Pos.Col, p.Width = p.Pos.Col+i, len(ref)
		}
	}
	d.problems = append(d.problems, p)
}

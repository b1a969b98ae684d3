package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/expr"
	"tallyman/pipeline/plugin"
)

// document is one file while it is read. It collects every problem with its
// place.
type document struct {
	name     string // as problems show it
	schema   *catalog
	lines    []string
	folded   map[plugin.Pos]bool // texts whose lines YAML has joined with spaces
	problems plugin.Problems
	granted  *Settings // what its samples take for granted of images and inventory; nil for nothing
}

func newDocument(name string, text []byte, c *catalog) *document {
	return &document{name: name, schema: c, lines: strings.Split(string(text), "\n"), folded: map[plugin.Pos]bool{}}
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

// root parses the text; nil stands for an empty or unreadable document.
func (d *document) root(text []byte) *yaml.Node {
	var n yaml.Node
	if err := yaml.Unmarshal(text, &n); err != nil {
		p := plugin.Problem{Pos: plugin.Pos{File: d.name, Line: 1, Col: 1}, Text: err.Error()}
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
			p.Text = m[2]
			if line, err := strconv.Atoi(m[1]); err == nil {
				p.Pos.Line = line
			}
		}
		d.problems = append(d.problems, p)
		return nil
	}
	if len(n.Content) == 0 {
		return nil
	}
	return n.Content[0]
}

func (d *document) pos(n *yaml.Node) plugin.Pos {
	return plugin.Pos{File: d.name, Line: n.Line, Col: n.Column}
}

func (d *document) add(pos plugin.Pos, hint, format string, args ...any) {
	d.problems = append(d.problems, plugin.Problem{Pos: pos, Hint: hint, Text: fmt.Sprintf(format, args...)})
}

func (d *document) bad(n *yaml.Node, hint, format string, args ...any) {
	d.add(d.pos(n), hint, format, args...)
}

// keys says what to do with the value of each key of a mapping.
type keys map[string]func(*yaml.Node)

// mapping hands every value of n to its key's function.
func (d *document) mapping(n *yaml.Node, what string, known keys) {
	if n.Kind != yaml.MappingNode {
		d.bad(n, "", "%s must be a mapping", what)
		return
	}
	var seen []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		take, ok := known[k.Value]
		switch {
		case !ok:
			d.bad(k, didYouMean(k.Value, known), "unknown key %q in %s", k.Value, what)
		case slices.Contains(seen, k.Value):
			d.bad(k, "", "%q stands twice in %s", k.Value, what)
		default:
			seen = append(seen, k.Value)
			take(d.follow(v))
		}
	}
}

// follow returns what an alias stands for.
func (d *document) follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func didYouMean[V any](word string, known map[string]V) string {
	var all []string
	for k := range known {
		all = append(all, k)
	}
	slices.Sort(all)
	if best := expr.Nearest(word, all); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return ""
}

// sequence calls each for the entries of a list.
func (d *document) sequence(n *yaml.Node, what string, each func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		d.bad(n, "", "%s must be a list", what)
		return
	}
	for _, c := range n.Content {
		each(d.follow(c))
	}
}

func (d *document) text(to *plugin.Text, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
			d.bad(n, "", "%s must be a text", what)
			return
		}
		*to = plugin.Text{Value: n.Value, Pos: d.textPos(n)}
	}
}

// expression reads a text in which # has a meaning of its own. Where it is
// plain, and a comment follows it, YAML may have cut it.
func (d *document) expression(to *plugin.Text, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		d.text(to, what)(n)
		if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle|yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0 && n.LineComment != "" {
			d.bad(n, "write the text as a block, after >-", "a # began a comment in %s and cut it", what)
		}
	}
}

func (d *document) str(to *string, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var t plugin.Text
		d.text(&t, what)(n)
		*to = t.Value
	}
}

func (d *document) texts(to *[]plugin.Text, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		*to = nil
		d.sequence(n, what, func(n *yaml.Node) {
			var t plugin.Text
			d.text(&t, "an entry of "+what)(n)
			*to = append(*to, t)
		})
	}
}

func (d *document) strs(to *[]string, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		*to = nil
		d.sequence(n, what, func(n *yaml.Node) {
			var s string
			d.str(&s, "an entry of "+what)(n)
			*to = append(*to, s)
		})
	}
}

func (d *document) boolean(to *bool, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Decode(to) != nil || n.ShortTag() != "!!bool" {
			d.bad(n, "", "%s must be true or false", what)
		}
	}
}

// count reads a whole number from 1 to most.
func (d *document) count(to *int, what string, most int) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Decode(to) != nil || n.ShortTag() != "!!int" || *to < 1 || *to > most {
			d.bad(n, "", "%s must be a number from 1 to %d", what, most)
		}
	}
}

func (d *document) duration(to *time.Duration, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		v, err := time.ParseDuration(n.Value)
		if err != nil || v <= 0 {
			d.bad(n, "write 90s, 5m or 24h", "%s must be a duration", what)
			return
		}
		*to = v
	}
}

// textPos finds the first character of a scalar: behind its quote or, for a
// block, on a later line.
func (d *document) textPos(n *yaml.Node) plugin.Pos {
	p := d.pos(n)
	switch {
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		p.Col++
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		for p.Line++; p.Line < len(d.lines) && strings.TrimSpace(d.line(p.Line)) == ""; {
			p.Line++
		}
		p.Col = 1 + indent(d.line(p.Line))
		if n.Style&yaml.FoldedStyle != 0 {
			d.folded[p] = true
		}
	}
	return p
}

func (d *document) line(n int) string {
	if n < 1 || n > len(d.lines) {
		return ""
	}
	return d.lines[n-1]
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// compiled takes the problems that a text has, and sets those of a folded one
// on the line where they stand in the file.
func (d *document) compiled(t plugin.Text, err error) {
	problems, ok := err.(plugin.Problems) //nolint:errorlint // the compiler documents this very type
	if !ok {
		d.add(t.Pos, "", "%v", err)
		return
	}
	for _, p := range problems {
		if d.folded[t.Pos] && p.Pos.Line == t.Pos.Line {
			off := p.Pos.Col - t.Pos.Col
			for off > len(strings.TrimSpace(d.line(p.Pos.Line))) && p.Pos.Line < len(d.lines) {
				off -= len(strings.TrimSpace(d.line(p.Pos.Line))) + 1
				p.Pos.Line++
			}
			p.Pos.Col = 1 + indent(d.line(p.Pos.Line)) + off
		}
		d.problems = append(d.problems, p)
	}
}

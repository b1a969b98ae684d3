package sigma

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/lazy"
)

// conditionOf translates a detection.
func conditionOf(d *document, src *source) (string, error) {
	n, ok := d.Detection["condition"]
	if !ok {
		return "", not("its detection has no condition")
	}
	if tf, ok := d.Detection["timeframe"]; ok {
		return "", not("it counts within %s; `threshold` of ours can be written by hand", tf.Value)
	}
	var list []string
	switch n.Kind {
	case yaml.ScalarNode:
		list = []string{n.Value}
	case yaml.SequenceNode: // any of them
		for _, c := range n.Content {
			list = append(list, c.Value)
		}
	}
	p := &parser{src: src, names: map[string]string{}}
	for name := range d.Detection {
		if name == "condition" || name == "timeframe" {
			continue
		}
		sel := d.Detection[name]
		text, err := src.selection(&sel)
		if err != nil {
			return "", fmt.Errorf("%w (in %s)", err, name)
		}
		p.names[name] = text
		p.order = append(p.order, name)
	}
	slices.Sort(p.order)
	var terms []string
	for _, text := range list {
		t, err := p.parse(text)
		if err != nil {
			return "", err
		}
		terms = append(terms, t)
	}
	if len(terms) == 0 {
		return "", not("its condition is empty")
	}
	return join(terms, " || "), nil
}

// selection translates one part of a detection.
func (s *source) selection(n *yaml.Node) (string, error) {
	switch n.Kind {
	case yaml.AliasNode:
		return s.selection(n.Alias)
	case yaml.MappingNode:
		return s.all(n)
	case yaml.SequenceNode:
		var terms []string
		for _, one := range n.Content {
			if one.Kind == yaml.ScalarNode {
				return "", not("it looks for words anywhere in the record; name the field")
			}
			t, err := s.selection(one)
			if err != nil {
				return "", err
			}
			terms = append(terms, t)
		}
		if len(terms) > 0 {
			return join(terms, " || "), nil
		}
	}
	return "", not("a selection is neither fields nor a list of these")
}

// all translates fields that all have to hold.
func (s *source) all(n *yaml.Node) (string, error) {
	calls := false
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, _, _ := strings.Cut(n.Content[i].Value, "|")
		calls = calls || name == "type" && strings.EqualFold(n.Content[i+1].Value, "SYSCALL") || name == "syscall" || name == "SYSCALL"
	}
	var terms []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		t, err := s.term(n.Content[i].Value, n.Content[i+1], calls)
		if err != nil {
			return "", err
		}
		terms = append(terms, t)
	}
	if len(terms) == 0 {
		return "", not("a selection is empty")
	}
	return join(terms, " && "), nil
}

// parser reads a condition: names with and, or, not and parentheses, and "1 of them",
// "all of them", "1 of name*".
type parser struct {
	src   *source
	names map[string]string
	order []string
	rest  []string
}

var word = lazy.Regexp(`\(|\)|\||[^\s()|]+`)

func (p *parser) parse(text string) (string, error) {
	p.rest = word().FindAllString(text, -1)
	out, err := p.or()
	if err != nil {
		return "", err
	}
	if len(p.rest) > 0 {
		if p.rest[0] == "|" {
			return "", not("its condition counts (%s); `threshold` and `distinct` of ours can be written by hand", strings.Join(p.rest[1:], " "))
		}
		return "", not("its condition is not understood at %q", strings.Join(p.rest, " "))
	}
	return out, nil
}

// next takes the next word when it is one of those that are given.
func (p *parser) next(words ...string) bool {
	if len(p.rest) > 0 && slices.Contains(words, strings.ToLower(p.rest[0])) {
		p.rest = p.rest[1:]
		return true
	}
	return false
}

func (p *parser) or() (string, error) { return p.chain("or", " || ", p.and) }

func (p *parser) and() (string, error) { return p.chain("and", " && ", p.not) }

func (p *parser) chain(by, as string, part func() (string, error)) (string, error) {
	var terms []string
	for {
		t, err := part()
		if err != nil {
			return "", err
		}
		if terms = append(terms, t); !p.next(by) {
			return join(terms, as), nil
		}
	}
}

func (p *parser) not() (string, error) {
	if p.next("not") {
		t, err := p.not()
		return "!(" + t + ")", err
	}
	if p.next("(") {
		t, err := p.or()
		if err == nil && !p.next(")") {
			err = not("a parenthesis of its condition is open")
		}
		return t, err
	}
	return p.atom()
}

func (p *parser) atom() (string, error) {
	if len(p.rest) == 0 {
		return "", not("its condition ends too early")
	}
	name := p.rest[0]
	p.rest = p.rest[1:]
	low := strings.ToLower(name)
	if (low == "1" || low == "any" || low == "all") && p.next("of") {
		if len(p.rest) == 0 {
			return "", not("its condition ends too early")
		}
		of := p.rest[0]
		p.rest = p.rest[1:]
		return p.of(low == "all", of)
	}
	t, ok := p.names[name]
	if !ok {
		return "", not("its condition names %q, which its detection does not have", name)
	}
	return t, nil
}

// of joins the selections that a pattern names; `them` is all whose name does not
// begin with an underscore.
func (p *parser) of(every bool, pattern string) (string, error) {
	var terms []string
	for _, name := range p.order {
		ok := strings.EqualFold(pattern, "them") && !strings.HasPrefix(name, "_")
		if m, err := path.Match(pattern, name); err == nil && m {
			ok = true
		}
		if ok {
			terms = append(terms, p.names[name])
		}
	}
	if len(terms) == 0 {
		return "", not("its condition names %q, and no selection is called so", pattern)
	}
	return join(terms, map[bool]string{true: " && ", false: " || "}[every]), nil
}

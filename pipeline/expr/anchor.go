package expr

import (
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// Form is what an anchor asks of the values of its field.
type Form uint8

// The forms of anchors.
const (
	Whole  Form = iota // one of the words is the value
	Lower              // one of the words is the value in lower case
	Base               // one of the words is the last component of the value, which is a path
	Begin              // one of the words is what the value begins with
	End                // one of the words is what the value ends with
	Within             // a word of the pattern stands somewhere in the value
	There              // the value is no empty text
)

// Of returns what of a value is compared with words.
func (f Form) Of(s string) string {
	switch f {
	case Lower:
		return strings.ToLower(s)
	case Base:
		return baseName(s)
	}
	return s
}

// Anchor is what a condition asks of one field: it can hold only for events that have
// a value of the field that meets it.
type Anchor struct {
	Key   schema.Key
	Form  Form
	Words []string // of all forms but Within and There; none is empty

	// Of Within: the number of the pattern, where it is looked for, and whether it
	// ignores case, as only a search of the text itself can beyond ASCII.
	In      *Scanner
	Pattern int
	Fold    bool
}

// mostAnchored bounds the words of one anchor; with more the condition is asked itself.
const mostAnchored = 4096

// Need is one or more anchors, of different fields, of which one has to be met.
type Need []Anchor

// mostNeeds bounds what is found of one `or`: each need of its left side with each of
// its right.
const mostNeeds = 32

// Needs returns what a condition asks of fields, of which all have to be met: what is
// said with equality, `in`, patterns that cannot match without a word, and that a field
// be there. A condition that cannot be read has none.
func (c *Compiler) Needs(t plugin.Text) []Need {
	tree, err := parser.ParseWithConfig(t.Value, c.config(true))
	if err != nil {
		return nil
	}
	return asker{Compiler: c}.needs(tree.Node)
}

// asker finds what a part of a condition asks. Within an any that asks the values of a
// list, item is the list, of which # is one.
type asker struct {
	*Compiler
	item schema.Key
}

func (c asker) needs(n ast.Node) []Need {
	switch n := n.(type) {
	case *ast.BinaryNode:
		return c.binaryNeeds(n)
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok && id.Value == "inlist" && len(n.Arguments) == 2 {
			return c.listed(n.Arguments[0], n.Arguments[1])
		}
	case *ast.BuiltinNode:
		return c.any(n)
	case *ast.IdentifierNode, *ast.MemberNode:
		return c.there(n, boolType)
	}
	return nil
}

func (c asker) binaryNeeds(n *ast.BinaryNode) []Need {
	switch n.Operator {
	case "&&", "and":
		return append(c.needs(n.Left), c.needs(n.Right)...)
	case "||", "or":
		return either(c.needs(n.Left), c.needs(n.Right))
	case "==":
		if a := c.equals(n.Left, n.Right); a != nil {
			return a
		}
		return c.equals(n.Right, n.Left)
	case "!=":
		if s, ok := n.Right.(*ast.StringNode); ok && s.Value == "" {
			return c.there(n.Left, stringType)
		}
	case ">", ">=":
		if i, ok := n.Right.(*ast.IntegerNode); ok && (i.Value > 0 || i.Value == 0 && n.Operator == ">") {
			return c.there(n.Left, intType)
		}
	case "in":
		return c.in(n.Left, n.Right)
	case "matches", "contains", "startsWith", "endsWith":
		if s, ok := n.Right.(*ast.StringNode); ok {
			return c.within(n.Operator, n.Left, s.Value)
		}
	}
	return nil
}

// either returns what holds of both sides of an or: that a need of the one is met, or
// one of the other.
func either(left, right []Need) []Need {
	var out []Need
	for _, l := range left {
		for _, r := range right {
			if n := union(l, r); n != nil && len(out) < mostNeeds {
				out = append(out, n)
			}
		}
	}
	return out
}

// union joins two needs, the words of one field as one anchor; it is nil where there
// are too many.
func union(l, r Need) Need {
	out, words := slices.Clone(l), 0
	for _, a := range r {
		if i := slices.IndexFunc(out, func(b Anchor) bool {
			return b.Key == a.Key && b.Form == a.Form && b.Pattern == a.Pattern && b.Fold == a.Fold
		}); i >= 0 {
			out[i].Words = slices.Concat(out[i].Words, a.Words)
		} else {
			out = append(out, a)
		}
	}
	for _, a := range out {
		words += len(a.Words)
	}
	if words > mostAnchored {
		return nil
	}
	return out
}

func (c asker) equals(field, word ast.Node) []Need {
	if isNumber(word) {
		return c.there(field, intType)
	}
	s, ok := word.(*ast.StringNode)
	if !ok || s.Value == "" {
		return nil
	}
	return c.anchor(field, false, s.Value)
}

// in is a text among a list field's values, or a field's among some words.
func (c asker) in(left, right ast.Node) []Need {
	if s, ok := left.(*ast.StringNode); ok && s.Value != "" {
		return c.anchor(right, true, s.Value)
	}
	list, ok := right.(*ast.ArrayNode)
	if !ok || len(list.Nodes) == 0 || len(list.Nodes) > mostAnchored {
		return nil
	}
	if !slices.ContainsFunc(list.Nodes, func(n ast.Node) bool { return !isNumber(n) }) {
		return c.there(left, intType)
	}
	var words []string
	for _, n := range list.Nodes {
		s, ok := n.(*ast.StringNode)
		if !ok || s.Value == "" {
			return nil
		}
		words = append(words, s.Value)
	}
	return c.anchor(left, false, words...)
}

func (c asker) listed(field, list ast.Node) []Need {
	name, ok := list.(*ast.StringNode)
	if !ok {
		return nil
	}
	var words []string
	for w := range c.lists[name.Value] {
		if w == "" {
			return nil
		}
		words = append(words, w)
	}
	if len(words) == 0 || len(words) > mostAnchored {
		return nil
	}
	slices.Sort(words)
	return c.anchor(field, false, words...)
}

// within is a text that holds a word, or what a pattern needs.
func (c asker) within(operator string, n ast.Node, word string) []Need {
	k := c.plain(n)
	if k == schema.None || k.Info().Many != isItem(n) || !k.Info().Many && reflect.TypeOf(zero(k)) != stringType {
		return nil
	}
	words, fold := []needle{{text: word}}, false
	switch {
	case operator == "matches":
		words, fold = literals(word)
	case !lookedFor(word):
		return nil
	case operator == "startsWith":
		return []Need{{{Key: k, Form: Begin, Words: []string{word}}}}
	case operator == "endsWith":
		return []Need{{{Key: k, Form: End, Words: []string{word}}}}
	}
	if words == nil {
		return nil
	}
	in := c.scanner(k)
	return []Need{{{Key: k, Form: Within, In: in, Pattern: in.need(words), Fold: fold}}}
}

// lookedFor reports whether a word is worth a search: a single letter is in nearly every
// text, and a quote is not.
func lookedFor(word string) bool {
	return len(word) >= shortest || strings.ContainsAny(word, "\"'\\`")
}

// there is a field that is not empty, or true.
func (c asker) there(n ast.Node, typ reflect.Type) []Need {
	k := c.plain(n)
	if k == schema.None || reflect.TypeOf(zero(k)) != typ {
		return nil
	}
	return []Need{{{Key: k, Form: There}}}
}

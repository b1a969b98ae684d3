package expr

import (
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// Anchor is what a condition asks of one field: it can hold only for events that have
// one of the words among the field's values. None of the words is empty.
type Anchor struct {
	Key   schema.Key
	Words []string
	Fold  bool // the words are lower case, and the field's values are made so
}

// mostAnchored bounds the words of one anchor; with more the condition is asked itself.
const mostAnchored = 4096

// Need is one or more anchors, of different fields, of which one has to be met.
type Need []Anchor

// mostNeeds bounds what is found of one `or`: each need of its left side with each of
// its right.
const mostNeeds = 32

// Needs returns what a condition asks of fields with equality and `in`, of which all
// have to be met. A condition that cannot be read has none.
func (c *Compiler) Needs(t plugin.Text) []Need {
	tree, err := parser.ParseWithConfig(t.Value, c.config(true))
	if err != nil {
		return nil
	}
	return c.needs(tree.Node)
}

func (c *Compiler) needs(n ast.Node) []Need {
	switch n := n.(type) {
	case *ast.BinaryNode:
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
		case "in":
			return c.in(n.Left, n.Right)
		}
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok && id.Value == "inlist" && len(n.Arguments) == 2 {
			return c.listed(n.Arguments[0], n.Arguments[1])
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
		if i := slices.IndexFunc(out, func(b Anchor) bool { return b.Key == a.Key && b.Fold == a.Fold }); i >= 0 {
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

func (c *Compiler) equals(field, word ast.Node) []Need {
	s, ok := word.(*ast.StringNode)
	if !ok || s.Value == "" {
		return nil
	}
	return c.anchor(field, false, s.Value)
}

// in is a text among a list field's values, or a field's among some words.
func (c *Compiler) in(left, right ast.Node) []Need {
	if s, ok := left.(*ast.StringNode); ok && s.Value != "" {
		return c.anchor(right, true, s.Value)
	}
	list, ok := right.(*ast.ArrayNode)
	if !ok || len(list.Nodes) == 0 || len(list.Nodes) > mostAnchored {
		return nil
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

func (c *Compiler) listed(field, list ast.Node) []Need {
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

// headed are fields that an event does not hold among the others.
var headed = []schema.Key{schema.Timestamp, schema.EventID, schema.EventDataset, schema.EventCreated, schema.EventOriginal}

// anchor is one of a field that holds texts: one, or with many a list of them.
func (c *Compiler) anchor(n ast.Node, many bool, words ...string) []Need {
	fold := false
	if b, ok := n.(*ast.BuiltinNode); ok && b.Name == "lower" && len(b.Arguments) == 1 && !many {
		n, fold = b.Arguments[0], true
	}
	k, ok := c.names.fields[pathOf(n)]
	if !ok || slices.Contains(headed, k) {
		return nil
	}
	info := k.Info()
	if info.Many != many || info.Type != schema.Keyword && info.Type != schema.Wildcard {
		return nil
	}
	return []Need{{{k, words, fold}}}
}

// pathOf returns the dotted name that a node is, "" for none.
func pathOf(n ast.Node) string {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value
	case *ast.MemberNode:
		if name, ok := n.Property.(*ast.StringNode); ok && !n.Method {
			if p := pathOf(n.Node); p != "" {
				return p + "." + name.Value
			}
		}
	}
	return ""
}

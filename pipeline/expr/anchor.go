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

// Anchors returns what a condition asks of fields with equality and `in`, of which all
// have to be met. A condition that cannot be read has none.
func (c *Compiler) Anchors(t plugin.Text) []Anchor {
	tree, err := parser.ParseWithConfig(t.Value, c.config(true))
	if err != nil {
		return nil
	}
	return c.anchors(tree.Node)
}

func (c *Compiler) anchors(n ast.Node) []Anchor {
	switch n := n.(type) {
	case *ast.BinaryNode:
		switch n.Operator {
		case "&&", "and":
			return append(c.anchors(n.Left), c.anchors(n.Right)...)
		case "||", "or":
			return either(c.anchors(n.Left), c.anchors(n.Right))
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

// either returns what holds of both sides of an or.
func either(left, right []Anchor) []Anchor {
	var out []Anchor
	for _, a := range left {
		i := slices.IndexFunc(right, func(b Anchor) bool { return b.Key == a.Key && b.Fold == a.Fold })
		if i >= 0 && len(a.Words)+len(right[i].Words) <= mostAnchored {
			out = append(out, Anchor{a.Key, slices.Concat(a.Words, right[i].Words), a.Fold})
		}
	}
	return out
}

func (c *Compiler) equals(field, word ast.Node) []Anchor {
	s, ok := word.(*ast.StringNode)
	if !ok || s.Value == "" {
		return nil
	}
	return c.anchor(field, false, s.Value)
}

// in is a text among a list field's values, or a field's among some words.
func (c *Compiler) in(left, right ast.Node) []Anchor {
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

func (c *Compiler) listed(field, list ast.Node) []Anchor {
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
func (c *Compiler) anchor(n ast.Node, many bool, words ...string) []Anchor {
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
	return []Anchor{{k, words, fold}}
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

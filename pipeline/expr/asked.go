package expr

import (
	"reflect"
	"slices"

	"github.com/expr-lang/expr/ast"

	"tallyman/pipeline/schema"
)

// What of a condition's syntax an anchor is made of: a field, #, a number.

// isNumber reports whether a node is a number that an absent field does not read as.
func isNumber(n ast.Node) bool {
	i, ok := n.(*ast.IntegerNode)
	return ok && i.Value != 0
}

// any is what is asked of one value of a list, and so of its values.
func (c asker) any(n *ast.BuiltinNode) []Need {
	if n.Name != "any" || len(n.Arguments) != 2 {
		return nil
	}
	is, ok := n.Arguments[1].(*ast.PredicateNode)
	if !ok {
		return nil
	}
	c.item = schema.None // also where the list is no field: # is none of those around it
	if k := (asker{Compiler: c.Compiler}).plain(n.Arguments[0]); k != schema.None && reflect.TypeOf(zero(k)) == reflect.TypeFor[[]string]() {
		c.item = k
	}
	return c.needs(is.Node)
}

// headed are fields that an event does not hold among the others.
var headed = []schema.Key{schema.Timestamp, schema.EventID, schema.EventDataset, schema.EventCreated, schema.EventOriginal}

// isItem reports whether a node is #, one value of a list.
func isItem(n ast.Node) bool {
	p, ok := n.(*ast.PointerNode)
	return ok && p.Name == ""
}

// plain returns the field that a node is, or the list that it is a value of, None for
// anything else.
func (c asker) plain(n ast.Node) schema.Key {
	if isItem(n) {
		return c.item
	}
	k := c.names.fields[pathOf(n)]
	if slices.Contains(headed, k) {
		return schema.None
	}
	return k
}

// anchor is one of a field that holds texts: one, or with many a list of them.
func (c asker) anchor(n ast.Node, many bool, words ...string) []Need {
	form := Whole
	if of, f := formOf(n); f != Whole && !many {
		n, form = of, f
	}
	k := c.plain(n)
	if k == schema.None {
		return nil
	}
	info := k.Info()
	if info.Many != (many || isItem(n)) || many && isItem(n) || info.Type != schema.Keyword && info.Type != schema.Wildcard {
		return nil
	}
	return []Need{{{Key: k, Form: form, Words: words}}}
}

// formOf takes apart a call of a function of one text.
func formOf(n ast.Node) (of ast.Node, f Form) {
	switch n := n.(type) {
	case *ast.BuiltinNode:
		if n.Name == "lower" && len(n.Arguments) == 1 {
			return n.Arguments[0], Lower
		}
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok && id.Value == "basename" && len(n.Arguments) == 1 {
			return n.Arguments[0], Base
		}
	}
	return n, Whole
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

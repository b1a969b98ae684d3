package expr

import (
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"

	"tallyman/pipeline/plugin"
)

// Terms splits a condition at its outermost ands, for an explanation of why it
// does not hold. A condition that is no and, or that cannot be read, is one term.
func (c *Compiler) Terms(t plugin.Text) []plugin.Text {
	tree, err := parser.ParseWithConfig(t.Value, c.config(true))
	if err != nil {
		return []plugin.Text{t}
	}
	var out []plugin.Text
	var split func(ast.Node)
	split = func(n ast.Node) {
		if b, ok := n.(*ast.BinaryNode); ok && (b.Operator == "&&" || b.Operator == "and") {
			split(b.Left)
			split(b.Right)
			return
		}
		pos, _ := place(t, n.Location())
		out = append(out, plugin.Text{Value: n.String(), Pos: pos})
	}
	split(tree.Node)
	return out
}

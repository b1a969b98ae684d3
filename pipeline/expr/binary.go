package expr

import (
	"reflect"

	"github.com/expr-lang/expr/ast"

	"tallyman/pipeline/schema"
)

// binary makes a closure of an operator whose two sides have one.
func (f *fuser) binary(n *ast.Node, at *ast.BinaryNode) {
	l, r := f.notes[at.Left], f.notes[at.Right]
	var is test
	switch {
	case at.Operator == "in":
		is = f.in(l, at.Right)
	case l.test != nil && r.test != nil:
		is = logic(at.Operator, l.test, r.test)
	case l.text != nil && at.Operator == "matches":
		is = pattern(f.c.scanner(l.key), l.text, at.Right)
	case l.text != nil && at.Operator == "contains" && l.key != schema.None && isWord(at.Right):
		is = holding(f.c.scanner(l.key), l.text, at.Right.(*ast.StringNode).Value)
	case l.text != nil && r.text != nil:
		is = relate(at.Operator, l.text, r.text, at.Right)
	case l.number != nil && r.number != nil:
		if op := comparisons[at.Operator]; op != nil {
			is = func(m *Machine, item string) bool { return op(l.number(m, item), r.number(m, item)) }
		}
	}
	if is != nil {
		f.replace(n, note{test: is, item: l.item || r.item || f.itemIn(at.Right)})
	}
}

// isWord reports whether a node is a constant text that can be looked for.
func isWord(n ast.Node) bool {
	s, ok := n.(*ast.StringNode)
	return ok && len(s.Value) >= shortest
}

func logic(op string, l, r test) test {
	switch op {
	case "&&", "and":
		return func(m *Machine, item string) bool { return l(m, item) && r(m, item) }
	case "||", "or":
		return func(m *Machine, item string) bool { return l(m, item) || r(m, item) }
	case "==":
		return func(m *Machine, item string) bool { return l(m, item) == r(m, item) }
	case "!=":
		return func(m *Machine, item string) bool { return l(m, item) != r(m, item) }
	}
	return nil
}

func relate(op string, l, r text, right ast.Node) test {
	is := relations[op]
	if is == nil {
		return nil
	}
	// A constant on the right is by far the most frequent.
	if s, ok := right.(*ast.StringNode); ok {
		word := s.Value
		switch op {
		case "==":
			return func(m *Machine, item string) bool { return l(m, item) == word }
		case "!=":
			return func(m *Machine, item string) bool { return l(m, item) != word }
		}
		return func(m *Machine, item string) bool { return is(l(m, item), word) }
	}
	return func(m *Machine, item string) bool { return is(l(m, item), r(m, item)) }
}

// in makes a closure of `l in right`: a set that the library made of constants,
// a list of texts, or a list field.
func (f *fuser) in(l note, right ast.Node) test {
	if k := f.notes[right].key; l.text != nil && k != schema.None && reflect.TypeOf(zero(k)) == reflect.TypeFor[[]string]() {
		return func(m *Machine, item string) bool {
			word := l.text(m, item)
			list := m.from(k)
			for i := range list {
				if list[i].Key == k && textOf(list[i].Value()) == word {
					return true
				}
			}
			return false
		}
	}
	switch right := right.(type) {
	case *ast.ConstantNode:
		switch set := right.Value.(type) {
		case map[string]struct{}:
			if l.text != nil {
				return func(m *Machine, item string) bool {
					_, ok := set[l.text(m, item)]
					return ok
				}
			}
		case map[int]struct{}:
			if l.number != nil {
				return func(m *Machine, item string) bool {
					_, ok := set[l.number(m, item)]
					return ok
				}
			}
		}
	case *ast.ArrayNode:
		return f.inArray(l, right)
	}
	return nil
}

func (f *fuser) inArray(l note, right *ast.ArrayNode) test {
	var of []text
	for _, n := range right.Nodes {
		t := f.notes[n].text
		if t == nil {
			return nil
		}
		of = append(of, t)
	}
	if l.text == nil {
		return nil
	}
	return func(m *Machine, item string) bool {
		word := l.text(m, item)
		for _, t := range of {
			if t(m, item) == word {
				return true
			}
		}
		return false
	}
}

// itemIn reports whether an array names #.
func (f *fuser) itemIn(n ast.Node) bool {
	if a, ok := n.(*ast.ArrayNode); ok {
		for _, n := range a.Nodes {
			if f.notes[n].item {
				return true
			}
		}
	}
	return false
}

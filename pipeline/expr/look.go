package expr

import (
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"

	"tallyman/pipeline/plugin"
)

// looker checks every name of an expression against the schema and the
// functions. It runs before the types are checked, and finds all unknown names
// where the type checker would stop at the first.
type looker struct {
	c        *Compiler
	t        plugin.Text
	callees  map[ast.Node]bool
	lets     []string
	paths    map[ast.Node]chain
	open     []ast.Node // ends of chains that are no field
	problems plugin.Problems
}

// chain is a row of names that leads to a group or, when it is bad, to nothing.
type chain struct {
	name string
	root file.Location
	bad  bool
}

func (c *Compiler) look(t plugin.Text, root ast.Node) *looker {
	l := &looker{c: c, t: t, callees: map[ast.Node]bool{}, paths: map[ast.Node]chain{}}
	ast.Walk(&root, visitor(l.gather))
	ast.Walk(&root, visitor(l.check))
	for _, n := range l.open {
		p := l.paths[n]
		if p.bad {
			l.add(p, meant(l.c.names.nearest(p.name)), "there is no field %s", p.name)
			continue
		}
		l.add(p, "", "%s is a group of fields, not a field", p.name)
	}
	return l
}

// visitor is a function as the library wants it.
type visitor func(n ast.Node)

func (v visitor) Visit(n *ast.Node) { v(*n) }

// gather finds what is a name but no field: functions and variables.
func (l *looker) gather(n ast.Node) {
	switch n := n.(type) {
	case *ast.CallNode:
		l.callees[n.Callee] = true
	case *ast.VariableDeclaratorNode:
		l.lets = append(l.lets, n.Name)
		if slices.Contains(l.c.names.groups[""], n.Name) {
			l.addAt(n.Location(), "", "the variable %s would hide the fields below it", n.Name)
		}
	}
}

func (l *looker) check(n ast.Node) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		l.identifier(n)
	case *ast.MemberNode:
		l.member(n)
	case *ast.BinaryNode:
		l.operator(n)
	}
}

func (l *looker) identifier(n *ast.IdentifierNode) {
	switch {
	case slices.Contains(l.lets, n.Value):
	case l.callees[n]:
		if known := functionNames(); !slices.Contains(known, n.Value) {
			l.addAt(n.Location(), meant(Nearest(n.Value, known)), "there is no function %s", n.Value)
		}
	default:
		l.step(n, chain{root: n.Location()}, n.Value)
	}
}

func (l *looker) member(n *ast.MemberNode) {
	// The library places a member at its last name; a person reads it from its first.
	loc := n.Location()
	loc.From = min(loc.From, n.Node.Location().From)
	n.SetLocation(loc)
	p, ok := l.paths[n.Node]
	if !ok {
		return
	}
	prop, isName := n.Property.(*ast.StringNode)
	if !isName && p.bad {
		return
	}
	l.open = slices.DeleteFunc(l.open, func(o ast.Node) bool { return o == n.Node })
	if !isName {
		l.add(p, "", "%s is a group of fields and is read by their names", p.name)
		return
	}
	l.step(n, p, prop.Value)
}

// step goes from the group p to name below it, in the node n.
func (l *looker) step(n ast.Node, p chain, name string) {
	p.name = join(p.name, name)
	if _, isField := l.c.names.fields[p.name]; isField && !p.bad {
		return
	}
	if _, isGroup := l.c.names.groups[p.name]; !isGroup {
		p.bad = true
	}
	l.paths[n] = p
	l.open = append(l.open, n)
}

func (l *looker) operator(n *ast.BinaryNode) {
	switch n.Operator {
	case "..":
		// A range costs what it counts, and no event needs one.
		l.addAt(n.Location(), "", "ranges cannot be used here")
	case "matches":
		if _, ok := n.Right.(*ast.StringNode); !ok {
			// A pattern from an event would be compiled each time, and be the sender's.
			l.addAt(n.Right.Location(), "", "the pattern of matches must be a text in quotes")
		}
	}
}

func (l *looker) add(p chain, hint, format string, args ...any) {
	loc := p.root
	loc.To = loc.From + len([]rune(p.name))
	l.addAt(loc, hint, format, args...)
}

func (l *looker) addAt(loc file.Location, hint, format string, args ...any) {
	pos, width := place(l.t, loc)
	l.problems = append(l.problems, problem(pos, width, hint, format, args...)...)
}

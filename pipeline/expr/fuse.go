package expr

import (
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// The closures that a part of an expression becomes. item is the # of the
// innermost any, all or none.
type (
	test   func(m *Machine, item string) bool
	text   func(m *Machine, item string) string
	number func(m *Machine, item string) int
)

// note is what is known of a node beside what the library knows. At most one of
// test, text and number is set.
type note struct {
	test   test
	text   text
	number number
	item   bool       // it reads #, so it is only of use inside of a closure
	key    schema.Key // the node is this whole field
}

// fuser walks an expression from its leaves up. It replaces each field by a call
// that reads it, and each part that it has a closure for by a call of the
// closure. A part around such parts becomes one closure again, and so on: most
// conditions end as one.
type fuser struct {
	c        *Compiler
	t        plugin.Text
	lets     []string
	paths    map[ast.Node]string // groups
	notes    map[ast.Node]note
	fields   []schema.Key
	loops    bool // there are predicates, each of which counts its steps
	problems plugin.Problems
}

// Visit is called by the library's walk, for each node after its children.
func (f *fuser) Visit(n *ast.Node) {
	switch at := (*n).(type) {
	case *ast.IdentifierNode:
		if !slices.Contains(f.lets, at.Value) {
			f.step(n, at.Value)
		}
	case *ast.MemberNode:
		f.member(n, at)
	case *ast.StringNode:
		s := at.Value
		f.notes[at] = note{text: func(*Machine, string) string { return s }}
	case *ast.IntegerNode:
		i := at.Value
		f.notes[at] = note{number: func(*Machine, string) int { return i }}
	case *ast.BoolNode:
		b := at.Value
		f.notes[at] = note{test: func(*Machine, string) bool { return b }}
	case *ast.PointerNode:
		if at.Name == "" && at.Type() == stringType {
			f.notes[at] = note{item: true, text: func(_ *Machine, item string) string { return item }}
		}
	case *ast.PredicateNode:
		f.loop(at)
	case *ast.UnaryNode:
		if of := f.notes[at.Node]; of.test != nil && (at.Operator == "!" || at.Operator == "not") {
			f.replace(n, note{item: of.item, test: func(m *Machine, item string) bool { return !of.test(m, item) }})
		}
	case *ast.BinaryNode:
		f.binary(n, at)
	case *ast.BuiltinNode:
		f.builtin(n, at)
	case *ast.CallNode:
		f.call(n, at)
	}
}

// loop has the predicate of a loop count its steps.
func (f *fuser) loop(at *ast.PredicateNode) {
	f.loops = true
	of := f.notes[at.Node]
	if is := of.test; is != nil {
		of.test = func(m *Machine, item string) bool { m.step(); return is(m, item) }
	}
	f.notes[at] = of
	var step ast.Node = &ast.NilNode{}
	f.replaceBy(&step, note{}, func(env any) bool { env.(*Machine).step(); return true }, boolType)
	seq := &ast.SequenceNode{Nodes: []ast.Node{step, at.Node}}
	seq.SetType(at.Node.Type())
	at.Node = seq
}

// step reads name below a group, or at the top.
func (f *fuser) step(n *ast.Node, path string) {
	k, ok := f.c.names.fields[path]
	if !ok {
		f.paths[*n] = path
		return
	}
	if i, known := slices.BinarySearch(f.fields, k); !known {
		f.fields = slices.Insert(f.fields, i, k)
	}
	fresh := note{key: k}
	switch reflect.TypeOf(zero(k)) {
	case stringType:
		fresh.text = func(m *Machine, _ string) string { return m.text(k) }
	case intType:
		fresh.number = func(m *Machine, _ string) int { return intOf(m.value(k)) }
	case boolType:
		fresh.test = func(m *Machine, _ string) bool { return m.value(k).True() }
	}
	f.replaceBy(n, fresh, func(env any) any { return env.(*Machine).boxedValue(k) }, reflect.TypeOf(zero(k)))
}

func (f *fuser) member(n *ast.Node, at *ast.MemberNode) {
	prop, isName := at.Property.(*ast.StringNode)
	if group, ok := f.paths[at.Node]; ok && isName {
		f.step(n, join(group, prop.Value))
		return
	}
	k := f.notes[at.Node].key
	index, isIndex := at.Property.(*ast.IntegerNode)
	switch {
	case k == schema.None:
	case isName && k.Info().Type.IsMap() && !k.Info().Many:
		name := prop.Value
		f.replace(n, note{text: func(m *Machine, _ string) string { return m.named(k, name) }})
	case isIndex && reflect.TypeOf(zero(k)) == reflect.TypeFor[[]string]():
		i := index.Value
		f.replace(n, note{text: func(m *Machine, _ string) string { return m.nth(k, i) }})
	case isIndex && reflect.TypeOf(zero(k)) == reflect.TypeFor[[]map[string]string]():
		i := index.Value
		f.replaceBy(n, note{}, func(env any) any { return env.(*Machine).nthObject(k, i) }, reflect.TypeFor[map[string]string]())
	}
}

// replace puts a call of a closure in the place of n, unless it reads #: then
// the node stays for the library, and the closure waits for a parent that has
// use for it.
func (f *fuser) replace(n *ast.Node, as note) {
	switch {
	case as.item:
		f.notes[*n] = as
	case as.test != nil:
		f.replaceBy(n, as, func(env any) bool { return as.test(env.(*Machine), "") }, boolType)
	case as.text != nil:
		f.replaceBy(n, as, func(env any) string { return as.text(env.(*Machine), "") }, stringType)
	case as.number != nil:
		f.replaceBy(n, as, func(env any) int { return as.number(env.(*Machine), "") }, intType)
	}
}

// replaceBy puts the call fn($env), whose result is a typ, in the place of n.
// The library has an instruction for each of the forms func(any) any, bool,
// string and int that needs no reflection.
func (f *fuser) replaceBy(n *ast.Node, as note, fn any, typ reflect.Type) {
	callee := &ast.ConstantNode{Value: fn}
	callee.SetType(reflect.TypeOf(fn))
	call := &ast.CallNode{Callee: callee, Arguments: []ast.Node{&ast.IdentifierNode{Value: "$env"}}}
	call.SetType(typ)
	ast.Patch(n, call)
	call.SetType(typ)
	f.notes[call] = as
}

// call makes a closure of a call of one of our functions, or at least a call
// that needs no list of arguments.
func (f *fuser) call(n *ast.Node, at *ast.CallNode) {
	id, ok := at.Callee.(*ast.IdentifierNode)
	if !ok {
		return
	}
	switch id.Value {
	case "basename":
		f.function(n, at, baseName, note{text: compose(f.notes[at.Arguments[0]].text, baseName)})
	case "dirname":
		f.function(n, at, dirName, note{text: compose(f.notes[at.Arguments[0]].text, dirName)})
	}
	p := predicateOf(at)
	if p == nil {
		return
	}
	var args []string
	for _, a := range at.Arguments[1:] {
		s, ok := a.(*ast.StringNode)
		if !ok {
			f.problem(a, "", "%s takes texts in quotes here, which are checked beforehand", p.name)
			return
		}
		args = append(args, s.Value)
	}
	is, err := p.build(f.c, args)
	if err != nil {
		var bad *badArgument
		if errors.As(err, &bad) {
			f.problem(at.Arguments[1+bad.index], bad.hint, "%s", bad.text)
			return
		}
		f.problem(at, "", "%v", err)
		return
	}
	as := note{}
	if of := f.notes[at.Arguments[0]].text; of != nil {
		as.test = func(m *Machine, item string) bool { return is(of(m, item)) }
	}
	f.function(n, at, is, as)
}

// function replaces the callee by fn, a func(string) bool or func(string)
// string, and the whole call where as holds a closure for it.
func (f *fuser) function(n *ast.Node, at *ast.CallNode, fn any, as note) {
	typ := at.Type()
	as.item = f.notes[at.Arguments[0]].item
	callee := &ast.ConstantNode{Value: fn}
	callee.SetType(reflect.TypeOf(fn))
	at.Callee, at.Arguments = callee, at.Arguments[:1]
	at.SetType(typ)
	if as.test != nil || as.text != nil {
		f.replace(n, as)
	}
}

func compose(of text, fn func(string) string) text {
	if of == nil {
		return nil
	}
	return func(m *Machine, item string) string { return fn(of(m, item)) }
}

func (f *fuser) problem(n ast.Node, hint, format string, args ...any) {
	pos, width := place(f.t, n.Location())
	f.problems = append(f.problems, problem(pos, width, hint, format, args...)...)
}

// builtin makes closures of the library's functions that rules use most.
func (f *fuser) builtin(n *ast.Node, at *ast.BuiltinNode) {
	switch at.Name {
	case "any", "all", "none":
		k, is := f.notes[at.Arguments[0]].key, f.notes[at.Arguments[1]].test
		if k == schema.None || is == nil || reflect.TypeOf(zero(k)) != reflect.TypeFor[[]string]() {
			return
		}
		found, when := at.Name == "any", is
		if at.Name == "all" {
			when = func(m *Machine, item string) bool { return !is(m, item) }
		}
		f.replace(n, note{test: func(m *Machine, _ string) bool { return m.has(k, when) == found }})
	case "bitand":
		l, r := f.notes[at.Arguments[0]], f.notes[at.Arguments[1]]
		if l.number != nil && r.number != nil {
			f.replace(n, note{item: l.item || r.item, number: func(m *Machine, item string) int { return l.number(m, item) & r.number(m, item) }})
		}
	}
}

// relations are the operators between two texts.
var relations = map[string]func(a, b string) bool{
	"==":         func(a, b string) bool { return a == b },
	"!=":         func(a, b string) bool { return a != b },
	"contains":   strings.Contains,
	"startsWith": strings.HasPrefix,
	"endsWith":   strings.HasSuffix,
}

// comparisons are the operators between two numbers.
var comparisons = map[string]func(a, b int) bool{
	"==": func(a, b int) bool { return a == b },
	"!=": func(a, b int) bool { return a != b },
	"<":  func(a, b int) bool { return a < b },
	"<=": func(a, b int) bool { return a <= b },
	">":  func(a, b int) bool { return a > b },
	">=": func(a, b int) bool { return a >= b },
}

// Package expr compiles and runs the expressions of rules, of `when` and of
// queries. It is the only package that knows the expression library: it checks
// every expression against the published schema before anything starts, and
// answers each with the fields of one event.
//
// The library parses, checks types and optimises. What remains is mostly
// comparisons of fields with constants; fuse.go turns those into closures that
// read the event by schema key without boxing a value. What it does not know
// runs on the library's machine, which reads the same fields through calls.
//
// The package knows no rule and no configuration file.
package expr

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/optimizer"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// What one expression may cost.
const (
	maxLength = 16 << 10  // bytes of its text
	maxNodes  = 2000      // of its syntax tree
	maxMemory = 100_000   // elements that one run may make, lists and maps together
	maxSteps  = 1_000_000 // items that its loops may look at, those within loops each time
	maxText   = 4 << 20   // bytes of a text that it makes
)

// Options says what expressions may use beside the fields of the schema.
type Options struct {
	// Lists are the named lists of inlist and cidrlist. They are copied.
	Lists map[string][]string

	// ListenDocumented answers doc_listen, EgressDocumented doc_egress and
	// ImageAllowed image_allowed. They are called from many goroutines. Where one
	// is nil its function is always true: nothing was documented, so nothing
	// contradicts it.
	ListenDocumented func(image string, port int) bool
	EgressDocumented func(image, ip string, port int) bool
	ImageAllowed     func(image string) bool
}

// Compiler compiles expressions. It may be used by one goroutine at a time.
type Compiler struct {
	opts  Options
	names *names
	lists map[string]map[string]struct{}
	scans map[schema.Key]*Scanner // of the fields that patterns are asked of
}

// NewCompiler returns a compiler for expressions over the schema.
func NewCompiler(o Options) *Compiler {
	c := &Compiler{opts: o, names: newNames(), lists: map[string]map[string]struct{}{}, scans: map[schema.Key]*Scanner{}}
	for name, words := range o.Lists {
		set := make(map[string]struct{}, len(words))
		for _, w := range words {
			set[w] = struct{}{}
		}
		c.lists[name] = set
	}
	return c
}

// Program is one compiled expression. It does not change and may be run by many
// goroutines, each with its own Machine.
type Program struct {
	pos    plugin.Pos
	fields []schema.Key
	fused  note        // the whole expression as a closure
	code   *vm.Program // what runs where fused has none
	loops  bool
}

// Bool compiles a condition. The error is plugin.Problems: every unknown name,
// or else the first wrong type.
func (c *Compiler) Bool(t plugin.Text) (*Program, error) {
	return c.compile(t, true)
}

// String compiles an expression whose result is one value, which Eval returns as
// text. The error is as Bool's.
func (c *Compiler) String(t plugin.Text) (*Program, error) {
	return c.compile(t, false)
}

func (c *Compiler) compile(t plugin.Text, condition bool) (*Program, error) {
	if len(t.Value) > maxLength {
		return nil, problem(t.Pos, 0, "", "an expression of %d bytes is too long; %d are allowed", len(t.Value), maxLength)
	}
	cfg := c.config(condition)
	tree, err := parser.ParseWithConfig(t.Value, cfg)
	if err != nil {
		return nil, syntaxProblem(t, err)
	}
	look := c.look(t, tree.Node)
	if len(look.problems) > 0 {
		return nil, look.problems
	}
	typ, err := checker.Check(tree, cfg)
	if err != nil {
		return nil, typeProblem(t, err)
	}
	if !condition && !isScalar(typ) {
		return nil, problem(t.Pos, 0, "", "the expression gives %s, not one value", typeName(typ))
	}
	if err := optimizer.Optimize(&tree.Node, cfg); err != nil {
		return nil, typeProblem(t, err)
	}
	f := &fuser{c: c, t: t, lets: look.lets, paths: map[ast.Node]string{}, notes: map[ast.Node]note{}}
	ast.Walk(&tree.Node, f)
	if len(f.problems) > 0 {
		return nil, f.problems
	}
	p := &Program{pos: t.Pos, fields: f.fields, loops: f.loops}
	p.fused = f.notes[tree.Node]
	if p.fused.test != nil || (!condition && (p.fused.text != nil || p.fused.number != nil)) {
		return p, nil
	}
	if p.code, err = compiler.Compile(tree, cfg); err != nil {
		return nil, problem(t.Pos, 0, "", "the expression cannot be compiled: %v", firstLine(err))
	}
	return p, nil
}

// scanner returns the one of a field, nil for none.
func (c *Compiler) scanner(k schema.Key) *Scanner {
	if k == schema.None {
		return nil
	}
	if c.scans[k] == nil {
		c.scans[k] = &Scanner{key: k, many: k.Info().Many}
	}
	return c.scans[k]
}

func (c *Compiler) config(condition bool) *conf.Config {
	cfg := conf.New(c.names.env)
	cfg.MaxNodes = maxNodes
	if condition {
		cfg.Expect = reflect.Bool
	}
	for _, name := range slices.Concat(unwanted, bounded) {
		cfg.Disabled[name] = true
		delete(cfg.Builtins, name)
	}
	c.functions(cfg)
	return cfg
}

// unwanted are the library's functions that would make a judgement depend on
// more than the event.
var unwanted = []string{"now"}

// bounded are those that make more of a text than it is, which are replaced by
// ones with a bound.
var bounded = []string{"split", "splitAfter", "replace"}

func isScalar(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int64, reflect.Float64, reflect.Interface:
		return true
	}
	return t == timeType || t == durationType
}

// Fields returns the fields that the expression reads, each once, in the order
// of the schema.
func (p *Program) Fields() []schema.Key { return slices.Clone(p.fields) }

// Test runs a condition against e.
func (p *Program) Test(m *Machine, e *event.Event) (bool, error) {
	m.Load(e)
	return p.Match(m)
}

// Match runs a condition against the event that m has loaded: many conditions
// on one event share what loading found.
func (p *Program) Match(m *Machine) (bool, error) {
	switch {
	case p.fused.test != nil && p.loops:
		return p.count(m)
	case p.fused.test != nil:
		return p.fused.test(m, ""), nil
	}
	v, err := p.run(m)
	if err != nil {
		return false, err
	}
	yes, ok := v.(bool)
	if !ok {
		return false, fmt.Errorf("expression at %s: it gave %T, not a boolean", p.pos, v)
	}
	return yes, nil
}

// Eval runs an expression against e and returns its value as text: numbers in
// decimal, times as RFC 3339, "" for what is absent.
func (p *Program) Eval(m *Machine, e *event.Event) (string, error) {
	m.Load(e)
	return p.Text(m)
}

// Text is Eval for the event that m has loaded.
func (p *Program) Text(m *Machine) (string, error) {
	switch f := p.fused; {
	case f.test != nil:
		yes, err := p.Match(m)
		return strconv.FormatBool(yes), err
	case f.text != nil:
		return f.text(m, ""), nil
	case f.number != nil:
		return strconv.Itoa(f.number(m, "")), nil
	}
	v, err := p.run(m)
	if err != nil {
		return "", err
	}
	return asText(v), nil
}

// count runs a closure with loops in it, which may take too many steps.
func (p *Program) count(m *Machine) (yes bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			if r != errSteps { //nolint:errorlint // it is what step panicked with
				panic(r)
			}
			err = fmt.Errorf("expression at %s: %w", p.pos, errSteps)
		}
	}()
	m.steps = 0
	return p.fused.test(m, ""), nil
}

func (p *Program) run(m *Machine) (any, error) {
	m.steps = 0
	m.vm.MemoryBudget = maxMemory
	v, err := m.vm.Run(p.code, m)
	if err != nil {
		return nil, fmt.Errorf("expression at %s: %w", p.pos, runError(err))
	}
	return v, nil
}

package expr

import (
	"fmt"
	"net/netip"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
)

// predicate is a function of one text whose other arguments are texts in
// quotes. It becomes a closure when the expression is compiled, so that a wrong
// list, network or pattern is told before anything starts.
type predicate struct {
	name  string
	more  int    // arguments after the first: 0, 1, or -1 for one or more
	args  string // as the reference shows them
	text  string
	build func(c *Compiler, args []string) (func(string) bool, error)
}

// badArgument is what is wrong with one of the arguments in quotes.
type badArgument struct {
	index int
	text  string
	hint  string
}

func (b *badArgument) Error() string { return b.text }

// predicates is the table of RULES.md section 2, as far as it has this form.
var predicates = []predicate{
	{"inlist", 1, `(text, "list")`, "The text is in the named list.", buildInList},
	{"cidr", -1, `(ip, "10.0.0.0/8", …)`, "The address is in one of the networks.", buildCIDR},
	{"cidrlist", 1, `(ip, "list")`, "The address is in a network of the named list.", buildCIDRList},
	{"private", 0, "(ip)", "The address is private (RFC 1918, ULA), link-local or loopback.", buildPrivate},
	{"loopback", 0, "(ip)", "The address is a loopback address.", buildLoopback},
	{"under", -1, `(path, "/dir", …)`, "The path is one of the folders or lies below it.", buildUnder},
	{"glob", -1, `(text, "pattern", …)`, "The whole text matches a pattern; * stays within a component, ** does not.", buildGlob},
	{"image_allowed", 0, "(image)", "The image matches what the configuration allows, or the configuration lists none.", buildImageAllowed},
}

// Function describes one function of expressions for people.
type Function struct {
	Name string
	Args string // `(ip, "list")`
	Text string // one sentence
}

// Functions describes what tallyman adds to the functions of the expression
// language.
func Functions() []Function {
	out := make([]Function, 0, len(predicates)+4)
	for _, p := range predicates {
		out = append(out, Function{p.name, p.args, p.text})
	}
	return append(out,
		Function{"doc_listen", "(image, port)", "The inventory allows the image to listen on the port, or says nothing of it and allows that."},
		Function{"doc_egress", "(image, ip, port)", "The inventory allows the image to connect there, or says nothing of it and allows that."},
		Function{"basename", "(path)", "The last component of the path."},
		Function{"dirname", "(path)", "The path without its last component."})
}

func (c *Compiler) functions(cfg *conf.Config) {
	bound(cfg)
	for _, p := range predicates {
		typ := reflect.TypeFor[func(string) bool]()
		switch {
		case p.more < 0:
			typ = reflect.TypeFor[func(string, string, ...string) bool]()
		case p.more == 1:
			typ = reflect.TypeFor[func(string, string) bool]()
		}
		// Every call of it is replaced before it could be run.
		cfg.Functions[p.name] = &builtin.Function{Name: p.name, Func: unreachable, Types: []reflect.Type{typ}}
	}
	for _, name := range []string{"basename", "dirname"} {
		cfg.Functions[name] = &builtin.Function{Name: name, Func: unreachable, Types: []reflect.Type{reflect.TypeFor[func(string) string]()}}
	}
	listen, egress := c.opts.ListenDocumented, c.opts.EgressDocumented
	cfg.Functions["doc_listen"] = &builtin.Function{Name: "doc_listen", Types: []reflect.Type{reflect.TypeFor[func(string, int) bool]()},
		Func: func(a ...any) (any, error) { return listen == nil || listen(a[0].(string), a[1].(int)), nil }}
	cfg.Functions["doc_egress"] = &builtin.Function{Name: "doc_egress", Types: []reflect.Type{reflect.TypeFor[func(string, string, int) bool]()},
		Func: func(a ...any) (any, error) {
			return egress == nil || egress(a[0].(string), a[1].(string), a[2].(int)), nil
		}}
}

func unreachable(...any) (any, error) { return nil, fmt.Errorf("the call was not compiled") }

// functionNames returns every function that an expression may call.
func functionNames() []string {
	var out []string
	for _, f := range Functions() {
		out = append(out, f.Name)
	}
	for _, f := range builtin.Builtins {
		if !slices.Contains(unwanted, f.Name) {
			out = append(out, f.Name)
		}
	}
	return out
}

// predicateOf returns the entry of a call in the table, nil for another call.
func predicateOf(n *ast.CallNode) *predicate {
	id, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return nil
	}
	for i := range predicates {
		if predicates[i].name == id.Value {
			return &predicates[i]
		}
	}
	return nil
}

func buildInList(c *Compiler, args []string) (func(string) bool, error) {
	set, ok := c.lists[args[0]]
	if !ok {
		return nil, c.noList(args[0])
	}
	return func(s string) bool {
		_, in := set[s]
		return in
	}, nil
}

func (c *Compiler) noList(name string) error {
	var known []string
	for n := range c.lists {
		known = append(known, n)
	}
	slices.Sort(known)
	return &badArgument{0, fmt.Sprintf("there is no list %s", name), meant(Nearest(name, known))}
}

func buildCIDR(_ *Compiler, args []string) (func(string) bool, error) {
	var nets []netip.Prefix
	for i, a := range args {
		p, err := network(a)
		if err != nil {
			return nil, &badArgument{i, fmt.Sprintf("%s is no network", a), `write "10.0.0.0/8" or one address`}
		}
		nets = append(nets, p)
	}
	return inNetworks(nets), nil
}

func buildCIDRList(c *Compiler, args []string) (func(string) bool, error) {
	set, ok := c.lists[args[0]]
	if !ok {
		return nil, c.noList(args[0])
	}
	var nets []netip.Prefix
	for a := range set {
		p, err := network(a)
		if err != nil {
			return nil, &badArgument{0, fmt.Sprintf("the list %s holds %q, which is no network", args[0], a), ""}
		}
		nets = append(nets, p)
	}
	return inNetworks(nets), nil
}

// network reads a prefix, or an address as the network of itself.
func network(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap().Prefix(a.Unmap().BitLen())
	}
	return netip.ParsePrefix(s)
}

func inNetworks(nets []netip.Prefix) func(string) bool {
	return func(s string) bool {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return false
		}
		a = a.Unmap().WithZone("")
		for _, n := range nets {
			if n.Contains(a) {
				return true
			}
		}
		return false
	}
}

func buildPrivate(*Compiler, []string) (func(string) bool, error) {
	return func(s string) bool {
		a, err := netip.ParseAddr(s)
		a = a.Unmap()
		return err == nil && (a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsLoopback())
	}, nil
}

func buildLoopback(*Compiler, []string) (func(string) bool, error) {
	return func(s string) bool {
		a, err := netip.ParseAddr(s)
		return err == nil && a.Unmap().IsLoopback()
	}, nil
}

func buildUnder(_ *Compiler, args []string) (func(string) bool, error) {
	var dirs []string
	for i, a := range args {
		if !path.IsAbs(a) {
			return nil, &badArgument{i, fmt.Sprintf("%q is no absolute path", a), ""}
		}
		dirs = append(dirs, strings.TrimSuffix(path.Clean(a), "/"))
	}
	return func(s string) bool {
		for _, d := range dirs {
			if rest, ok := strings.CutPrefix(s, d); ok && (rest == "" || rest[0] == '/') {
				// A path with .. may lead anywhere; it is judged where it leads.
				return !strings.Contains(rest, "/..") || below(path.Clean(s), dirs)
			}
		}
		return strings.Contains(s, "/..") && below(path.Clean(s), dirs)
	}, nil
}

func below(s string, dirs []string) bool {
	for _, d := range dirs {
		if rest, ok := strings.CutPrefix(s, d); ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
}

func buildGlob(_ *Compiler, args []string) (func(string) bool, error) {
	var all []func(string) bool
	for i, a := range args {
		g, err := Glob(a)
		if err != nil {
			return nil, &badArgument{i, err.Error(), ""}
		}
		all = append(all, g)
	}
	return func(s string) bool {
		for _, g := range all {
			if g(s) {
				return true
			}
		}
		return false
	}, nil
}

func buildImageAllowed(c *Compiler, _ []string) (func(string) bool, error) {
	if f := c.opts.ImageAllowed; f != nil {
		return f, nil
	}
	return func(string) bool { return true }, nil
}

func baseName(s string) string {
	if s == "" {
		return ""
	}
	return path.Base(s)
}

func dirName(s string) string {
	if s == "" {
		return ""
	}
	return path.Dir(s)
}

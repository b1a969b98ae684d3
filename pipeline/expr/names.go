package expr

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/types"

	"tallyman/pipeline/schema"
)

var (
	stringType   = reflect.TypeFor[string]()
	boolType     = reflect.TypeFor[bool]()
	intType      = reflect.TypeFor[int]()
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
)

// names is the schema as expressions see it: a tree of groups with fields at
// its ends.
type names struct {
	fields map[string]schema.Key // dotted name -> field
	groups map[string][]string   // dotted name, "" for the top -> what stands below it
	env    types.Map
}

func newNames() *names {
	n := &names{fields: map[string]schema.Key{}, groups: map[string][]string{}, env: types.Map{}}
	for _, k := range schema.Keys() {
		// In an expression @ begins no name.
		name := strings.TrimPrefix(k.String(), "@")
		n.fields[name] = k
		n.place(name, types.TypeOf(zero(k)))
	}
	return n
}

// place puts a field into the tree of groups and into the types.
func (n *names) place(name string, t types.Type) {
	at, path := n.env, ""
	for {
		head, rest, more := strings.Cut(name, ".")
		if !slices.Contains(n.groups[path], head) {
			n.groups[path] = append(n.groups[path], head)
		}
		if !more {
			at[head] = t
			return
		}
		below, ok := at[head].(types.Map)
		if !ok {
			below = types.Map{}
			at[head] = below
		}
		at, path, name = below, join(path, head), rest
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// nearest returns the dotted name that was probably meant by path, or "". The
// first name that is wrong is corrected within its group; what follows it stays
// where that makes a field.
func (n *names) nearest(path string) string {
	group, rest := "", path
	for {
		head, tail, more := strings.Cut(rest, ".")
		if _, ok := n.groups[join(group, head)]; ok && more {
			group, rest = join(group, head), tail
			continue
		}
		best := Nearest(head, n.groups[group])
		if best == "" || best == head {
			break
		}
		best = join(group, best)
		if _, ok := n.groups[best]; !ok || !more {
			return best
		}
		if _, ok := n.fields[join(best, tail)]; ok {
			return join(best, tail)
		}
		return n.nearest(join(best, tail))
	}
	return n.elsewhere(path)
}

// elsewhere looks for a name that path is like as a whole.
func (n *names) elsewhere(path string) string {
	all := make([]string, 0, len(n.fields))
	for name := range n.fields {
		all = append(all, name)
	}
	slices.Sort(all)
	// The same names within another group are most often what was meant.
	for _, name := range all {
		if strings.HasSuffix(name, "."+path) {
			return name
		}
	}
	return Nearest(path, all)
}

// zero is what an absent field reads as; its type is the field's type.
func zero(k schema.Key) any {
	in := k.Info()
	switch in.Type {
	case schema.Long:
		if in.Many {
			return []int(nil)
		}
		return 0
	case schema.Float:
		return 0.0
	case schema.Boolean:
		return false
	case schema.Date:
		return time.Time{}
	case schema.Object, schema.Flattened:
		if in.Many {
			return []map[string]string(nil)
		}
		return map[string]string(nil)
	}
	if in.Many {
		return []string(nil)
	}
	return ""
}

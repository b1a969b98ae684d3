package json

import (
	mathbits "math/bits"
	"slices"
	"strings"

	"tallyman/pipeline/schema"
)

// plan is the order in which fields are written, and every byte of it that does
// not depend on the event. It is made once and never changed.
type plan struct {
	leaves  []leaf
	objects []string // `"process":{` by number
	top     []span   // by leaf: those below the same top-level name
	rank    []int16  // by schema.Key: its place in leaves; 0 for None, which no event has
	many    []bool   // by schema.Key: its values are always a list
	keep    bits     // the leaves that stay while others can go
	least   bits     // those of them that stay in any case
}

// span is a row of leaves.
type span struct{ first, last int }

// form says how the values of a field are written.
type form uint8

const (
	formOne     form = iota // the value, or a list where the key repeats all the same
	formMany                // always a list
	formMap                 // an object of texts
	formObjects             // a list of objects
)

// leaf is one field of the schema.
type leaf struct {
	key    schema.Key
	name   string  // `"pid":`, or when dotted `"process.pid":`, of a map `"labels.`
	path   []int32 // the objects that it stands in, outermost first
	form   form
	native bool // numbers and booleans are written as such, not as texts
	dotted bool // the members of a map are written beside it, not inside
}

// node is a name of the schema on the way to its leaves.
type node struct {
	name string
	key  schema.Key // None for an object
	kids []*node
}

// first are the top-level names that stand before all others (SCHEMA.md
// section 11).
var first = []string{"@timestamp", "message", "ecs", "event", "host"}

func newPlan(dotted bool) *plan {
	root := tree()
	slices.SortStableFunc(root.kids, func(a, b *node) int {
		i, j := slices.Index(first, a.name), slices.Index(first, b.name)
		switch {
		case i >= 0 && j >= 0:
			return i - j
		case i >= 0:
			return -1
		case j >= 0:
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
	keys := schema.Keys()
	p := &plan{rank: make([]int16, int(keys[len(keys)-1])+1), many: make([]bool, int(keys[len(keys)-1])+1)}
	for _, kid := range root.kids {
		from := len(p.leaves)
		p.walk(&node{kids: []*node{kid}}, nil, dotted)
		for range p.leaves[from:] {
			p.top = append(p.top, span{from, len(p.leaves) - 1})
		}
	}
	for rank := range p.leaves {
		k := p.leaves[rank].key
		if kept(k) {
			p.keep.set(rank)
		}
		switch k {
		case schema.Timestamp, schema.EventID, schema.RuleID, schema.Tags:
			p.least.set(rank)
		}
	}
	return p
}

// tree orders the names of the schema by their parts, each level in the order of
// the reference.
func tree() *node {
	root := &node{}
	for _, k := range schema.Keys() {
		at := root
		for part := range strings.SplitSeq(k.String(), ".") {
			i := slices.IndexFunc(at.kids, func(n *node) bool { return n.name == part })
			if i < 0 {
				i = len(at.kids)
				at.kids = append(at.kids, &node{name: part})
			}
			at = at.kids[i]
		}
		at.key = k
	}
	return root
}

func (p *plan) walk(n *node, path []int32, dotted bool) {
	for _, kid := range n.kids {
		if kid.key != schema.None {
			p.rank[kid.key] = int16(len(p.leaves))
			p.leaves = append(p.leaves, newLeaf(kid, path, dotted))
			p.many[kid.key] = p.leaves[len(p.leaves)-1].form == formMany
			continue
		}
		at := path
		if !dotted {
			at = append(slices.Clone(path), int32(len(p.objects)))
			p.objects = append(p.objects, `"`+kid.name+`":{`)
		}
		p.walk(kid, at, dotted)
	}
}

func newLeaf(n *node, path []int32, dotted bool) leaf {
	info := n.key.Info()
	name := n.name
	if dotted {
		name = info.Name
	}
	l := leaf{key: n.key, name: `"` + name + `":`, path: path}
	switch {
	case info.Type.IsMap() && info.Many:
		l.form, l.native = formObjects, true
	case info.Type.IsMap():
		if l.form, l.dotted = formMap, dotted; dotted {
			l.name = `"` + name + `.`
		}
	case info.Many:
		l.form = formMany
	}
	switch info.Type {
	case schema.Long, schema.Float, schema.Boolean:
		l.native = true
	}
	return l
}

// bits is a set of leaves.
type bits [words]uint64

// words is room for 512 fields; a test holds the schema against it.
const words = 8

func (b *bits) set(i int)      { b[i>>6] |= 1 << (i & 63) }
func (b *bits) clear(i int)    { b[i>>6] &^= 1 << (i & 63) }
func (b *bits) has(i int) bool { return b[i>>6]&(1<<(i&63)) != 0 }

// meets reports whether two sets have a member in common.
func (b *bits) meets(o *bits) bool {
	for i := range b {
		if b[i]&o[i] != 0 {
			return true
		}
	}
	return false
}

// next returns the smallest member above i, -1 for none.
func (b *bits) next(i int) int {
	i++
	for w := i >> 6; w < words; w, i = w+1, (w+1)<<6 {
		if rest := b[w] >> (i & 63); rest != 0 {
			return i + mathbits.TrailingZeros64(rest)
		}
	}
	return -1
}

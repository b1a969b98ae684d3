// Package jsontree keeps one JSON text (RFC 8259) as a tree in memory that is
// used again and again, for readers that want members in another order than they
// stand in, and want to know at the end which of them nobody took. Strings
// without escapes are views of the text. It knows nothing of what the text means.
package jsontree

import (
	"strconv"

	"tallyman/pipeline/jsonscan"
)

const (
	// MaxNodes is how many values one text may have; what has more is not built.
	MaxNodes = 1 << 20
	// maxDepth is how deep values may be nested.
	maxDepth = 128
	// keptNodes is how many nodes keep their memory for the next text.
	keptNodes = 1 << 12
)

// Doc is the tree of one text. The zero Doc is ready; it belongs to one
// goroutine, and Parse ends the life of all nodes of the text before.
type Doc struct {
	nodes []node
	s     jsonscan.Scanner
	depth int
	full  bool
	path  []byte
}

type node struct {
	name  string // of a member
	text  string // a string as it reads, any other scalar as it stands; of a container the JSON text
	kind  byte   // '{', '[', '"', '0', 't', 'f' or 'n'
	taken bool
	child int32 // the first, 0 for none
	next  int32 // the next of the same container, 0 for none
}

// Node is one value. The zero Node is none: everything it gives is empty.
type Node struct {
	d *Doc
	i int32
}

// Parse builds the tree of a text and reports whether it is JSON, and bounded.
func (d *Doc) Parse(text string) (Node, bool) {
	if cap(d.nodes) > keptNodes {
		d.nodes = nil
	}
	clear(d.nodes)
	d.nodes = append(d.nodes[:0], node{}) // 0 is none
	d.s, d.depth, d.full = jsonscan.New(text), 0, false
	root := d.value("")
	if !d.s.Done() || d.full {
		return Node{}, false
	}
	return Node{d, root}, true
}

// value builds what comes next, and returns its place.
func (d *Doc) value(name string) int32 {
	at := int32(len(d.nodes))
	if len(d.nodes) >= MaxNodes || d.depth >= maxDepth {
		d.full = true
		d.s.Skip()
		return 0
	}
	d.nodes = append(d.nodes, node{name: name, kind: d.s.Peek()})
	from, last := d.s.At(), int32(0)
	d.depth++
	switch d.nodes[at].kind {
	case '{':
		d.s.Object(func(name string) { last = d.join(at, last, d.value(name)) })
		d.nodes[at].text = d.s.Since(from)
	case '[':
		d.s.Array(func() { last = d.join(at, last, d.value("")) })
		d.nodes[at].text = d.s.Since(from)
	case '"':
		d.nodes[at].text = d.s.Text()
	case 't', 'f', 'n':
		d.nodes[at].text = d.s.Raw()
	default:
		d.nodes[at].kind, d.nodes[at].text = '0', d.s.Raw()
	}
	d.depth--
	return at
}

func (d *Doc) join(parent, last, child int32) int32 {
	if last == 0 {
		d.nodes[parent].child = child
	} else {
		d.nodes[last].next = child
	}
	return child
}

func (n Node) at() *node {
	if n.i == 0 {
		return &node{}
	}
	return &n.d.nodes[n.i]
}

// Is reports whether the value is there and no null.
func (n Node) Is() bool { return n.i != 0 && n.at().kind != 'n' }

// IsObject reports whether the value is an object.
func (n Node) IsObject() bool { return n.i != 0 && n.at().kind == '{' }

// IsArray reports whether the value is an array.
func (n Node) IsArray() bool { return n.i != 0 && n.at().kind == '[' }

// IsString reports whether the value is a string.
func (n Node) IsString() bool { return n.i != 0 && n.at().kind == '"' }

// Get follows names from object to object. Of a name that stands twice the first
// counts, and the second stays untaken.
func (n Node) Get(names ...string) Node {
	for _, name := range names {
		if !n.IsObject() {
			return Node{}
		}
		i := n.at().child
		for i != 0 && n.d.nodes[i].name != name {
			i = n.d.nodes[i].next
		}
		n.i = i
	}
	return n
}

// Any returns the first of names that an object has with a value other than null.
func (n Node) Any(names ...string) Node {
	for _, name := range names {
		if m := n.Get(name); m.Is() {
			return m
		}
	}
	return Node{}
}

// Each calls fn with each item of an array or member of an object.
func (n Node) Each(fn func(name string, n Node)) {
	if n.i == 0 {
		return
	}
	for i := n.at().child; i != 0; i = n.d.nodes[i].next {
		fn(n.d.nodes[i].name, Node{n.d, i})
	}
}

// Len is how many items or members the value has.
func (n Node) Len() (count int) {
	if n.i != 0 {
		for i := n.at().child; i != 0; i = n.d.nodes[i].next {
			count++
		}
	}
	return count
}

// Str takes a string; "" is any other value.
func (n Node) Str() string {
	if !n.IsString() {
		return ""
	}
	n.at().taken = true
	return n.at().text
}

// Text takes a scalar as text: a string as it reads, a number or a boolean as it
// stands. "" is null and what is no scalar.
func (n Node) Text() string {
	if n.i == 0 || n.at().child != 0 || n.at().kind == '{' || n.at().kind == '[' || n.at().kind == 'n' {
		return ""
	}
	n.at().taken = true
	return n.at().text
}

// Int takes a whole number of 64 bits, also one that is written as a string.
func (n Node) Int() (int64, bool) {
	if n.i == 0 || n.at().kind != '0' && n.at().kind != '"' {
		return 0, false
	}
	v, err := strconv.ParseInt(n.at().text, 10, 64)
	n.at().taken = n.at().taken || err == nil
	return v, err == nil
}

// Float takes a number, also one that is written as a string.
func (n Node) Float() (float64, bool) {
	if n.i == 0 || n.at().kind != '0' && n.at().kind != '"' {
		return 0, false
	}
	v, err := strconv.ParseFloat(n.at().text, 64)
	ok := err == nil && v-v == 0 // neither infinite nor no number
	n.at().taken = n.at().taken || ok
	return v, ok
}

// Bool takes a boolean.
func (n Node) Bool() (v, ok bool) {
	if n.i == 0 || n.at().kind != 't' && n.at().kind != 'f' {
		return false, false
	}
	n.at().taken = true
	return n.at().kind == 't', true
}

// JSON returns the value as JSON text; a string as it reads.
func (n Node) JSON() string { return n.at().text }

// Skip takes the value and all that is in it, whatever it is.
func (n Node) Skip() {
	if n.i == 0 {
		return
	}
	n.at().taken = true
	n.Each(func(_ string, m Node) { m.Skip() })
}

// Left reports whether there is a value that nobody took, in this one or below
// it. Null, the empty string, {} and [] say nothing, and are never left.
func (n Node) Left() bool {
	if n.i == 0 || n.at().taken && n.at().child == 0 {
		return false
	}
	if n.at().kind != '{' && n.at().kind != '[' {
		return n.at().kind != 'n' && n.at().text != ""
	}
	for i := n.at().child; i != 0; i = n.d.nodes[i].next {
		if (Node{n.d, i}).Left() {
			return true
		}
	}
	return false
}

// Rest calls fn with each scalar below n that is left, and its path: names and
// places of items, from n on, with dots between. It takes them.
func (n Node) Rest(fn func(path string, n Node)) {
	if n.i != 0 {
		n.d.path = n.d.path[:0]
		n.rest("", fn)
	}
}

// rest goes on below n. Name is its path where that is one name alone, which needs
// no copy; most lines of programs have no other.
func (n Node) rest(name string, fn func(path string, n Node)) {
	if n.at().kind != '{' && n.at().kind != '[' {
		if n.Left() {
			n.at().taken = true
			if name == "" {
				name = string(n.d.path)
			}
			fn(name, n)
		}
		return
	}
	item, list := 0, n.at().kind == '['
	before := len(n.d.path)
	n.Each(func(name string, m Node) {
		if before > 0 {
			n.d.path = append(n.d.path, '.')
		}
		alone := ""
		if before == 0 && !list {
			alone = name
		}
		if list {
			n.d.path = strconv.AppendInt(n.d.path, int64(item), 10)
			item++
		} else {
			n.d.path = append(n.d.path, name...)
		}
		m.rest(alone, fn)
		n.d.path = n.d.path[:before]
	})
}

package ocsf

import (
	"math"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// node is an attribute: one value, or an object with kids.
type node struct {
	name  string // `"pid":`
	path  string // in the table: "process.pid"
	list  bool   // an object that stands in a list of its own
	kids  []node
	need  uint64 // of an object: the kids of which it must have one
	fixed bool   // its value tells nothing of the event
	as    schema.OCSFType
	from  []schema.Key
	calc  computation
}

// A computation appends the value of an attribute, or nothing.
type computation func(c *Encoder, dst []byte, n *node) []byte

// needs says of which attributes an object must have one (the requirements and
// constraints of OCSF), by the name that it has in its parent. Of others it is any
// attribute that tells something.
func needs(name string) []string {
	switch name {
	case "process", "parent_process":
		return []string{"pid", "uid"}
	case "user", "group", "service", "app", "resources", "owner":
		return []string{"name", "uid"}
	case "container":
		return []string{"uid", "name"}
	case "src_endpoint", "dst_endpoint":
		return []string{"ip", "hostname", "name"}
	case "file", "file_result", "os", "kernel", "job":
		return []string{"name"}
	case "image", "finding_info", "request":
		return []string{"uid"}
	case "url":
		return []string{"url_string", "path"}
	case "driver":
		return []string{"file"}
	case "script":
		return []string{"script_content"}
	case "api":
		return []string{"operation"}
	case "analytic":
		return []string{"name", "uid"}
	}
	return nil
}

// rows returns the attributes of an object of the table as nodes, its objects
// nested.
func rows(object string) []node {
	root := node{}
	for _, a := range schema.OCSF() {
		path, ok := strings.CutPrefix(a.Path, object+".")
		if !ok {
			continue
		}
		at := &root
		for {
			name, rest, more := strings.Cut(path, ".")
			if !more {
				at.kids = append(at.kids, leaf(name, a))
				break
			}
			at, path = at.child(name), rest
		}
	}
	root.settle("")
	return root.kids
}

func leaf(name string, a schema.OCSFAttribute) node {
	n := node{name: `"` + name + `":`, path: a.Path, as: a.As, from: a.From}
	if a.As == schema.OCSFComputed {
		n.calc = computations(a.Path)
		switch name {
		case "type", "type_id", "run_state_id", "created_time", "data_sources":
			n.fixed = true
		}
	}
	return n
}

// child returns the kid that is the object of a name.
func (n *node) child(name string) *node {
	quoted := `"` + name + `":`
	for i := range n.kids {
		if n.kids[i].name == quoted {
			return &n.kids[i]
		}
	}
	n.kids = append(n.kids, node{name: quoted})
	return &n.kids[len(n.kids)-1]
}

// settle says what an object and those in it need.
func (n *node) settle(name string) {
	if n.kids == nil {
		return
	}
	n.need = 0
	wanted := needs(name)
	for i := range n.kids {
		kid := strings.Trim(n.kids[i].name, `":`)
		n.kids[i].settle(kid)
		for _, w := range wanted {
			if w == kid {
				n.need |= 1 << i
			}
		}
		if wanted == nil && !n.kids[i].fixed {
			n.need |= 1 << i
		}
	}
}

// object returns an object of the table under a name of its own, with the
// objects that it always has.
func object(name, kind string) node {
	n := node{name: `"` + name + `":`}
	switch kind {
	case "actor":
		n.kids = append([]node{object("process", "process")}, rows("actor")...)
	case "launcher":
		n.kids = append([]node{object("process", "parent")}, rows("actor")...)
	case "process":
		n.kids = append(rows("process"), object("parent_process", "parent"), object("container", "container"))
	case "host":
		n.kids = append(rows("device"), object("container", "container"))
	case "evidence":
		n.kids = []node{object("process", "process"), object("actor", "actor"), object("file", "file"), object("src_endpoint", "src_endpoint"),
			object("dst_endpoint", "dst_endpoint"), object("container", "container")}
	default:
		n.kids = rows(kind)
	}
	n.settle(name)
	return n
}

// node appends an attribute with its name, or nothing where it has no value.
func (c *Encoder) node(dst []byte, n *node) []byte {
	start := len(dst)
	if start > 0 && dst[start-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(dst, n.name...)
	at := len(dst)
	switch {
	case n.kids != nil:
		dst = c.kids(dst, n)
	case n.calc != nil:
		dst = n.calc(c, dst, n)
	default:
		dst = c.leaf(dst, n)
	}
	if len(dst) == at {
		return dst[:start]
	}
	return dst
}

// kids appends an object, or nothing where it lacks what it needs.
func (c *Encoder) kids(dst []byte, n *node) []byte {
	start, took, esc, outer := len(dst), len(c.took), len(c.esc), c.filled
	c.filled = false
	if n.list {
		dst = append(dst, '[')
	}
	dst = append(dst, '{')
	var have uint64
	for i := range n.kids {
		at := len(dst)
		if dst = c.node(dst, &n.kids[i]); len(dst) > at && !n.kids[i].fixed {
			have |= 1 << i
			c.filled = true
		}
	}
	c.filled = outer
	if have&n.need == 0 {
		c.forget(took, esc)
		return dst[:start]
	}
	if dst = append(dst, '}'); n.list {
		dst = append(dst, ']')
	}
	return dst
}

// leaf appends the value of the first field that is there.
func (c *Encoder) leaf(dst []byte, n *node) []byte {
	if n.as == schema.OCSFPairs {
		return c.pairs(dst, n.from[0])
	}
	k, v := c.First(n.from)
	if k == schema.None {
		return dst
	}
	switch n.as {
	case schema.OCSFTexts:
		return c.list(dst, k)
	case schema.OCSFInteger:
		return c.integer(dst, k, v)
	case schema.OCSFPort:
		if n, _ := v.Int64(); n > math.MaxUint16 {
			return dst
		}
		return c.integer(dst, k, v)
	case schema.OCSFMillis:
		if v.Kind() != event.KindTime {
			return dst
		}
		c.mark(k, firstTaken)
		return appendMillis(dst, v.Instant())
	}
	c.mark(k, firstTaken)
	return c.valueText(dst, k, v)
}

package json

import (
	"cmp"
	"slices"
	"strings"

	"tallyman/pipeline/event"
)

// member is one named value of a map.
type member struct {
	index int // of the object in a list of objects, else 0
	name  string
	val   event.Value
}

// few is how many members are compared each with each to find a name that
// stands twice; more are sorted by name first, so that no sender can make the
// work grow with the square of what it sent.
const few = 24

// unindexed is the object of members whose name does not begin with a number.
const unindexed = 1 << 30

// members appends a map, or a list of objects.
func (c *Encoder) members(dst []byte, l *leaf, rank int, esc bool) []byte {
	c.mem = c.mem[:0]
	sorted := true
	for n := c.at[rank].first; n >= 0; n = c.list[n].next {
		f := c.list[n].field
		m := member{name: f.Name(), val: f.Value()}
		if l.form == formObjects {
			m.index, m.name = split(f.Name())
			sorted = sorted && (len(c.mem) == 0 || c.mem[len(c.mem)-1].index <= m.index)
		}
		c.mem = append(c.mem, m)
	}
	if !sorted {
		slices.SortStableFunc(c.mem, func(a, b member) int { return cmp.Compare(a.index, b.index) })
	}
	switch {
	case l.form == formObjects:
		dst = c.objects(append(append(dst, l.name...), '['), c.mem, esc)
		dst = append(dst, ']')
	case l.dotted:
		dst = c.pairs(dst, c.mem, l.name, false, esc)
	default:
		dst = c.pairs(append(append(dst, l.name...), '{'), c.mem, `"`, false, esc)
		dst = append(dst, '}')
	}
	clear(c.mem)
	return dst
}

// objects appends one object for each index.
func (c *Encoder) objects(dst []byte, list []member, esc bool) []byte {
	for at := 0; at < len(list); {
		end := at + 1
		for end < len(list) && list[end].index == list[at].index {
			end++
		}
		if at > 0 {
			dst = append(dst, ',')
		}
		dst = append(c.pairs(append(dst, '{'), list[at:end], `"`, true, esc), '}')
		at = end
	}
	return dst
}

// pairs appends names and values; a name that stands more than once has a list.
// open is what stands before a name.
func (c *Encoder) pairs(dst []byte, list []member, open string, native, esc bool) []byte {
	wide := len(list) > few
	if wide {
		slices.SortStableFunc(list, func(a, b member) int { return strings.Compare(a.name, b.name) })
	}
	for i := range list {
		if wide && i > 0 && list[i-1].name == list[i].name || !wide && holds(list[:i], list[i].name) {
			continue // it was written with the first of its name
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, open...)
		dst = append(c.inner(dst, list[i].name, esc), '"', ':')
		dst = c.values(dst, list[i:], wide, native, esc)
	}
	return dst
}

// values appends the value of the first of list, or the list of the values of
// all that have its name.
func (c *Encoder) values(dst []byte, list []member, wide, native, esc bool) []byte {
	rest := list[1:]
	if wide {
		n := 0
		for n < len(rest) && rest[n].name == list[0].name {
			n++
		}
		rest = rest[:n]
	}
	if !holds(rest, list[0].name) {
		return c.value(dst, list[0].val, native, esc)
	}
	dst = c.value(append(dst, '['), list[0].val, native, esc)
	for i := range rest {
		if rest[i].name == list[0].name {
			dst = c.value(append(dst, ','), rest[i].val, native, esc)
		}
	}
	return append(dst, ']')
}

func holds(list []member, name string) bool {
	for i := range list {
		if list[i].name == name {
			return true
		}
	}
	return false
}

// split parts "<index>.<member>". A name of another form belongs to an object of
// its own, after all others.
func split(name string) (index int, member string) {
	at := strings.IndexByte(name, '.')
	if at < 1 || at > 9 {
		return unindexed, name
	}
	for _, c := range []byte(name[:at]) {
		if c < '0' || c > '9' {
			return unindexed, name
		}
		index = index*10 + int(c-'0')
	}
	return index, name[at+1:]
}

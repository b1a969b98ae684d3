// Package schema is the published event schema as one table: every field that
// an event may carry, with its name, type and meaning. It imports only the
// standard library and knows nothing of events, formats or rules; they are
// driven by it.
//
// Names are those of the Elastic Common Schema (ECS 9.4); fields that ECS does
// not have are marked Custom.
package schema

import "sort"

// Key identifies a field of the schema. The zero Key is None.
// The numbers are those of this build and are never written to disk: what
// leaves the process carries the field's name.
type Key uint16

// Type is the type of a field as Elasticsearch names it.
type Type uint8

// The field types of the schema.
const (
	Keyword   Type = iota + 1 // an exact string
	Text                      // a string for people
	Wildcard                  // an exact string that may be long
	Date                      // an instant, UTC, nanoseconds
	Long                      // a signed 64-bit integer
	Float                     // a 64-bit float
	Boolean                   // true or false
	IP                        // an IPv4 or IPv6 address
	Object                    // a flat map of strings
	Flattened                 // a flat map of strings whose keys the source chooses
)

var typeNames = [...]string{"", "keyword", "text", "wildcard", "date", "long", "float", "boolean", "ip", "object", "flattened"}

// String returns the name of the type, or "" for a number that is none.
func (t Type) String() string {
	if int(t) >= len(typeNames) {
		return ""
	}
	return typeNames[t]
}

// IsMap reports whether a field of this type holds named values, each of which
// is a field of its own in an event.
func (t Type) IsMap() bool { return t == Object || t == Flattened }

// Info describes one field.
type Info struct {
	Name    string // dotted name, as in "container.image.name"
	Type    Type
	Many    bool   // an array: the key may repeat in an event
	Custom  bool   // not a field of ECS
	Example string // one value, "" when the name says enough
	Text    string // what the field means, "" when the name says enough
}

// Info returns the description of k; the zero Info for None and for a number
// that is no field.
func (k Key) Info() Info {
	if k >= count {
		return Info{}
	}
	return table[k]
}

// String returns the dotted name of k, "" for None.
func (k Key) String() string { return k.Info().Name }

// Keys returns every field of the schema in the order of the reference.
func Keys() []Key {
	out := make([]Key, 0, count-1)
	for k := None + 1; k < count; k++ {
		out = append(out, k)
	}
	return out
}

// Names maps dotted names to keys. Build it once with NewNames.
type Names struct {
	sorted []Key
}

// NewNames returns the look-up from a dotted name to its key.
func NewNames() *Names {
	n := &Names{sorted: Keys()}
	sort.Slice(n.sorted, func(i, j int) bool { return n.sorted[i].String() < n.sorted[j].String() })
	return n
}

// Find returns the key of a dotted name and whether the schema has it.
func (n *Names) Find(name string) (Key, bool) {
	i := sort.Search(len(n.sorted), func(i int) bool { return n.sorted[i].String() >= name })
	if i < len(n.sorted) && n.sorted[i].String() == name {
		return n.sorted[i], true
	}
	return None, false
}

package ocsf

import (
	"tallyman/outputs/format/view"
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// attacks lists what a rule says of MITRE ATT&CK. A technique stands with its
// tactic where there is but one; which of several it is of, nobody says.
func attacks(c *Encoder, dst []byte, n *node) []byte {
	start := len(dst)
	for _, k := range n.from {
		c.mark(k, allTaken)
	}
	tactics := c.many(schema.ThreatTacticID, schema.ThreatTacticName)
	techniques := c.many(schema.ThreatTechniqueID, schema.ThreatTechniqueName)
	one := func(name string, id, title schema.Key, i int) {
		dst = append(append(append(dst, '"'), name...), `":`...)
		dst = c.named(dst, id, title, i)
	}
	open := func() {
		if len(dst) == start {
			dst = append(dst, '[')
		} else {
			dst = append(dst, ',')
		}
		dst = append(dst, '{')
	}
	together := tactics == 1 && techniques > 0
	for i := 0; i < tactics && !together; i++ {
		open()
		one("tactic", schema.ThreatTacticID, schema.ThreatTacticName, i)
		dst = append(dst, '}')
	}
	for i := range techniques {
		open()
		if together {
			one("tactic", schema.ThreatTacticID, schema.ThreatTacticName, 0)
			dst = append(dst, ',')
		}
		one("technique", schema.ThreatTechniqueID, schema.ThreatTechniqueName, i)
		dst = append(dst, '}')
	}
	for i := range c.many(schema.ThreatTechniqueSubtechniqueID, schema.ThreatTechniqueSubtechniqueName) {
		open()
		one("sub_technique", schema.ThreatTechniqueSubtechniqueID, schema.ThreatTechniqueSubtechniqueName, i)
		dst = append(dst, '}')
	}
	if len(dst) > start {
		dst = append(dst, ']')
	}
	return dst
}

// many is how many there are of what has an id and a name; few while texts are
// cut.
func (c *Encoder) many(id, name schema.Key) int {
	n := max(c.countOf(id), c.countOf(name))
	if c.level >= noRest {
		n = min(n, most)
	}
	return n
}

func (c *Encoder) countOf(k schema.Key) (n int) {
	for v := range c.Fields(k).All(k) {
		if !view.Empty(v) {
			n++
		}
	}
	return n
}

// named appends the ith id and name as an object.
func (c *Encoder) named(dst []byte, id, name schema.Key, i int) []byte {
	dst = append(dst, '{')
	if v := nth(c.Fields(id), id, i); !v.IsZero() {
		dst = c.valueText(append(dst, `"uid":`...), id, v)
	}
	if v := nth(c.Fields(name), name, i); !v.IsZero() {
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = c.valueText(append(dst, `"name":`...), name, v)
	}
	return append(dst, '}')
}

// nth returns the ith value of k.
func nth(fields event.Fields, k schema.Key, i int) event.Value {
	for j := range fields {
		if fields[j].Key == k && !view.Empty(fields[j].Value()) {
			if i--; i < 0 {
				return fields[j].Value()
			}
		}
	}
	return event.Value{}
}

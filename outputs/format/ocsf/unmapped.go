package ocsf

import (
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// unmapped appends what no object took, by the names of ECS; nothing where all was
// taken. What the encoder wrote with the escape of rule 6 is said there too.
func (c *Encoder) unmapped(dst []byte) []byte {
	c.size = 0
	if c.level >= noRest {
		return dst
	}
	for _, t := range c.took {
		c.used[t.key] = max(c.used[t.key], t.use)
	}
	rest := c.rest.Fields[:0]
	e := c.Event
	for i := range e.Fields {
		if f := &e.Fields[i]; c.left(f, c.count) {
			rest = append(rest, *f)
		}
	}
	for i := range e.Shared {
		f := &e.Shared[i]
		if int(f.Key) >= len(c.count) || c.count[f.Key] > 0 && (f.Name() == "" || !e.Fields.GetNamed(f.Key, f.Name()).IsZero()) {
			continue // the event's own hides it
		}
		if c.left(f, c.shared) {
			rest = append(rest, *f)
		}
	}
	for _, k := range c.esc {
		if k != schema.None {
			rest = append(rest, event.NewField(schema.TallymanEscaped, "", event.String(k.String())))
		}
	}
	if !e.Shared.Get(schema.LogFilePath).IsZero() {
		rest = append(rest, event.NewField(schema.LogOffset, "", event.Int(e.Offset)))
	}
	for _, t := range c.took {
		c.used[t.key] = 0
	}
	c.rest.Fields = rest
	if len(rest) == 0 {
		return dst
	}
	start := len(dst)
	dst = append(dst, `,"unmapped":`...)
	if c.level == someRest {
		dst, _ = c.json.AppendMax(dst, &c.rest, c.room-len(`,"unmapped":`))
	} else {
		dst, _ = c.json.Append(dst, &c.rest)
	}
	clear(c.rest.Fields) // the event's memory is the caller's
	c.size = len(dst) - start
	return dst
}

// left reports whether no object took the value of f. Of several values under
// one key, as count has it, an object that took the first leaves all.
func (c *Encoder) left(f *event.Field, count []int) bool {
	if f.Key == schema.None || int(f.Key) >= len(c.used) || f.IsZero() {
		return false
	}
	switch c.used[f.Key] {
	case allTaken:
		return false
	case firstTaken:
		return count[f.Key] > 1
	}
	return true
}

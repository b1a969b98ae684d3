package json

import (
	"math"
	"strings"
	"unicode/utf8"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// How an event that is too long is shortened. The leaves of yield give way in
// their order, each only as far as is needed and first not below its floor; then
// those that kept does not name go; then the texts that are left are cut.

// shortened is the tag of an event that does not hold everything.
const shortened = "tallyman_shortened"

// yield are the leaves that give way, the first first. floor is how many bytes of
// one stay as long as a later one can give way.
var yield = []struct {
	key   schema.Key
	floor int
}{
	{schema.EventOriginal, 0}, {schema.ProcessArgs, 0}, {schema.ProcessCommandLine, 300}, {schema.ProcessTitle, 0}, {schema.Message, 150},
	{schema.AuditdData, 200}, {schema.ProcessEnvVars, 0}, {schema.Labels, 0}, {schema.ContainerLabels, 0}, {schema.KubernetesLabels, 0},
	{schema.AuditdPaths, 0}, {schema.ProcessParentCommandLine, 0}, {schema.DockerAttributes, 0}, {schema.DockerContainerMounts, 0},
	{schema.KubernetesAuditAnnotations, 0}, {schema.LogSyslogStructuredData, 0}, {schema.JenkinsScript, 0}, {schema.JenkinsBuildParameters, 0},
	{schema.FalcoOutputFields, 0}, {schema.FalcoOutput, 0}, {schema.DockerExecCommand, 100}, {schema.URLOriginal, 100},
	{schema.UserAgentOriginal, 0}, {schema.ErrorMessage, 0},
}

// caps are how long the leaves may be that are left when those have given way.
// The last holds the id of a container.
var caps = [...]int{512, 160, 96}

// kept reports whether a field stays while others can go.
func kept(k schema.Key) bool {
	name := k.String()
	switch k {
	case schema.Timestamp, schema.Tags, schema.ProcessPID, schema.ProcessName, schema.ProcessExecutable, schema.TallymanEscaped:
		return true
	case schema.EventOriginal, schema.ContainerLabels:
		return false
	}
	for _, p := range [...]string{"event.", "host.", "user.", "container.", "rule."} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// least is the room in which nothing of a text would be left that tells
// something: such a leaf goes.
const least = 24

// AppendMax is Append with at most limit bytes. What is too long gives way in the
// order of yield, and the tag tallyman_shortened says so; whatever is left is
// valid JSON. It is longer than limit only where that does not hold even the
// time, the id and the rule.
func (c *Encoder) AppendMax(dst []byte, e *event.Event, limit int) ([]byte, error) {
	start := len(dst)
	dst, _ = c.Append(dst, e)
	if len(dst)-start <= limit {
		return dst, nil
	}
	if c.part != nil {
		part := c.part.cut(e)
		e = &part
	}
	c.gather(e)
	dst = c.object(dst[:start], e)
	if over := len(dst) - start - limit; over > 0 {
		dst = c.fit(dst[:start], e, limit, over)
	}
	clear(c.list) // the event's memory is the caller's
	return dst, nil
}

// Shortened reports whether the last event was longer than its limit.
func (c *Encoder) Shortened() bool { return c.short }

// fit appends the event in at most limit bytes; over is what it has too many.
func (c *Encoder) fit(dst []byte, e *event.Event, limit, over int) []byte {
	start := len(dst)
	c.short = true
	for rank := range c.room {
		c.room[rank] = math.MaxInt
	}
	tags := int(c.plan.rank[schema.Tags])
	if !c.have.has(tags) {
		c.have.set(tags)
		over += len(`"tags":[],`)
	}
	over += len(shortened) + len(`"",`)
	for stage := 0; ; stage++ {
		for i := 0; stage < 2 && i < len(yield) && over > 0; i++ {
			floor := yield[i].floor
			if stage == 1 {
				floor = 0
			}
			over -= c.take(int(c.plan.rank[yield[i].key]), over, floor)
		}
		switch stage {
		case 0, 1:
		case 2:
			c.have.only(&c.plan.keep)
		case 3, 4, 5:
			for rank := c.have.next(-1); rank >= 0; rank = c.have.next(rank) {
				c.room[rank] = min(c.room[rank], caps[stage-3])
			}
		default:
			c.have.only(&c.plan.least)
		}
		dst = c.object(dst[:start], e)
		if over = len(dst) - start - limit; over <= 0 || stage > 5 {
			return dst
		}
	}
}

// take lets a leaf give way by at most over bytes, but not below floor, and
// returns by how much it will be shorter.
func (c *Encoder) take(rank, over, floor int) int {
	size := c.size[rank]
	if !c.have.has(rank) || size <= floor {
		return 0
	}
	room := max(size-over, floor)
	c.room[rank] = room
	if room < least+len(c.plan.leaves[rank].name) {
		c.have.clear(rank)
		room = 0
	}
	c.size[rank] = room
	return size - room
}

// tags appends the list of tags with the one that says that something is missing.
func (c *Encoder) tags(dst []byte, rank int, esc bool) []byte {
	dst = append(dst, '[')
	for n := c.at[rank].first; n >= 0; n = c.list[n].next {
		dst = append(c.text(dst, c.list[n].field.Str(), esc), ',')
	}
	return append(append(append(dst, '"'), shortened...), '"', ']')
}

// shorten appends the name and as much of the value of a leaf as its room holds.
func (c *Encoder) shorten(dst []byte, e *event.Event, l *leaf, rank int) []byte {
	esc := false
	for _, r := range c.esc {
		esc = esc || r == rank
	}
	end := len(dst) + c.room[rank]
	switch {
	case l.form == formMap || l.form == formObjects:
		return c.fewer(dst, l, rank, esc)
	case l.key == schema.TallymanEscaped:
		return c.leaf(dst, e, l, rank) // without it the escape cannot be undone
	}
	dst = append(dst, l.name...)
	first := c.list[c.at[rank].first]
	switch {
	case l.key == schema.Tags:
		return append(append(append(dst, `["`...), shortened...), '"', ']')
	case first.field == nil && l.key == schema.EventOriginal:
		return c.cutText(dst, e.Raw, esc, end)
	case first.field == nil:
		return c.fromHead(dst, e, l.key, esc)
	case l.form != formMany && first.next < 0:
		return c.cutValue(dst, first.field.Value(), l.native, esc, end)
	}
	dst = append(dst, '[')
	for n := c.at[rank].first; n >= 0; n = c.list[n].next {
		if n != c.at[rank].first {
			if end-len(dst) < least {
				break
			}
			dst = append(dst, ',')
		}
		dst = c.cutValue(dst, c.list[n].field.Value(), l.native, esc, end-1)
	}
	return append(dst, ']')
}

// fewer appends a map without its long members and those that stand after its
// room is used up.
func (c *Encoder) fewer(dst []byte, l *leaf, rank int, esc bool) []byte {
	const long = 256
	left := c.room[rank] - len(l.name)
	from, last := c.at[rank].first, int32(-1)
	c.at[rank].first = -1
	for n := from; n >= 0; n = c.list[n].next {
		f := c.list[n].field
		c.buf = c.value(c.inner(c.buf[:0], f.Name(), esc), f.Value(), l.native, esc)
		size := len(c.buf) + len(`{"":},`)
		if l.dotted {
			size += len(l.name)
		}
		if size > long || size > left {
			continue
		}
		left -= size
		if last < 0 {
			c.at[rank].first = n
		} else {
			c.list[last].next = n
		}
		last = n
	}
	if last < 0 { // an object without members here, and none at all in the next pass
		c.have.clear(rank)
		if l.dotted {
			return append(append(dst, l.name[:len(l.name)-1]...), `":{}`...)
		}
		open, shut := byte('{'), byte('}')
		if l.form == formObjects {
			open, shut = '[', ']'
		}
		return append(append(dst, l.name...), open, shut)
	}
	c.list[last].next, c.at[rank].last = -1, last
	return c.members(dst, l, rank, esc)
}

// cutValue appends v; a text only as far as it ends before end.
func (c *Encoder) cutValue(dst []byte, v event.Value, native, esc bool, end int) []byte {
	if v.Kind() != event.KindString {
		return c.value(dst, v, native, esc)
	}
	return c.cutText(dst, v.Str(), esc, end)
}

// cutText appends s as a JSON string that ends at or before end, without
// splitting a character or an escape.
func (c *Encoder) cutText(dst []byte, s string, esc bool, end int) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		_, n := utf8.DecodeRuneInString(s[i:])
		at := len(dst)
		if dst = c.inner(dst, s[i:i+n], esc); len(dst) >= end {
			dst = dst[:at]
			break
		}
		i += n
	}
	return append(dst, '"')
}

// only removes what is not in keep.
func (b *bits) only(keep *bits) {
	for i := range b {
		b[i] &= keep[i]
	}
}

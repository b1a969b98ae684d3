package cef

import (
	"math/bits"
	"slices"
	"strings"

	"tallyman/outputs/format/view"
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// extension appends every pair that has a value.
func (c *Encoder) extension(dst []byte) []byte {
	c.cut, c.marks, c.esc = false, c.marks[:0], c.esc[:0]
	c.size = [givers]int{}
	all, own := c.Seen()
	memo := &c.Shared().Memo
	known := memo.Has &^ own
	for left := all | c.always; left != 0; left &= left - 1 {
		i := bits.TrailingZeros64(left)
		at := len(dst)
		if known>>i&1 != 0 {
			dst = c.again(dst, memo, i)
		} else {
			p := &c.pairs[i]
			if dst = c.pair(dst, p); len(dst) == at {
				continue
			}
			if p.tail.size > 0 {
				dst = p.tail.append(dst)
			}
		}
		c.marks = append(c.marks, at)
	}
	if c.title || len(c.esc) > 0 {
		at := len(dst)
		dst = c.escaped(dst, len(c.marks))
		c.marks = append(c.marks, at)
	}
	if c.cut {
		c.marks = append(c.marks, len(dst))
		dst = c.begin(dst, truncated[:len(truncated)-len("true")])
		dst = append(dst, "true"...)
	}
	return dst
}

// remember writes once what a set of shared fields says by itself, but for what is
// shortened or escaped: that is told of each event.
func (c *Encoder) remember(e *event.Event) {
	c.only = event.Event{Shared: e.Shared}
	c.Load(&c.only)
	memo := &c.Shared().Memo
	memo.Made = true
	c.first, c.room = -1, [...]int{unlimited, unlimited, unlimited}
	for left, _ := c.Seen(); left != 0; left &= left - 1 {
		i := bits.TrailingZeros64(left)
		p, at := &c.pairs[i], len(memo.Text)
		if !p.alone {
			continue
		}
		c.cut, c.esc = false, c.esc[:0]
		text := c.pair(memo.Text, p)
		if c.cut || len(c.esc) > 0 || len(text) == at {
			continue
		}
		memo.Has |= 1 << i
		text = p.tail.append(text)
		memo.Text = text
		memo.Ends = append(memo.Ends, len(memo.Text))
	}
	c.only = event.Event{}
	c.Load(e)
}

// again appends what is known of a shared set for a pair.
func (c *Encoder) again(dst []byte, memo *view.Memo, i int) []byte {
	n, from := bits.OnesCount64(memo.Has&(1<<i-1)), 0
	if n > 0 {
		from = memo.Ends[n-1]
	}
	if len(dst) == c.first {
		from++
	}
	return append(dst, memo.Text[from:memo.Ends[n]]...)
}

// unlimited is more bytes than any text has.
const unlimited = 1 << 40

// pair appends one key and its value, or nothing.
func (c *Encoder) pair(dst []byte, p *pair) []byte {
	if p.how >= received {
		return c.special(dst, p)
	}
	k, v := c.First(p.from)
	switch p.how {
	case first:
		if s := v.Str(); s != "" { // nearly all
			return c.text(dst, p, s)
		}
	case integer:
		return c.number(dst, p, v)
	case port:
		if n, ok := v.Int64(); ok && (n < 0 || n > 65535) {
			return dst
		}
		return c.number(dst, p, v)
	case millis:
		if v.Kind() != event.KindTime {
			return dst
		}
		return event.AppendInt(c.lead(dst, p), v.Instant().UnixMilli())
	case joined:
		if !c.One(k) {
			return c.list(dst, p, k)
		}
	}
	return c.value(dst, p, v)
}

// begin appends what stands before a value: a blank, the key and its equals sign.
func (c *Encoder) begin(dst []byte, lead string) []byte {
	if len(dst) == c.first {
		lead = lead[1:]
	}
	return append(dst, lead...)
}

// lead appends what stands before the value of a pair.
func (c *Encoder) lead(dst []byte, p *pair) []byte {
	if len(dst) == c.first {
		return append(dst, p.lead.wide[1:p.lead.size]...)
	}
	return p.lead.append(dst)
}

// value appends a key and v as text.
func (c *Encoder) value(dst []byte, p *pair, v event.Value) []byte {
	if v.IsZero() {
		return dst
	}
	if s := v.Str(); s != "" || v.Kind() == event.KindString {
		return c.text(dst, p, s)
	}
	return v.Append(c.lead(dst, p)) // numbers and times need no escape
}

// text appends a key and the text s.
func (c *Encoder) text(dst []byte, p *pair, s string) []byte {
	if s == "" {
		return dst
	}
	at := len(dst)
	if len(s) > p.limit || at+pieceSize+len(s) > cap(dst) || p.gives != 0 {
		return c.rare(dst, p, s)
	}
	dst = c.lead(dst, p) // nearly all fit, and nearly all stand for themselves
	from := len(dst)
	if dst = dst[:from+len(s)]; copyClean(dst, from, s) {
		return dst
	}
	return c.rare(dst[:at], p, s)
}

// rare is text for what may have to be escaped, or give way, or needs more memory.
func (c *Encoder) rare(dst []byte, p *pair, s string) []byte {
	room, at := c.room[p.gives], len(dst)
	if len(s) > min(p.limit, room) {
		return c.both(dst, p, s, "", "")
	}
	dst = c.lead(slices.Grow(dst, pieceSize+len(s)), p)
	from := len(dst)
	if dst = dst[:from+len(s)]; copyClean(dst, from, s) {
		c.size[p.gives] = len(s)
		return dst
	}
	if dst, ok := appendPlain(dst[:from], s); ok && len(dst)-from <= room {
		c.size[p.gives] = len(dst) - from
		return dst
	}
	return c.both(dst[:at], p, s, "", "")
}

// both appends a key and the text s, sep, t; sep stands only between two.
func (c *Encoder) both(dst []byte, p *pair, s, sep, t string) []byte {
	if s == "" && t == "" {
		return dst
	}
	room, at := c.room[p.gives], len(dst)
	dst = c.lead(dst, p)
	from := len(dst)
	hex := dirty(s) || dirty(t)
	dst, chars, cut := appendValue(dst, s, hex, p.limit, room)
	if t != "" && !cut {
		if s != "" {
			dst, chars = append(dst, sep...), chars+len(sep)
		}
		dst, _, cut = appendValue(dst, t, hex, p.limit-chars, room)
	}
	c.cut = c.cut || cut
	c.size[p.gives] = len(dst) - from
	if len(dst) == from {
		return dst[:at]
	}
	c.note(p.key, hex)
	return dst
}

// note remembers that the value of the key at hand is escaped.
func (c *Encoder) note(key string, hex bool) {
	if hex {
		c.esc = append(c.esc, esc{key, len(c.marks)})
	}
}

// list appends a key and all values of k.
func (c *Encoder) list(dst []byte, p *pair, k schema.Key) []byte {
	fields := c.Fields(k)
	at, left, hex := len(dst), p.limit, false
	for v := range fields.All(k) {
		hex = hex || dirty(v.Str())
	}
	for i := range fields {
		if fields[i].Key != k || view.Empty(fields[i].Value()) {
			continue
		}
		if len(dst) == at {
			dst = c.lead(dst, p)
		} else if left--; left > 0 {
			dst = append(dst, ',')
		}
		var n int
		var cut bool
		if dst, n, cut = appendValue(dst, view.Text(fields[i].Value()), hex, left, unlimited); cut {
			c.cut = true
			break
		}
		left -= n
	}
	if len(dst) > at {
		c.note(p.key, hex)
	}
	return dst
}

// number appends a key and a whole number. A text counts when it is one.
func (c *Encoder) number(dst []byte, p *pair, v event.Value) []byte {
	switch v.Kind() {
	case event.KindInt, event.KindUint:
		return v.Append(c.lead(dst, p))
	case event.KindString:
		s := v.Str()
		if !whole(s) {
			return dst
		}
		return append(c.lead(dst, p), s...)
	}
	return dst
}

// whole reports whether s is a whole number of at most 18 digits.
func whole(s string) bool {
	s = strings.TrimPrefix(s, "-")
	if s == "" || len(s) > 18 {
		return false
	}
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return false
		}
	}
	return true
}

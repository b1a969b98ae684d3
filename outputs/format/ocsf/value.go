package ocsf

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tallyman/outputs/format/json"
	"tallyman/outputs/format/view"
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// text appends s as a JSON string; k is the field that it is of.
func (c *Encoder) text(dst []byte, k schema.Key, s string) []byte {
	if c.level >= noRest {
		s = cut(s, caps[c.level-noRest])
	}
	if strings.IndexByte(s, '\\') >= 0 && c.spoilt(k) {
		c.note(k)
		return json.AppendEscaped(dst, s)
	}
	dst, escaped := json.AppendText(dst, s)
	if escaped {
		c.note(k)
	}
	return dst
}

func (c *Encoder) note(k schema.Key) {
	if !slices.Contains(c.esc, k) {
		c.esc = append(c.esc, k)
	}
}

// spoilt reports whether a text of a field is no UTF-8. All of them are escaped then:
// who finds the field in tallyman.escaped undoes the escape in each.
func (c *Encoder) spoilt(k schema.Key) bool {
	if c.asked == k {
		return c.answer
	}
	c.asked, c.answer = k, false
	for _, fields := range [...]event.Fields{c.Event.Fields, c.Event.Shared} {
		for i := range fields {
			if f := &fields[i]; f.Key == k && (!utf8.ValidString(f.Str()) || !utf8.ValidString(f.Name())) {
				c.answer = true
				return true
			}
		}
	}
	return false
}

// cut returns at most n bytes of s and splits no character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i := n; i > 0 && i > n-utf8.UTFMax; i-- {
		if utf8.RuneStart(s[i]) {
			return s[:i]
		}
	}
	return s[:n]
}

// valueText appends v as a JSON string, whatever it is.
func (c *Encoder) valueText(dst []byte, k schema.Key, v event.Value) []byte {
	switch v.Kind() {
	case event.KindString:
		return c.text(dst, k, v.Str())
	case event.KindIP:
		return append(append(append(dst, '"'), address(v.Str())...), '"')
	}
	return append(v.Append(append(dst, '"')), '"')
}

// address returns an IPv4 address in the form of IPv6 as what it is (RFC 4291
// section 2.5.5.2).
func address(s string) string {
	if four := strings.TrimPrefix(s, "::ffff:"); strings.IndexByte(four, ':') < 0 {
		return four
	}
	return s
}

// integer appends a whole number; a text counts when it is one. Numbers beyond
// what integer_t holds, 32 bits without a sign, stay where they are.
func (c *Encoder) integer(dst []byte, k schema.Key, v event.Value) []byte {
	n, ok := v.Int64()
	if !ok && v.Kind() == event.KindString {
		parsed, err := strconv.ParseInt(v.Str(), 10, 64)
		n, ok = parsed, err == nil
	}
	if !ok || n < 0 || n > math.MaxUint32 {
		return dst
	}
	c.mark(k, firstTaken)
	return strconv.AppendInt(dst, n, 10)
}

func appendMillis(dst []byte, t time.Time) []byte { return strconv.AppendInt(dst, t.UnixMilli(), 10) }

// most is how many values of a list are written while texts are cut.
const most = 4

// list appends all values of k as a list of texts.
func (c *Encoder) list(dst []byte, k schema.Key) []byte {
	c.mark(k, allTaken)
	dst = append(dst, '[')
	n := 0
	for v := range c.Fields(k).All(k) {
		if view.Empty(v) {
			continue
		}
		if n++; n > most && c.level >= noRest {
			break
		}
		if n > 1 {
			dst = append(dst, ',')
		}
		dst = c.valueText(dst, k, v)
	}
	return append(dst, ']')
}

// pairs appends the members of a map as a list of texts name=value.
func (c *Encoder) pairs(dst []byte, k schema.Key) []byte {
	fields := c.Fields(k)
	start, n := len(dst), 0
	for i := range fields {
		f := &fields[i]
		if f.Key != k {
			continue
		}
		if n++; n > most && c.level >= noRest {
			break
		}
		if n == 1 {
			c.mark(k, allTaken)
			dst = append(dst, '[')
		} else {
			dst = append(dst, ',')
		}
		// Two strings made one: the end of the first and the start of the second go.
		dst = c.text(dst, k, f.Name())
		dst[len(dst)-1] = '='
		at := len(dst)
		dst = c.valueText(dst, k, f.Value())
		dst = append(dst[:at], dst[at+1:]...)
	}
	if len(dst) == start {
		return dst
	}
	return append(dst, ']')
}

// base appends the last part of the path in the first field of n.
func base(c *Encoder, dst []byte, n *node) []byte {
	k, v := c.First(n.from)
	s := v.Str()
	if k == schema.FileName { // a name is one already, whatever it holds
		c.mark(k, firstTaken)
	} else if name := view.Base(s); name != "" {
		s = name
	}
	if s == "" {
		return dst
	}
	return c.text(dst, k, s)
}

// hashes appends one fingerprint, SHA-256.
func hashes(c *Encoder, dst []byte, n *node) []byte {
	k, v := c.First(n.from)
	if v.Str() == "" {
		return dst
	}
	c.mark(k, firstTaken)
	return append(c.text(append(dst, `[{"algorithm_id":3,"value":`...), k, v.Str()), '}', ']')
}

// constant appends the same for every event.
func constant(s string) computation {
	return func(_ *Encoder, dst []byte, _ *node) []byte { return append(dst, s...) }
}

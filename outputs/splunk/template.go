package splunk

import (
	"errors"
	"fmt"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// template is a text with fields of the event between {{ and }}. Of names that
// stand between bars, {{ container.name | host.name }}, the first that the event
// has counts.
type template []piece

// piece is a text, or a place for a field.
type piece struct {
	text string
	keys []field
}

// field is one name of a place; name is set below a field that is a map
// ("labels.team").
type field struct {
	key  schema.Key
	name string
}

// parse reads a template; its error says what is wrong with which name.
func parse(text string, names *schema.Names) (template, error) {
	var t template
	for rest := text; rest != ""; {
		before, after, open := strings.Cut(rest, "{{")
		if strings.ContainsAny(before, "\r\n\x00") {
			return nil, errors.New("there is a line end or a zero byte in it")
		}
		if before != "" {
			t = append(t, piece{text: before})
		}
		if !open {
			break
		}
		inside, tail, closed := strings.Cut(after, "}}")
		if !closed {
			return nil, errors.New("there is no }} for this {{")
		}
		var p piece
		for name := range strings.SplitSeq(inside, "|") {
			f, err := find(strings.TrimSpace(name), names)
			if err != nil {
				return nil, err
			}
			p.keys = append(p.keys, f)
		}
		t, rest = append(t, p), tail
	}
	return t, nil
}

func find(name string, names *schema.Names) (field, error) {
	if k, ok := names.Find(name); ok && !k.Info().Type.IsMap() {
		return field{key: k}, nil
	}
	for at := strings.LastIndexByte(name, '.'); at > 0; at = strings.LastIndexByte(name[:at], '.') {
		if k, ok := names.Find(name[:at]); ok && k.Info().Type.IsMap() {
			return field{key: k, name: name[at+1:]}, nil
		}
	}
	return field{}, fmt.Errorf("there is no field %q", name)
}

// value returns what the event has at the place, absent where it has nothing.
func (p *piece) value(e *event.Event) event.Value {
	for _, f := range p.keys {
		v := e.Get(f.key)
		if f.name != "" {
			if v = e.Fields.GetNamed(f.key, f.name); v.IsZero() {
				v = e.Shared.GetNamed(f.key, f.name)
			}
		}
		if !v.IsZero() {
			return v
		}
	}
	return event.Value{}
}

// fixed reports whether the template has no place.
func (t template) fixed() bool {
	for i := range t {
		if t[i].keys != nil {
			return false
		}
	}
	return true
}

// most is the longest text of a template, in bytes: metadata is indexed with each
// event, and no event is to choose how much.
const most = 1024

// append appends the text for an event; a field that is absent is empty. What a
// field holds brings no control characters with it, so that no value can end a
// line, a header or a parameter.
func (t template) append(dst []byte, e *event.Event) []byte {
	start := len(dst)
	for i := range t {
		if t[i].keys == nil {
			dst = append(dst, t[i].text...)
			continue
		}
		at := len(dst)
		dst = t[i].value(e).Append(dst)
		confine(dst[at:])
	}
	return dst[:min(len(dst), start+most)]
}

// confine replaces control characters.
func confine(b []byte) {
	for i := range b {
		if b[i] < ' ' || b[i] == 0x7f {
			b[i] = '_'
		}
	}
}

// appendIndex appends the name of an index: what a field holds can leave neither
// the names that are legal nor the beginning that is fixed. A field that is
// absent is "none". Where allowed names indexes, another gives nothing.
func (t template) appendIndex(dst []byte, e *event.Event, allowed []string) []byte {
	start := len(dst)
	for i := range t {
		if t[i].keys == nil {
			dst = append(dst, t[i].text...)
			continue
		}
		at := len(dst)
		if dst = t[i].value(e).Append(dst); len(dst) == at {
			dst = append(dst, "none"...)
		}
		for j := at; j < len(dst); j++ {
			switch c := dst[j]; {
			case c >= 'A' && c <= 'Z':
				dst[j] = c + 'a' - 'A'
			case !indexByte(c):
				dst[j] = '_'
			}
		}
	}
	dst = dst[:min(len(dst), start+most)]
	if len(allowed) == 0 {
		return dst
	}
	for _, one := range allowed {
		if one == string(dst[start:]) {
			return dst
		}
	}
	return dst[:start]
}

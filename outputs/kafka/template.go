package kafka

import (
	"fmt"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/kafkalink"
	"tallyman/pipeline/schema"
)

// template is a text with fields of the event between {{ and }}. Of names that
// stand between bars, {{ container.id | host.id }}, the first that the event has
// counts.
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
		if before != "" {
			t = append(t, piece{text: before})
		}
		if !open {
			break
		}
		inside, tail, closed := strings.Cut(after, "}}")
		if !closed {
			return nil, fmt.Errorf("{{ has no }} after it")
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

// append appends the text for an event as it is; a field that is absent is empty.
func (t template) append(dst []byte, e *event.Event) []byte {
	for i := range t {
		if t[i].keys == nil {
			dst = append(dst, t[i].text...)
		} else {
			dst = t[i].value(e).Append(dst)
		}
	}
	return dst
}

// appendTopic appends the name of a topic: what a field holds can neither leave
// the names that are legal nor the literal beginning of the template. A field that
// is absent is "none".
func (t template) appendTopic(dst []byte, e *event.Event) []byte {
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
			if !kafkalink.TopicByte(dst[j]) {
				dst[j] = '_'
			}
		}
	}
	return dst[:min(len(dst), start+kafkalink.MostTopic)]
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

// Package fields moves what a decoder left among the labels to fields of the
// schema, as a configuration says: of a field mapping, and of the named groups of
// a regular expression. It knows the schema and no format.
package fields

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/expr"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/record"
	"tallyman/pipeline/schema"
)

// Plugin is the transform `type: fields`.
var Plugin = plugin.NewTransform("fields", "Moves labels, and what a regular expression finds in messages, to fields of the schema.", Default, New)

// Settings are the keys of the transform.
type Settings struct {
	Inputs  []string          `yaml:"inputs" doc:"The inputs whose events are changed; without it, those of all."`
	Pattern plugin.Text       `yaml:"pattern" doc:"A regular expression (RE2) that is searched for in message; its named groups become labels, which map may move." example:"'user=(?P<login>\\S+) from (?P<peer>\\S+)'" verbatim:"true"`
	Map     map[string]string `yaml:"map" doc:"From the name of a label to the field of the schema that it moves to. A value that does not fit the field's type stays a label, and is flagged." example:"{login: user.name, peer: source.ip}"`
}

// Default returns the settings that hold where a configuration says nothing.
func Default() Settings { return Settings{} }

// spare is the room that an event's fields need for what is added.
const spare = 8

// move is one entry of map.
type move struct {
	label string
	key   schema.Key
}

// Transform implements plugin.Transform. It does not change.
type Transform struct {
	inputs  []string
	pattern *regexp.Regexp
	groups  []string
	moves   []move
	misfit  *meter.Counter
}

// New compiles the settings. The error is plugin.Problems with the place of each.
func New(s *Settings, env plugin.Env) (plugin.Transform, error) {
	t := &Transform{inputs: s.Inputs, misfit: env.Meter.Counter("tallyman_fields_misfit_total", "Labels that a mapping names, whose values do not fit the field's type; they stay labels.")}
	var p plugin.Problems
	if s.Pattern.Value != "" {
		re, err := regexp.Compile(s.Pattern.Value)
		if err != nil {
			p = append(p, plugin.Problem{Key: "pattern", Pos: s.Pattern.Pos, Width: len(s.Pattern.Value), Text: "the pattern cannot be read: " + err.Error()})
		} else if t.pattern, t.groups = re, re.SubexpNames(); strings.Join(t.groups, "") == "" {
			p = append(p, plugin.Problem{Key: "pattern", Pos: s.Pattern.Pos, Width: len(s.Pattern.Value), Text: "the pattern names no group", Hint: "write (?P<name>…) around what is to become a label"})
		}
	}
	names := schema.NewNames()
	for _, label := range slices.Sorted(maps.Keys(s.Map)) {
		to := s.Map[label]
		k, ok := names.Find(to)
		switch {
		case !ok:
			p = append(p, plugin.Problem{Key: "map", Text: "map of " + strconv.Quote(label) + ": the schema has no field " + strconv.Quote(to), Hint: hint(to)})
		case own(k):
			p = append(p, plugin.Problem{Key: "map", Text: "map of " + strconv.Quote(label) + ": " + to + " is set by tallyman alone"})
		case k.Info().Type.IsMap():
			p = append(p, plugin.Problem{Key: "map", Text: "map of " + strconv.Quote(label) + ": " + to + " holds named values", Hint: "name a field that holds one value"})
		default:
			t.moves = append(t.moves, move{label, k})
		}
	}
	if t.pattern == nil && len(t.moves) == 0 && !p.Bad() {
		p = append(p, plugin.Problem{Key: "map", Text: "neither map nor pattern is set", Hint: "name what is to be moved, or remove the transform"})
	}
	if p.Bad() {
		return nil, p
	}
	return t, nil
}

// hint names the field of the schema that is the most like a word.
func hint(word string) string {
	var known []string
	for _, k := range schema.Keys() {
		known = append(known, k.String())
	}
	if near := expr.Nearest(word, known); near != "" {
		return "did you mean " + strconv.Quote(near) + "?"
	}
	return "docs/reference lists the fields"
}

// own reports whether a field says what tallyman itself found out: who writes logs
// must not choose it.
func own(k schema.Key) bool {
	name := k.String()
	switch k {
	case schema.Timestamp, schema.EventID, schema.EventCreated, schema.EventOriginal, schema.EventDataset, schema.ECSVersion, schema.ErrorMessage, schema.ErrorCode:
		return true
	}
	return strings.HasPrefix(name, "tallyman.") || strings.HasPrefix(name, "agent.") || strings.HasPrefix(name, "log.file.") || name == "log.source.address"
}

// Lane implements plugin.Transform.
func (t *Transform) Lane(input string) plugin.Stage {
	return &stage{t: t, off: len(t.inputs) > 0 && !slices.Contains(t.inputs, input)}
}

// Close has nothing to give back.
func (t *Transform) Close() error { return nil }

// stage is the transform in one lane.
type stage struct {
	t   *Transform
	off bool
}

// Apply implements plugin.Stage. A record that waits for its decoder passes.
func (s *stage) Apply(_ context.Context, in, out *event.Batch) error {
	for i := range in.Events {
		e := in.Events[i]
		if !s.off && e.Decode == "" {
			s.t.change(&e, out)
		}
		out.Events = append(out.Events, e)
	}
	return nil
}

// change moves what is there. The fields are copied first: the memory of an event
// is its batch's.
func (t *Transform) change(e *event.Event, out *event.Batch) {
	e.Fields = out.Take(e.Fields, spare+len(t.groups))
	if t.pattern != nil {
		message := e.Fields.Get(schema.Message).Str()
		if at := t.pattern.FindStringSubmatchIndex(message); at != nil {
			for i, name := range t.groups {
				if name != "" && at[2*i] >= 0 && at[2*i] < at[2*i+1] {
					e.Fields.AddNamed(schema.Labels, name, event.String(message[at[2*i]:at[2*i+1]]))
				}
			}
		}
	}
	for _, m := range t.moves {
		for i := range e.Fields {
			f := &e.Fields[i]
			if f.Key != schema.Labels || f.Name() != m.label {
				continue
			}
			v, ok := fit(m.key, f.Value())
			switch {
			case !ok:
				t.misfit.Inc()
				if e.Fields.Get(schema.ErrorMessage).IsZero() {
					record.Doubt(&e.Fields, "the label "+m.label+" does not fit "+m.key.String())
				}
			case m.key.Info().Many || e.Fields.Get(m.key).IsZero():
				*f = event.NewField(m.key, "", v)
			case m.key == schema.EventModule || m.key == schema.EventAction || m.key == schema.EventSeverity || m.key == schema.Message:
				e.Fields.Set(m.key, v) // what a decoder of any program could not know
			}
			break
		}
	}
}

// fit makes of a label the type of a field.
func fit(k schema.Key, v event.Value) (event.Value, bool) {
	text := string(v.Append(nil))
	switch k.Info().Type {
	case schema.IP:
		return event.IP(text)
	case schema.Long:
		n, err := strconv.ParseInt(text, 10, 64)
		return event.Int(n), err == nil
	case schema.Float:
		n, err := strconv.ParseFloat(text, 64)
		return event.Float(n), err == nil && n-n == 0
	case schema.Boolean:
		b, err := strconv.ParseBool(text)
		return event.Bool(b), err == nil
	case schema.Date:
		t, ok := record.Time(text)
		if !ok {
			return event.Value{}, false
		}
		return event.Time(t), true
	}
	return event.String(text), true
}

package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/lazy"
	"tallyman/pipeline/plugin"
)

// outputKeys are the keys of every output, beside those of its plugin.
type outputKeys struct {
	When     plugin.Text `yaml:"when" doc:"The expression that an event must meet to be delivered here; without it all are." example:"event.severity >= 6" verbatim:"true"`
	WhenFull string      `yaml:"when_full" doc:"What happens to events for this output when the journal is full." enum:"block,drop_oldest,drop_newest"`
	MaxLag   plugin.Size `yaml:"max_lag" doc:"The most bytes of the journal that this output may hold back before when_full applies to it; without it, as much as there is." example:"256MiB"`
	MaxRate  int         `yaml:"max_rate" doc:"At most so many events a second to this output, on average: what one frame of the journal has for it goes at once, and the next waits until that is paid for. 0: no limit." example:"5000"`
}

// whenFull is what happens where an output does not say.
const whenFull = "block"

// componentName is what may name an input or output: the name is a label of
// metrics and the name of a cursor in the journal.
var componentName = lazy.Regexp(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// config decodes the top mapping.
func (d *decoder) config(n *yaml.Node) *Config {
	r := defaults()
	sections, rest := split(d.overridden(d.pairs(n, top), n), keysOf(reflect.ValueOf(r)))
	before := len(d.problems)
	d.fill(rest, n, top, sectionKeys, &r)
	if !d.problems[before:].Bad() {
		d.limits(rest, n, &r)
	}
	cfg := &Config{Decoders: sorted(d.plugins, plugin.KindDecoder), Grace: r.Grace, Journal: r.Journal, Host: r.Host, Admin: r.Admin, Console: r.Console, Log: r.Log, Labels: r.Labels}
	for _, p := range d.named(sections, "input", n) {
		if c, ok := d.component(p, plugin.KindInput, nil); ok {
			cfg.Inputs = append(cfg.Inputs, c)
		}
	}
	before = len(d.problems)
	cfg.Transforms = d.transforms(sections)
	if r.Redact == "auto" {
		cfg.Transforms = d.redacted(cfg.Transforms, n)
	}
	broken := d.problems[before:].Bad()
	for _, p := range d.named(sections, "output", n) {
		keys := outputKeys{WhenFull: whenFull}
		if c, ok := d.component(p, plugin.KindOutput, &keys); ok {
			cfg.Outputs = append(cfg.Outputs, OutputComponent{Component: c, When: keys.When, WhenFull: keys.WhenFull, MaxLag: keys.MaxLag, MaxRate: keys.MaxRate})
		}
	}
	for _, o := range cfg.Outputs {
		if least := 2 * r.Journal.SegmentSize; o.MaxLag > 0 && o.MaxLag < least {
			p := plugin.Problem{Pos: o.Pos, Width: len(o.Name), Text: fmt.Sprintf("the max_lag of output %q is too small: it is counted in whole segments", o.Name),
				Hint: "the least is two segments, " + FormatSize(least)}
			d.problems = append(d.problems, p)
		}
	}
	for _, o := range cfg.Outputs {
		if o.MaxRate < 0 {
			d.problems = append(d.problems, plugin.Problem{Pos: o.Pos, Width: len(o.Name), Text: fmt.Sprintf("the max_rate of output %q is less than nothing", o.Name),
				Hint: "events a second, or leave it out for no limit"})
		}
	}
	if !broken {
		d.undecoded(cfg)
	}
	d.collisions(r.Journal.Dir, d.lookAt(rest, n, []string{"journal", "dir"}))
	return cfg
}

// sectionKeys are the top-level keys that hold components.
var sectionKeys = []string{"inputs", "transforms", "outputs"}

// split parts the sections with components from the other top-level keys, of
// which known are right. A section that is misspelt stays among the others, to
// be reported, and counts as the section too, so that its content is checked.
func split(list []pair, known []string) (sections map[string]pair, rest []pair) {
	sections = map[string]pair{}
	for _, p := range list {
		if key := resolve(p.key).Value; slices.Contains(sectionKeys, key) {
			sections[key] = p
		} else {
			rest = append(rest, p)
		}
	}
	for _, p := range rest {
		key := resolve(p.key).Value
		if slices.Contains(known, key) {
			continue
		}
		meant := nearest(key, slices.Concat(known, sectionKeys))
		if _, there := sections[meant]; !there && slices.Contains(sectionKeys, meant) {
			sections[meant] = p
		}
	}
	return sections, rest
}

// named returns the entries of the map `inputs` or `outputs`.
func (d *decoder) named(sections map[string]pair, kind string, n *yaml.Node) []pair {
	section := kind + "s"
	form := fmt.Sprintf("write %s: {NAME: {type: …}}", section)
	p, ok := sections[section]
	if !ok {
		d.problems = append(d.problems, plugin.Problem{Pos: plugin.Pos{File: d.file, Line: n.Line, Col: 1},
			Text: "the configuration has no " + section, Hint: form})
		return nil
	}
	switch {
	case p.val.Kind == yaml.SequenceNode:
		d.add(p.key, form, "%q is a list, but each %s has a name", section, kind)
		return nil
	case p.val.Kind != yaml.MappingNode:
		d.add(p.key, form, "%q is %s, not a map of names", section, kindOf(p.val))
		return nil
	}
	list := d.pairs(p.val, where{in: strconv.Quote(section)})
	if len(list) == 0 {
		d.add(p.key, form, "%q names no %s", section, kind)
	}
	return slices.DeleteFunc(list, func(one pair) bool {
		name := resolve(one.key).Value
		if componentName().MatchString(name) {
			return false
		}
		d.add(one.key, "letters, digits, _ . and -, at most 64, a letter or digit first", "%q cannot be the name of an %s", name, kind)
		return true
	})
}

// component decodes `NAME: {type: …, settings}`. Own are the keys that do not
// belong to the plugin, a pointer to outputKeys or nil.
func (d *decoder) component(p pair, kind plugin.Kind, own any) (Component, bool) {
	c := Component{Name: resolve(p.key).Value, Pos: d.pos(p.key)}
	w := where{in: fmt.Sprintf("%s %q", kind, c.Name)}
	if p.val.Kind != yaml.MappingNode {
		d.add(p.key, fmt.Sprintf("write %s: {type: …}", c.Name), "%s is %s, not a map of settings", w, kindOf(p.val))
		return c, false
	}
	return c, d.settings(&c, d.pairs(p.val, w), p.key, kind, w, own)
}

// transforms decodes the list of transforms. A transform is named by its type;
// a second one of a type gets a number.
func (d *decoder) transforms(sections map[string]pair) []Component {
	const form = "transforms is a list in order: - {type: …}"
	p, ok := sections["transforms"]
	if !ok {
		return nil
	}
	if p.val.Kind != yaml.SequenceNode {
		d.add(p.key, form, `"transforms" is %s, not a list`, kindOf(p.val))
		return nil
	}
	var list []Component
	uses := map[string]int{}
	for i, n := range p.val.Content {
		c := Component{Pos: d.pos(n)}
		w := where{in: fmt.Sprintf("transform %d", i+1)}
		entry := resolve(n)
		if entry.Kind != yaml.MappingNode {
			d.add(n, form, "%s is %s, not a map of settings", w, kindOf(entry))
			continue
		}
		if !d.settings(&c, d.pairs(entry, w), n, plugin.KindTransform, w, nil) {
			continue
		}
		c.Name = c.Type
		if uses[c.Type]++; uses[c.Type] > 1 {
			c.Name += "_" + strconv.Itoa(uses[c.Type])
		}
		list = append(list, c)
	}
	return list
}

// redacted adds the transform that replaces secrets where none is listed and one
// is built in.
func (d *decoder) redacted(list []Component, n *yaml.Node) []Component {
	const typ = "redact"
	at := slices.IndexFunc(d.plugins, func(p plugin.Plugin) bool { return p.Kind == plugin.KindTransform && p.Type == typ })
	if at < 0 || slices.ContainsFunc(list, func(c Component) bool { return c.Type == typ }) {
		return list
	}
	p := d.plugins[at]
	return append(list, Component{Name: typ, Type: typ, Pos: d.pos(n), Plugin: p, Settings: p.Settings()})
}

// settings finds the plugin that a component's `type` names and fills its
// settings.
func (d *decoder) settings(c *Component, list []pair, n *yaml.Node, kind plugin.Kind, w where, own any) bool {
	var types []string
	for _, p := range d.plugins {
		if p.Kind == kind {
			types = append(types, p.Type)
		}
	}
	known := "the types of " + string(kind) + "s are"
	i := slices.IndexFunc(list, func(p pair) bool { return resolve(p.key).Value == "type" })
	if i < 0 {
		d.add(n, suggestAndList("", known, types), "%s has no type", w)
		return false
	}
	typ := list[i].val
	if typ.Kind != yaml.ScalarNode || typ.ShortTag() == "!!null" {
		d.add(typ, suggestAndList("", known, types), "the type of %s is %s, not a word", w, kindOf(typ))
		return false
	}
	at := slices.IndexFunc(d.plugins, func(p plugin.Plugin) bool { return p.Kind == kind && p.Type == typ.Value })
	if at < 0 {
		d.add(typ, suggestAndList(typ.Value, known, types), "unknown type %q of %s", typ.Value, w)
		return false
	}
	c.Type, c.Plugin, c.places = typ.Value, d.plugins[at], d.placesOf(list, n)
	c.Settings = c.Plugin.Settings()
	if kind == plugin.KindTransform {
		w.in += fmt.Sprintf(" (%s)", c.Type)
	}
	into := []any{c.Settings}
	if own != nil {
		into = append(into, own)
	}
	before := len(d.problems)
	d.fill(slices.Delete(slices.Clone(list), i, i+1), n, w, []string{"type"}, into...)
	if d.full || d.problems[before:].Bad() {
		d.broken[c.Settings] = true
	} else {
		d.claim(c.Settings, list, n, w)
	}
	return true
}

// mostPlaces and deepest bound what is remembered of where a component's keys are.
const mostPlaces, deepest = 1024, 4

// placesOf returns where the values of a component's keys are, for what is found out
// only when it is built; n is its own place.
func (d *decoder) placesOf(list []pair, n *yaml.Node) map[string]plugin.Problem {
	places := map[string]plugin.Problem{"": d.placeOf(n)}
	before := len(d.problems)
	var walk func(list []pair, in string, deep int)
	walk = func(list []pair, in string, deep int) {
		for _, p := range list {
			if len(places) >= mostPlaces {
				return
			}
			key := in + resolve(p.key).Value
			if places[key] = d.placeOf(p.val); p.val.Kind == yaml.MappingNode && deep < deepest {
				walk(d.pairs(p.val, top), key+".", deep+1)
			}
		}
	}
	walk(list, "", 1)
	d.problems = d.problems[:before] // what is wrong with them is said by whoever reads them
	return places
}

// isBroken reports whether something is wrong in the settings of a component, or
// may be missing there.
func (d *decoder) isBroken(c Component) bool { return d.full || d.broken[c.Settings] }

// undecoded warns of an input whose records nothing decodes. The decoder is
// the setting `decode` of the input, and the type of the transform.
func (d *decoder) undecoded(cfg *Config) {
	for _, in := range cfg.Inputs {
		for _, f := range fieldsOf(reflect.ValueOf(in.Settings).Elem()) {
			if f.key != "decode" || f.value.Kind() != reflect.String || f.value.String() == "" {
				continue
			}
			decoder := f.value.String()
			if slices.ContainsFunc(cfg.Transforms, func(c Component) bool { return c.Type == decoder }) ||
				slices.ContainsFunc(d.plugins, func(p plugin.Plugin) bool { return p.Kind == plugin.KindDecoder && p.Type == decoder }) {
				continue
			}
			d.problems = append(d.problems, plugin.Problem{Pos: in.Pos, Width: len(in.Name), Warn: true,
				Text: fmt.Sprintf("the records of input %q stay undecoded", in.Name),
				Hint: fmt.Sprintf("add - {type: %s} to transforms", decoder)})
		}
	}
}

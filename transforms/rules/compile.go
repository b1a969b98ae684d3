package rules

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/expr"
	"tallyman/pipeline/keep"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// rule is a definition that can judge.
type rule struct {
	def        *definition
	when       *expr.Program
	needs      []expr.Need // what the condition asks of fields
	exceptions []hole
	message    template

	decide   []state // what its declared state says, in order
	after    *afterState
	first    *firstState
	base     *baselineState
	band     *bandState
	suppress *suppressState
	waiting  []*afterState // of the rules that come after this one

	matches *meter.Counter
	failed  atomic.Bool // its first failure has been logged
}

// hole is a compiled exception.
type hole struct {
	name    string
	when    *expr.Program
	expires time.Time
}

// set is what the files give.
type set struct {
	seal     *seal
	all      []*rule // also those that are switched off: they are checked all the same
	rules    []*rule // those that judge
	disabled int
	compiler *compiler
	lists    map[string][]string
}

// compiler compiles the texts of definitions and keeps what is wrong with them.
type compiler struct {
	seal *seal
	*expr.Compiler
	l *loader
}

func compileAll(s *Settings, dir string) (*set, plugin.Problems) {
	return load(s, dir).compile(s)
}

// compile compiles all that was read.
func (l *loader) compile(s *Settings) (*set, plugin.Problems) {
	c := &compiler{seal: keep.NewSeal(), Compiler: expr.NewCompiler(s.options(l)), l: l}
	out := &set{lists: l.lists, compiler: c, seal: c.seal}
	byID := map[string]*rule{}
	for _, d := range l.rules {
		r := c.rule(d)
		byID[d.id.Value] = r
		out.all = append(out.all, r)
		if d.enabled {
			out.rules = append(out.rules, r)
		} else {
			out.disabled++
		}
	}
	for _, r := range out.all {
		if r.after == nil {
			continue
		}
		first := byID[r.def.after.rule.Value]
		if first == nil || first == r {
			doc := l.docs[r.def.after.rule.Pos.File]
			doc.add(r.def.after.rule.Pos, didYouMean(r.def.after.rule.Value, byID), "there is no other rule %s to come after", r.def.after.rule.Value)
			continue
		}
		if r.def.enabled {
			first.waiting = append(first.waiting, r.after)
		}
	}
	return out, l.all()
}

func (c *compiler) rule(d *definition) *rule {
	r := &rule{def: d, matches: new(meter.Counter)}
	if r.when = c.boolean(d.condition); r.when != nil {
		r.needs = c.Needs(d.condition)
	}
	r.message = c.template(d.message)
	for _, e := range d.exceptions {
		r.exceptions = append(r.exceptions, hole{name: e.name, when: c.boolean(e.condition), expires: e.expires})
	}
	if s := d.after; s != nil {
		r.after = &afterState{by: c.key(s.by), made: formOf(s.by, s.rule.Value), within: s.within, last: table[time.Time]{max: maxKeys, seal: c.seal}}
		r.decide = append(r.decide, r.after)
	}
	if s := d.first; s != nil && s.baseline != "" {
		r.base = &baselineState{kindOf: s.baseline, by: c.key(s.by), made: formOf(s.by, s.value.Value), value: c.value(s.value), learn: s.learn,
			approval: s.approval, ttl: s.ttl, max: s.max, evicted: new(meter.Counter)}
		r.decide = append(r.decide, r.base)
	} else if s != nil {
		r.first = &firstState{by: c.key(s.by), made: formOf(s.by, s.value.Value), value: c.value(s.value), learn: s.learn, ttl: s.ttl, evicted: new(meter.Counter),
			began: table[time.Time]{max: s.max, seal: c.seal}, seen: table[time.Time]{max: s.max, seal: c.seal}}
		r.decide = append(r.decide, r.first)
	}
	if s := d.threshold; s != nil {
		r.decide = append(r.decide, &thresholdState{by: c.key(s.by), made: formOf(s.by, s.window.String()), count: uint64(s.count),
			slice: max(1, int64(s.window)/slices60), keys: table[window]{max: maxKeys, seal: c.seal}})
	}
	if s := d.distinct; s != nil {
		r.decide = append(r.decide, &distinctState{by: c.key(s.by), made: formOf(s.by, s.value.Value), value: c.value(s.value), count: s.count, window: s.window,
			keys: table[map[sum]time.Time]{max: maxKeys, seal: c.seal}})
	}
	if d.band != nil {
		r.band = c.band(d.band)
		r.decide = append(r.decide, r.band)
	}
	if s := d.suppress; s != nil {
		r.suppress = &suppressState{by: c.key(s.by), made: formOf(s.by), length: s.length, keys: table[fold]{max: maxKeys, seal: c.seal}}
	}
	return r
}

func (c *compiler) boolean(t plugin.Text) *expr.Program {
	if t.Value == "" {
		return nil // told when it was read
	}
	p, err := c.Bool(t)
	if err != nil {
		c.l.report(t, err)
	}
	return p
}

func (c *compiler) value(t plugin.Text) *expr.Program {
	if t.Value == "" {
		return nil
	}
	p, err := c.String(t)
	if err != nil {
		c.l.report(t, err)
	}
	return p
}

func (c *compiler) key(by []plugin.Text) key {
	var k key
	for _, t := range by {
		k = append(k, c.value(t))
	}
	return k
}

// samples judges the samples of the rules that are picked.
func (s *set) samples(pick func(*definition) bool) plugin.Problems {
	var problems plugin.Problems
	m := expr.NewMachine()
	for _, r := range s.all {
		if !pick(r.def) {
			continue
		}
		for _, one := range r.def.tests {
			e := one.event(r.def)
			m.Load(e)
			got, err := false, error(nil)
			if r.def.about(e) {
				got, err = r.holds(m, e.Time)
			}
			switch {
			case err != nil:
				problems = append(problems, plugin.Problem{Pos: one.pos, Text: fmt.Sprintf("rule %s fails on this sample: %v", r.def.id.Value, err)})
			case got && !one.match:
				problems = append(problems, plugin.Problem{Pos: one.pos, Text: fmt.Sprintf("rule %s matches this sample and should not", r.def.id.Value)})
			case !got && one.match:
				problems = append(problems, plugin.Problem{Pos: one.pos, Text: fmt.Sprintf("rule %s does not match this sample", r.def.id.Value)})
			}
		}
	}
	return problems
}

// about reports whether an event is of a source and an action that the rule names.
func (r *definition) about(e *event.Event) bool {
	return (len(r.sources) == 0 || slices.Contains(r.sourceNames(), module(e))) &&
		(len(r.actions) == 0 || slices.Contains(r.actions, e.Get(schema.EventAction).Str()))
}

// holds reports whether the condition holds for the loaded event, and no
// exception does that is in force at the time at.
func (r *rule) holds(m *expr.Machine, at time.Time) (bool, error) {
	ok, err := r.when.Match(m)
	if !ok || err != nil {
		return false, err
	}
	for i := range r.exceptions {
		excepted, err := r.exceptions[i].holds(m, at)
		if err != nil {
			// A hole that cannot be judged is closed: the alert is made.
			return true, errors.Join(errHole, err)
		}
		if excepted {
			return false, nil
		}
	}
	return true, nil
}

// holds reports whether the exception is in force and holds for the loaded
// event.
func (h *hole) holds(m *expr.Machine, at time.Time) (bool, error) {
	if !h.expires.IsZero() && !at.Before(h.expires) {
		return false, nil
	}
	return h.when.Match(m)
}

// errHole says that an exception failed; the match stands.
var errHole = errors.New("an exception cannot be judged")

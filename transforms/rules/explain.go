package rules

import (
	"slices"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/expr"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// The verdicts of an explanation.
const (
	verdictMatch   = "match"
	verdictNo      = "no match"
	verdictSkipped = "skipped"
)

// Explain says of every rule whether its condition holds for e, and of what
// does not hold the first term that fails. Declared state is not asked: it
// depends on what came before.
func (t *transform) Explain(e *event.Event) []plugin.Finding {
	m := expr.NewMachine()
	m.Load(e)
	var out []plugin.Finding
	for _, r := range t.set.all {
		f := plugin.Finding{Subject: "rule " + r.def.id.Value, Verdict: verdictSkipped}
		switch mod, action := module(e), e.Get(schema.EventAction).Str(); {
		case !r.def.enabled:
			f.Detail = "it is switched off"
		case len(r.def.sources) > 0 && !slices.Contains(r.def.sourceNames(), mod):
			f.Detail = "it judges events of " + strings.Join(r.def.sourceNames(), ", ")
		case len(r.def.actions) > 0 && !slices.Contains(r.def.actions, action):
			f.Detail = "it judges the actions " + strings.Join(r.def.actions, ", ")
		default:
			f.Verdict, f.Detail = t.explain(r, m, e)
		}
		out = append(out, f)
	}
	return out
}

func (t *transform) explain(r *rule, m *expr.Machine, e *event.Event) (verdict, detail string) {
	ok, err := r.when.Match(m)
	switch {
	case err != nil:
		return verdictNo, err.Error()
	case !ok:
		return verdictNo, t.failing(r, m)
	}
	for i, h := range r.exceptions {
		if held, err := r.exceptions[i].holds(m, moment(e)); held && err == nil {
			return verdictNo, strings.TrimSpace("the exception "+h.name) + ": " + r.def.exceptions[i].reason
		}
	}
	if len(r.decide) > 0 {
		return verdictMatch, "of the condition; its " + strings.Join(r.def.stateNames(), ", ") + " decides with what came before"
	}
	return verdictMatch, ""
}

// failing returns the first term of the condition that does not hold.
func (t *transform) failing(r *rule, m *expr.Machine) string {
	t.explaining.Lock()
	defer t.explaining.Unlock()
	for _, term := range t.set.compiler.Terms(r.def.condition) {
		p, err := t.set.compiler.Bool(term)
		if err != nil {
			break
		}
		if ok, err := p.Match(m); err == nil && !ok {
			return term.Value + " is false"
		}
	}
	return "the condition is false"
}

// stateNames returns the keys of the state that decides about a match.
func (r *definition) stateNames() []string {
	var out []string
	for _, s := range []struct {
		name string
		has  bool
	}{{"after", r.after != nil}, {"first_seen", r.first != nil}, {"threshold", r.threshold != nil}, {"distinct", r.distinct != nil}, {"band", r.band != nil}} {
		if s.has {
			out = append(out, s.name)
		}
	}
	return out
}

package rules

import "slices"

// index finds the rules that may match an event by its module and action, and among
// these by the words that they ask for (anchor.go), so that the conditions of all
// others are not run. Order is that of the files.
type index struct {
	modules map[string]*actions
	other   *actions // of a module that no rule names
}

type actions struct {
	module string // "" for those that no rule names
	known  map[string]*group
	other  *group // for an action that no rule names
}

func newIndex(rules []*rule) *index {
	x := &index{modules: map[string]*actions{}}
	for _, r := range rules {
		for _, m := range r.def.sourceNames() {
			x.modules[m] = nil
		}
	}
	for m := range x.modules {
		x.modules[m] = newActions(rules, func(r *rule) bool {
			return len(r.def.sources) == 0 || slices.Contains(r.def.sourceNames(), m)
		})
		x.modules[m].module = m
	}
	x.other = newActions(rules, func(r *rule) bool { return len(r.def.sources) == 0 })
	return x
}

func newActions(rules []*rule, is func(*rule) bool) *actions {
	a := &actions{known: map[string]*group{}}
	var own, other []*rule
	for _, r := range rules {
		if !is(r) {
			continue
		}
		own = append(own, r)
		for _, name := range actionsOf(r) {
			a.known[name] = nil
		}
		if len(r.def.actions) == 0 {
			other = append(other, r)
		}
	}
	for name := range a.known {
		var list []*rule
		for _, r := range own {
			if len(r.def.actions) == 0 || slices.Contains(r.def.actions, name) {
				list = append(list, r)
			}
		}
		a.known[name] = newGroup(list, name)
	}
	a.other = newGroup(other, "")
	return a
}

// mostActions bounds the actions that the condition of one rule names.
const mostActions = 32

// actionsOf returns the actions that a rule, or its condition, names.
func actionsOf(r *rule) []string {
	out := slices.Clone(r.def.actions)
	for _, need := range r.needs {
		for _, a := range need {
			if aboutAction(a) && len(a.Words) <= mostActions {
				out = append(out, a.Words...)
			}
		}
	}
	return out
}

// of returns the rules about a module and an action.
func (x *index) of(module, action string) *group { return x.about(module).of(action) }

// about returns the rules about a module.
func (x *index) about(module string) *actions {
	if a := x.modules[module]; a != nil {
		return a
	}
	return x.other
}

func (a *actions) of(action string) *group {
	if list, ok := a.known[action]; ok {
		return list
	}
	return a.other
}

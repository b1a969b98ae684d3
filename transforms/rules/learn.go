package rules

// What the state of rules learns from events that were judged before, as they
// stand in the journal.

import (
	"tallyman/pipeline/event"
	"tallyman/pipeline/expr"
	"tallyman/pipeline/schema"
)

// learner judges events again for the sake of the state alone.
type learner struct {
	stage
	byID  map[string]*rule // those that remember something, or that others come after
	plain event.Fields     // of the event at hand
	id    event.ID         // of the last event that was judged
}

func newLearner(t *transform) *learner {
	l := &learner{stage: stage{t: t, quiet: true, machine: expr.NewMachine()}, byID: map[string]*rule{}}
	var list []*rule
	for _, r := range t.set.rules {
		if len(r.decide) > 0 || r.suppress != nil || len(r.waiting) > 0 {
			list = append(list, r)
			l.byID[r.def.id.Value] = r
		}
	}
	l.index = newIndex(list)
	return l
}

// Learn judges events as they were journalled. What became of an event is in
// its alerts; where they say otherwise than this judgement (a condition or a
// list was changed since) they are right.
func (t *transform) Learn(events []event.Event) {
	if t.learner == nil {
		t.learner = newLearner(t)
	}
	l := t.learner
	for i := range events {
		e := &events[i]
		if e.Fields.Get(schema.EventKind).Str() == "alert" && !e.Fields.Get(schema.RuleID).IsZero() {
			l.alerted(e)
			continue
		}
		as := *e
		as.Fields = l.unmarked(e.Fields)
		l.judge(&as)
		l.id = e.ID
	}
	clear(l.plain)
}

// unmarked returns the fields as they were before pass marked the event: rules
// and their tags stand behind all others.
func (l *learner) unmarked(f event.Fields) event.Fields {
	for i := range f {
		if f[i].Key != schema.TallymanRules {
			continue
		}
		l.plain = append(l.plain[:0], f[:i]...)
		for _, later := range f[i:] {
			if later.Key != schema.TallymanRules && later.Key != schema.Tags {
				l.plain = append(l.plain, later)
			}
		}
		return l.plain
	}
	return f
}

// alerted takes in an alert whose event was not judged so.
func (l *learner) alerted(e *event.Event) {
	r := l.byID[e.Fields.Get(schema.RuleID).Str()]
	if r == nil {
		return
	}
	if e.Fields.Get(schema.EventReference).Str() == l.id.String() {
		for _, h := range l.hits {
			if h.rule == r && !h.silent {
				return
			}
		}
	}
	l.machine.Load(e)
	at := moment(e)
	for _, w := range r.waiting {
		if key, err := w.by.append(l.buf[:0], l.machine); err == nil {
			w.note(key, at)
			l.buf = key
		}
	}
	if r.suppress != nil {
		r.suppress.begin(&l.stage, at)
	}
}

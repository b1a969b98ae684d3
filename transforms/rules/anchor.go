package rules

import (
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/expr"
	"tallyman/pipeline/schema"
)

// group are the rules that may be about events of one module and action, in the order
// of the files. What most conditions ask for first, that a field be one of some words,
// is looked up for all of them at once, so that what an event costs follows the rules
// that can match it and not the rules that there are.
type group struct {
	rules  []*rule
	always []uint64  // a bit per rule: whose condition is asked for every event
	tables []*anchor // one per field and fold
	at     []int8    // by key: the first of the field's tables, -1 for none
}

// anchor are the rules of a group that ask for words of one field.
type anchor struct {
	key   schema.Key
	fold  bool
	words map[string][]int32 // the rules that ask for a word
	all   []int32            // every rule of the table: a value that is no text is judged by them
	next  int8               // another table of the same field, -1 for none
}

// mostTables bounds the tables of a group; what does not fit is asked for every event.
const mostTables = 100

func newGroup(rules []*rule) *group {
	g := &group{rules: rules, always: make([]uint64, (len(rules)+63)/64), at: make([]int8, len(schema.Keys())+1)}
	for i := range g.at {
		g.at[i] = -1
	}
	for i, r := range rules {
		a := best(r.anchors)
		t := g.table(a)
		if t == nil {
			g.always[i/64] |= 1 << (i % 64)
			continue
		}
		for _, w := range a.Words {
			if list := t.words[w]; len(list) == 0 || list[len(list)-1] != int32(i) {
				t.words[w] = append(list, int32(i))
			}
		}
		t.all = append(t.all, int32(i))
	}
	return g
}

// common are fields that nearly every event has one of few values of: a rule is found
// by them only where it asks for nothing else.
var common = []schema.Key{schema.EventOutcome, schema.EventCategory, schema.EventType, schema.EventKind, schema.EventModule, schema.EventAction}

// best returns the anchor that picks the fewest events, nil for none.
func best(list []expr.Anchor) *expr.Anchor {
	var out *expr.Anchor
	cost := func(a *expr.Anchor) int {
		n := len(a.Words)
		for _, k := range common {
			if a.Key == k {
				n += 1 << 20
			}
		}
		return n
	}
	for i := range list {
		if out == nil || cost(&list[i]) < cost(out) {
			out = &list[i]
		}
	}
	return out
}

// table returns the group's table for an anchor, nil where there can be none.
func (g *group) table(a *expr.Anchor) *anchor {
	if a == nil || int(a.Key) >= len(g.at) {
		return nil
	}
	for i := g.at[a.Key]; i >= 0; i = g.tables[i].next {
		if g.tables[i].fold == a.Fold {
			return g.tables[i]
		}
	}
	if len(g.tables) == mostTables {
		return nil
	}
	t := &anchor{key: a.Key, fold: a.Fold, words: map[string][]int32{}, next: g.at[a.Key]}
	g.at[a.Key] = int8(len(g.tables))
	g.tables = append(g.tables, t)
	return t
}

// candidates sets in bits, which it returns, the rules whose condition may hold for e.
func (g *group) candidates(bits []uint64, e *event.Event) []uint64 {
	bits = append(bits[:0], g.always...)
	if len(g.tables) == 0 {
		return bits
	}
	for _, fields := range [2]event.Fields{e.Fields, e.Shared} {
		for i := range fields {
			f := &fields[i]
			if int(f.Key) >= len(g.at) {
				continue
			}
			for at := g.at[f.Key]; at >= 0; at = g.tables[at].next {
				g.tables[at].mark(bits, f.Val)
			}
		}
	}
	return bits
}

func (t *anchor) mark(bits []uint64, v event.Value) {
	list := t.all
	if v.Kind() == event.KindString {
		s := v.Str()
		if t.fold {
			s = strings.ToLower(s)
		}
		list = t.words[s]
	}
	for _, i := range list {
		bits[i/64] |= 1 << (i % 64)
	}
}

package rules

import (
	"slices"
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
}

// anchor are the rules of a group that ask for words of one field.
type anchor struct {
	key   schema.Key
	fold  bool
	words map[string][]int32 // the rules that ask for a word
	all   []int32            // every rule of the table: a value that is no text is judged by them
	maybe [64]uint64         // by the length of a word: a bit for how it begins and ends
}

// mostTables bounds the tables of a group; what does not fit is asked for every event.
const mostTables = 100

func newGroup(rules []*rule) *group {
	g := &group{rules: rules, always: make([]uint64, (len(rules)+63)/64)}
	for i, r := range rules {
		if !g.add(int32(i), best(r.needs)) {
			g.always[i/64] |= 1 << (i % 64)
		}
	}
	return g
}

// add has rule i be found by what it needs, and reports whether it can be.
func (g *group) add(i int32, need expr.Need) bool {
	for k := range need {
		if g.table(&need[k]) == nil {
			return false
		}
	}
	for k := range need {
		t := g.table(&need[k])
		for _, w := range need[k].Words {
			if list := t.words[w]; len(list) == 0 || list[len(list)-1] != i {
				t.words[w] = append(list, i)
			}
			*t.place(w) |= bitOf(w)
		}
		t.all = append(t.all, i)
	}
	return len(need) > 0
}

// common are fields that nearly every event has one of few values of: a rule is found
// by them only where it asks for nothing else.
var common = []schema.Key{schema.EventOutcome, schema.EventCategory, schema.EventType, schema.EventKind, schema.EventModule, schema.EventAction}

// best returns the need that picks the fewest events, nil for none.
func best(list []expr.Need) (out expr.Need) {
	cost := func(need expr.Need) int {
		n := len(need)
		for i := range need {
			n += len(need[i].Words)
			if slices.Contains(common, need[i].Key) {
				n += 1 << 20
			}
		}
		return n
	}
	for _, need := range list {
		if out == nil || cost(need) < cost(out) {
			out = need
		}
	}
	return out
}

// table returns the group's table for an anchor, nil where there can be none.
func (g *group) table(a *expr.Anchor) *anchor {
	for _, t := range g.tables {
		if t.key == a.Key && t.fold == a.Fold {
			return t
		}
	}
	if len(g.tables) == mostTables {
		return nil
	}
	t := &anchor{key: a.Key, fold: a.Fold, words: map[string][]int32{}}
	g.tables = append(g.tables, t)
	return t
}

// candidates sets in bits, which it returns, the rules whose condition may hold for
// the event that m has loaded.
func (g *group) candidates(bits []uint64, m *expr.Machine) []uint64 {
	bits = append(bits[:0], g.always...)
	for _, t := range g.tables {
		fields := m.Values(t.key)
		for i := range fields {
			if fields[i].Key == t.key {
				t.mark(bits, fields[i].Val)
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
		if *t.place(s)&bitOf(s) == 0 {
			return
		}
		list = t.words[s]
	}
	for _, i := range list {
		bits[i/64] |= 1 << (i % 64)
	}
}

// place and bitOf tell nearly all values from the words of a table without a look at
// the whole of them.
func (t *anchor) place(s string) *uint64 { return &t.maybe[len(s)%64] }

func bitOf(s string) uint64 {
	if s == "" {
		return 0 // no word is
	}
	return 1 << ((s[0]*7 ^ s[len(s)-1]) % 64)
}

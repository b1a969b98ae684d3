package rules

import (
	"math/bits"
	"slices"

	"tallyman/pipeline/event"
	"tallyman/pipeline/expr"
	"tallyman/pipeline/schema"
)

// group are the rules that may be about events of one module and action, in the order
// of the files. What most conditions ask for first, that a field be one of some words,
// or hold a word that a pattern needs, is looked up for all of them at once, so that
// what an event costs follows the rules that can match it and not the rules that there
// are.
type group struct {
	rules    []*rule
	always   []uint64  // a bit per rule: whose condition is asked for every event
	tables   []*anchor // one per field and form
	searches []*search // one per field
}

// anchor are the rules of a group that ask for words of one field.
type anchor struct {
	key   schema.Key
	form  expr.Form
	words map[string][]int32 // the rules that ask for a word
	all   []int32            // every rule of the table: a value that is no text is judged by them
	maybe [64]uint64         // by the length of a word: a bit for how it begins and ends
	sizes []int              // of Begin and End: the lengths of words, in order
}

// search are the rules of a group that ask for patterns on one field.
type search struct {
	in    *expr.Scanner
	rules [][]int32 // by pattern
	fold  []int32   // those whose pattern may match any text beyond ASCII
}

// mostTables bounds the tables of a group; what does not fit is asked for every event.
const mostTables = 100

// newGroup makes the group of rules about an action, "" for one that is not known.
func newGroup(rules []*rule, action string) *group {
	g := &group{}
	var needs [][]expr.Need
	for _, r := range rules {
		if list, can := narrowed(r.needs, action); can {
			g.rules, needs = append(g.rules, r), append(needs, list)
		}
	}
	g.always = make([]uint64, (len(g.rules)+63)/64)
	for i := range g.rules {
		if !g.add(int32(i), best(needs[i])) {
			g.always[i/64] |= 1 << (i % 64)
		}
	}
	return g
}

// narrowed returns what needs ask of an event of a known action beside that, and
// whether they can be met at all.
func narrowed(needs []expr.Need, action string) (out []expr.Need, can bool) {
	if action == "" {
		return needs, true
	}
	for _, need := range needs {
		var left expr.Need
		met := false
		for _, a := range need {
			switch {
			case !aboutAction(a):
				left = append(left, a)
			case slices.Contains(a.Words, action):
				met = true
			}
		}
		switch {
		case met:
		case len(left) == 0:
			return nil, false
		default:
			out = append(out, left)
		}
	}
	return out, true
}

func aboutAction(a expr.Anchor) bool { return a.Key == schema.EventAction && a.Form == expr.Whole }

// add has rule i be found by what it needs, and reports whether it can be.
func (g *group) add(i int32, need expr.Need) bool {
	for k := range need {
		if need[k].Form != expr.Within && g.table(&need[k]) == nil {
			return false
		}
	}
	for k := range need {
		if need[k].Form == expr.Within {
			g.search(need[k].In).add(i, &need[k])
		} else {
			g.table(&need[k]).add(i, &need[k])
		}
	}
	return len(need) > 0
}

func (t *anchor) add(i int32, a *expr.Anchor) {
	for _, w := range a.Words {
		t.words[w] = with(t.words[w], i)
		*t.place(w) |= bitOf(w)
		if at, known := slices.BinarySearch(t.sizes, len(w)); !known {
			t.sizes = slices.Insert(t.sizes, at, len(w))
		}
	}
	t.all = with(t.all, i)
}

func (s *search) add(i int32, a *expr.Anchor) {
	for len(s.rules) <= a.Pattern {
		s.rules = append(s.rules, nil)
	}
	s.rules[a.Pattern] = with(s.rules[a.Pattern], i)
	if a.Fold {
		s.fold = with(s.fold, i)
	}
}

// with adds rule i, which is the last, to a list.
func with(list []int32, i int32) []int32 {
	if n := len(list); n > 0 && list[n-1] == i {
		return list
	}
	return append(list, i)
}

// common are fields that nearly every event has one of few values of: a rule is found
// by them only where it asks for nothing else.
var common = []schema.Key{schema.EventOutcome, schema.EventCategory, schema.EventType, schema.EventKind, schema.EventModule, schema.EventAction,
	schema.UserID, schema.UserEffectiveID}

// What it costs to find a rule by an anchor: more where more events meet it.
const (
	costWord   = 1
	costSearch = 1 << 6
	costThere  = 1 << 16
	costCommon = 1 << 20
)

// best returns the need that picks the fewest events, nil for none.
func best(list []expr.Need) (out expr.Need) {
	for _, need := range list {
		if out == nil || costOf(need) < costOf(out) {
			out = need
		}
	}
	return out
}

func costOf(need expr.Need) int {
	n := 0
	for i := range need {
		a := &need[i]
		n += costWord * (1 + len(a.Words))
		switch {
		case slices.Contains(common, a.Key):
			n += costCommon
		case a.Form == expr.Within, a.Form == expr.Begin, a.Form == expr.End:
			n += costSearch
		case a.Form == expr.There && a.Key.Info().Type != schema.Boolean:
			n += costThere
		}
	}
	return n
}

// table returns the group's table for an anchor, nil where there can be none.
func (g *group) table(a *expr.Anchor) *anchor {
	for _, t := range g.tables {
		if t.key == a.Key && t.form == a.Form {
			return t
		}
	}
	if len(g.tables) == mostTables {
		return nil
	}
	t := &anchor{key: a.Key, form: a.Form, words: map[string][]int32{}}
	g.tables = append(g.tables, t)
	return t
}

func (g *group) search(in *expr.Scanner) *search {
	for _, s := range g.searches {
		if s.in == in {
			return s
		}
	}
	s := &search{in: in}
	g.searches = append(g.searches, s)
	return s
}

// candidates sets in bits, which it returns, the rules whose condition may hold for
// the event that m has loaded.
func (g *group) candidates(bits []uint64, m *expr.Machine) []uint64 {
	bits = append(bits[:0], g.always...)
	for _, t := range g.tables {
		fields := m.Values(t.key)
		for i := range fields {
			if fields[i].Key == t.key {
				t.mark(bits, fields[i].Value())
			}
		}
	}
	for _, s := range g.searches {
		s.mark(bits, m)
	}
	return bits
}

func (t *anchor) mark(bits []uint64, v event.Value) {
	s := v.Str()
	switch {
	case v.Kind() != event.KindString:
		markAll(bits, t.all)
	case t.form == expr.There:
		if s != "" {
			markAll(bits, t.all)
		}
	case t.form == expr.Begin:
		for _, n := range t.sizes {
			if n > len(s) {
				break
			}
			t.look(bits, s[:n])
		}
	case t.form == expr.End:
		for _, n := range t.sizes {
			if n > len(s) {
				break
			}
			t.look(bits, s[len(s)-n:])
		}
	default:
		t.look(bits, t.form.Of(s))
	}
}

// look marks the rules that ask for a word. Where none is as long, its text is not read,
// which most often waits for memory.
func (t *anchor) look(bits []uint64, word string) {
	if p := *t.place(word); p != 0 && p&bitOf(word) != 0 {
		markAll(bits, t.words[word])
	}
}

func (s *search) mark(to []uint64, m *expr.Machine) {
	found, wide := m.Found(s.in)
	for w, word := range found {
		for ; word != 0; word &= word - 1 {
			if p := w*64 + bits.TrailingZeros64(word); p < len(s.rules) {
				markAll(to, s.rules[p])
			}
		}
	}
	if wide {
		markAll(to, s.fold)
	}
}

func markAll(bits []uint64, list []int32) {
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

package filter

import (
	"slices"

	"tallyman/pipeline/event"
	"tallyman/pipeline/expr"
	"tallyman/pipeline/meter"
)

// rule is a compiled entry, beside its words.
type rule struct {
	name  string
	terms [numTerms][]word
	when  *expr.Program
	count *meter.Counter
}

// word is what one fact may be.
type word struct {
	fact fact
	is   string            // never empty
	like func(string) bool // instead of is
}

// ruleSet is rules that are judged together, 64 in a bank.
type ruleSet struct{ banks []bank }

// bank holds rules as bits: an event is read once for all of them.
type bank struct {
	rules   []rule
	free    [numTerms]uint64 // the rules without a term
	table   factTable        // the facts that the rules name
	hints   hints
	columns [numFacts]column
	likes   []like
}

// like is a pattern of the program, and the rule that names it.
type like struct {
	match func(string) bool
	rule  uint64
}

func newRuleSet(list []rule) ruleSet {
	var s ruleSet
	for part := range slices.Chunk(list, 64) {
		b := bank{rules: part}
		for i, r := range part {
			for t, words := range r.terms {
				if len(words) == 0 {
					b.free[t] |= 1 << i
				}
				for _, w := range words {
					b.add(w, 1<<i)
				}
			}
		}
		s.banks = append(s.banks, b)
	}
	return s
}

// add notes that a rule names a word.
func (b *bank) add(w word, rule uint64) {
	b.table.mark(w.fact)
	if w.like != nil {
		b.likes = append(b.likes, like{w.like, rule})
		return
	}
	b.hints.add(w.fact, w.is)
	b.columns[w.fact].add(w.is, rule)
}

// describes returns the rules whose terms all hold for e, but for their
// expressions.
func (b *bank) describes(e *event.Event) uint64 {
	holds, exe := b.free, ""
	for i := range e.Fields {
		x := &e.Fields[i]
		at := b.table[int(x.Key)%len(b.table)]
		if at == factNone { // nearly all
			continue
		}
		s := x.Str()
		switch at {
		case factData:
			switch x.Name() {
			case "syscall":
				at = factSyscall
			case "exit":
				at = factExit
			default:
				continue
			}
		case factExe:
			exe = s
		}
		if s != "" && b.hints.perhaps(at, s) {
			holds[termOf[at]] |= b.columns[at].of(s)
		}
	}
	left := ^uint64(0) >> (64 - len(b.rules))
	for t := range termExe {
		left &= holds[t]
	}
	return left & b.runs(holds[termExe], left, exe)
}

// runs returns who names the program, of the rules in left; ok are known to. A
// pattern costs more than a word: only who can still hold is asked.
func (b *bank) runs(ok, left uint64, exe string) uint64 {
	for i := range b.likes {
		if l := &b.likes[i]; l.rule&left&^ok != 0 && exe != "" && l.match(exe) {
			ok |= l.rule
		}
	}
	return ok
}

package filter

import "tallyman/pipeline/schema"

// fact is one thing that terms compare.
type fact uint8

// The facts. The first is none: a field that no term looks at.
const (
	factNone fact = iota
	factSyscall
	factType
	factUID
	factUser
	factExit
	factReason
	factOutcome
	factKey
	factExe
	numFacts
	factData // auditd.data, where names tell
)

// term is one key of an entry: one of its words must hold.
type term uint8

const (
	termSyscall term = iota
	termType
	termUID
	termExit
	termKey
	termExe
	numTerms
)

// termOf says which key of an entry names a fact.
var termOf = [numFacts]term{factSyscall: termSyscall, factType: termType, factUID: termUID, factUser: termUID,
	factExit: termExit, factReason: termExit, factOutcome: termExit, factKey: termKey, factExe: termExe}

// factTable says what a field is to the terms. Its size is a power of two so that
// a look into it needs no check of bounds.
type factTable [1 << 10]fact

// mark notes the field that has a fact.
func (t *factTable) mark(f fact) {
	k, at := schema.AuditdData, factData
	switch f {
	case factType:
		k, at = schema.EventCode, f
	case factUID:
		k, at = schema.UserID, f
	case factUser:
		k, at = schema.UserName, f
	case factReason:
		k, at = schema.EventReason, f
	case factOutcome:
		k, at = schema.EventOutcome, f
	case factKey:
		k, at = schema.AuditdKey, f
	case factExe:
		k, at = schema.ProcessExecutable, f
	}
	t[int(k)%len(t)] = at
}

// column is the words that one fact may be, and the rules that name each.
type column struct {
	words []string
	rules []uint64
}

func (c *column) add(word string, rule uint64) {
	for i, w := range c.words {
		if w == word {
			c.rules[i] |= rule
			return
		}
	}
	c.words, c.rules = append(c.words, word), append(c.rules, rule)
}

// of returns the rules that name s.
func (c *column) of(s string) uint64 {
	for i, w := range c.words {
		if w == s {
			return c.rules[i]
		}
	}
	return 0
}

// hints is a set of words that answers "perhaps" or "no" without a look at all of
// their bytes: most values of events are in no rule.
type hints [4]uint64

func hint(f fact, s string) uint8 {
	return uint8(f)*29 + uint8(len(s))*31 + s[0]*7 + s[len(s)-1]*13
}

func (h *hints) add(f fact, s string) {
	n := hint(f, s)
	h[n>>6] |= 1 << (n & 63)
}

func (h *hints) perhaps(f fact, s string) bool {
	n := hint(f, s)
	return h[n>>6]>>(n&63)&1 != 0
}

package audit

import (
	"strings"
)

// titles keeps what PROCTITLE records of late say. A process has the same one in
// all of its events, and to read it and to join it took a thirtieth of a run.
type titles [64]title

// title is one of them. It is kept when it comes for the second time.
type title struct {
	once  uint64 // the hash of the one that came last and is not kept
	hex   string // as it stands in the record
	text  string
	shown string // titleText of it
}

// of returns the title of a field in hex, without NUL at its end, and how it is
// shown where that is known, else "".
func (k *titles) of(f *facts, t *Token) (text, shown string) {
	h := mix(t.Val)
	at := &k[h%uint64(len(k))]
	if at.hex == t.Val && at.hex != "" {
		return at.text, at.shown
	}
	text = strings.TrimRight(f.text(t), "\x00")
	if at.once != h {
		at.once = h
		return text, ""
	}
	text = strings.Clone(text)
	*at = title{hex: strings.Clone(t.Val), text: text, shown: strings.Clone(f.spaced(text))}
	return text, at.shown
}

// mix tells texts apart by their length and four pieces of them. Those that it
// takes for one are read anew each time.
func mix(s string) uint64 {
	const prime = 0x9e3779b97f4a7c15
	n := len(s)
	h := uint64(n) * prime
	if n < 8 {
		for i := range n {
			h = (h ^ uint64(s[i])) * prime
		}
		return h ^ h>>32
	}
	for _, i := range [...]int{0, (n - 8) / 3, (n - 8) / 3 * 2, n - 8} {
		h = (h ^ load(s, i)) * prime
		h ^= h >> 32
	}
	return h
}

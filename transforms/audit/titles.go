package audit

import (
	"strings"

	"tallyman/pipeline/event"
)

// titles keeps what PROCTITLE records of late say. A process has the same one in
// all of its events, and to read it and to join it took a thirtieth of a run.
type titles [64]title

// titleBytes is the most that one of them has in hex; the kernel writes 128 bytes.
const titleBytes = 1024

// title is one of them. It is kept when it comes for the second time.
type title struct {
	once  uint64 // the hash of the one that came last and is not kept
	hex   string // as it stands in the record
	text  string
	shown string // titleText of it
	plain bool   // hex is hex to its end

	// What an event without EXECVE has of it, nil where that is not known: the fields, and
	// the arguments.
	fields event.Fields
	args   []string
}

// of returns the title of a field in hex, without NUL at its end, and how it is
// shown where that is known, else "".
func (k *titles) of(f *facts, t *Token) (text, shown string) {
	at, h := k.place(t.Val)
	if at.hex == t.Val && at.hex != "" {
		return at.text, at.shown
	}
	return at.take(f, h, t.Val, strings.TrimRight(f.text(t), "\x00"), false)
}

// takePlain takes a title that is hex to its end; false for another.
func (k *titles) takePlain(f *facts, s string) bool {
	at, h := k.place(s)
	if at.hex == s {
		if at.plain {
			f.title, f.shown, f.titled = at.text, at.shown, at
		}
		return at.plain
	}
	b, ok := appendHex(f.buf[:0], s)
	if f.buf = b; ok {
		f.title, f.shown = at.take(f, h, s, strings.TrimRight(f.arena.keep(b), "\x00"), true)
	}
	return ok
}

func (k *titles) place(s string) (*title, uint64) {
	h := mix(s)
	return &k[h%uint64(len(k))], h
}

// take returns the text of a title that was read, and keeps it if it was the last here.
func (at *title) take(f *facts, h uint64, hex, text string, plain bool) (string, string) {
	if at.once != h || len(hex) > titleBytes {
		at.once = h
		return text, ""
	}
	text = strings.Clone(text)
	*at = title{hex: strings.Clone(hex), text: text, shown: strings.Clone(f.spaced(text)), plain: plain}
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

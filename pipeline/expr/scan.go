package expr

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"tallyman/pipeline/schema"
)

// Scanner finds the words that patterns on one field need, all of them in one pass
// over the field's text: rules ask the same command line for hundreds of words, and to
// look for one after the other took most of their time. It finds words without regard
// to case, which is what a pattern may need and never more: where it has none of a
// pattern's words, the pattern does not match.
type Scanner struct {
	key  schema.Key
	many bool // the field is a list

	mu    sync.Mutex
	needs [][]needle // by pattern: its words in lower case
	ready atomic.Pointer[automaton]
}

// needle is a word that is looked for.
type needle struct {
	text        string
	left, right bool // no letter of a word stands before it, or behind it
}

// inWord reports whether a byte is what \b takes for a part of a word.
func inWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
}

// need adds a pattern, of which every match holds one of words, and returns its
// number.
func (s *Scanner) need(words []needle) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	lower := make([]needle, len(words))
	for i, w := range words {
		lower[i] = needle{lowerASCII(w.text), w.left, w.right}
	}
	for p, known := range s.needs {
		if slices.Equal(known, lower) {
			return p // a second question after the same words
		}
	}
	s.needs = append(s.needs, lower)
	s.ready.Store(nil)
	return len(s.needs) - 1
}

// has returns the automaton of a scanner that knows a pattern.
func (s *Scanner) has() *automaton {
	if a := s.ready.Load(); a != nil {
		return a
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := newAutomaton(s.needs)
	s.ready.Store(a)
	return a
}

// lowerASCII is t with the letters of ASCII in lower case.
func lowerASCII(t string) string {
	b := []byte(t)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// automaton is that of Aho and Corasick over the bytes that words have: a state is the
// longest part of the text so far that a word begins with.
type automaton struct {
	class    [256]uint8 // of a byte; 0 is one of no word
	classes  int
	next     []int32    // by state times classes plus class: the state after it, times classes, and below 0 where words end there
	out      [][]ending // by state: the words that end here, nil for none
	patterns int
}

// ending is a word of a pattern that ends at a state.
type ending struct {
	pattern     int32
	size        int32 // of the word
	left, right bool
}

func newAutomaton(needs [][]needle) *automaton {
	a := &automaton{classes: 1, patterns: len(needs)}
	for _, words := range needs {
		for _, w := range words {
			for _, c := range []byte(w.text) {
				if a.class[c] == 0 {
					a.class[c] = uint8(a.classes)
					a.classes++
				}
			}
		}
	}
	for c := 'A'; c <= 'Z'; c++ {
		a.class[c] = a.class[c+'a'-'A']
	}
	a.state()
	for p, words := range needs {
		for _, w := range words {
			a.word(w, int32(p))
		}
	}
	a.close()
	return a
}

// state adds a state and returns where its row begins.
func (a *automaton) state() int32 {
	at := int32(len(a.next))
	a.next = append(a.next, make([]int32, a.classes)...)
	a.out = append(a.out, nil)
	return at
}

func (a *automaton) word(w needle, pattern int32) {
	at := int32(0)
	for i := range len(w.text) {
		c := at + int32(a.class[w.text[i]])
		if a.next[c] == 0 {
			fresh := a.state()
			a.next[c] = fresh
		}
		at = a.next[c]
	}
	out := &a.out[int(at)/a.classes]
	if end := (ending{pattern, int32(len(w.text)), w.left, w.right}); !slices.Contains(*out, end) {
		*out = append(*out, end)
	}
}

// close gives each state the steps of the longest other part that it ends with, from
// the shortest states on.
func (a *automaton) close() {
	fail := make([]int32, len(a.out))
	queue := make([]int32, 0, len(a.out))
	for c := range a.classes {
		if to := a.next[c]; to != 0 {
			queue = append(queue, to)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		short := fail[int(at)/a.classes]
		for _, p := range a.out[int(short)/a.classes] {
			if out := &a.out[int(at)/a.classes]; !slices.Contains(*out, p) {
				*out = append(*out, p)
			}
		}
		for c := range int32(a.classes) {
			if to := a.next[at+c]; to != 0 {
				fail[int(to)/a.classes] = a.next[short+c]
				queue = append(queue, to)
			} else {
				a.next[at+c] = a.next[short+c]
			}
		}
	}
	for i, to := range a.next {
		if a.out[int(to)/a.classes] != nil {
			a.next[i] = -to
		}
	}
}

// scan sets in bits the patterns of which t holds a word, and reports whether t has
// anything beyond ASCII.
func (a *automaton) scan(t string, bits []uint64) (wide bool) {
	at, high, next, class := int32(0), byte(0), a.next, &a.class
	for i := range len(t) {
		c := t[i]
		high |= c
		if at = next[at+int32(class[c])]; at < 0 {
			at = -at
			endings(t, i, a.out[int(at)/a.classes], bits)
		}
	}
	return high >= 0x80
}

// endings sets in bits the patterns of the words that end at i and stand alone where they
// have to.
func endings(t string, i int, words []ending, bits []uint64) {
	for _, w := range words {
		if before := i - int(w.size); w.left && before >= 0 && inWord(t[before]) || w.right && i+1 < len(t) && inWord(t[i+1]) {
			continue
		}
		bits[w.pattern/64] |= 1 << (w.pattern % 64)
	}
}

// scanned is what a machine keeps of a scanner: what the text of the loaded event
// holds.
type scanned struct {
	of   *Scanner
	with *automaton
	turn uint32
	wide bool
	bits []uint64
}

// holds reports whether the text of a scanner's field may match one of its patterns;
// fold says that the pattern ignores case, also beyond ASCII.
func (m *Machine) holds(s *Scanner, pattern int, fold bool, t string) bool {
	at := m.scanOf(s)
	if at.turn != m.turn || pattern >= at.with.patterns {
		m.scan(at, t)
	}
	return at.bits[pattern/64]>>(pattern%64)&1 != 0 || fold && at.wide
}

// Found returns the patterns of which the loaded event's text, or one of its texts where
// the field is a list, holds a word, a bit for each, and whether there is anything beyond
// ASCII. Both are good until the next Load.
func (m *Machine) Found(s *Scanner) (bits []uint64, wide bool) {
	at := m.scanOf(s)
	if at.turn == m.turn {
		return at.bits, at.wide
	}
	if s.many {
		m.scanAll(at)
	} else if t := m.text(s.key); t != "" {
		m.scan(at, t)
	}
	if at.turn != m.turn {
		return nil, false
	}
	return at.bits, at.wide
}

// scanAll has at hold what is in any value of a list.
func (m *Machine) scanAll(at *scanned) {
	for v := range m.from(at.of.key).All(at.of.key) {
		if t := textOf(v); at.turn != m.turn {
			m.scan(at, t)
		} else if at.with.scan(t, at.bits) {
			at.wide = true
		}
	}
}

// scan has at hold what is in t alone.
func (m *Machine) scan(at *scanned, t string) {
	at.with = at.of.has()
	if n := (at.with.patterns + 63) / 64; cap(at.bits) < n {
		at.bits = make([]uint64, n)
	} else {
		at.bits = at.bits[:n]
		clear(at.bits)
	}
	at.turn, at.wide = m.turn, at.with.scan(t, at.bits)
}

// scanOf returns what m keeps of a scanner; few fields have one.
func (m *Machine) scanOf(s *Scanner) *scanned {
	for i := range m.scans {
		if m.scans[i].of == s {
			return &m.scans[i]
		}
	}
	if len(m.scans) == mostScans { // of programs that are gone, after many reloads
		m.scans = m.scans[:0]
	}
	m.scans = append(m.scans, scanned{of: s, turn: m.turn - 1})
	return &m.scans[len(m.scans)-1]
}

// mostScans bounds what a machine keeps: more than there are fields of text that
// patterns are asked of.
const mostScans = 64

// holding returns contains with a constant word.
func holding(s *Scanner, of text, word string) test {
	p := s.need([]needle{{text: word}})
	return func(m *Machine, item string) bool {
		t := of(m, item)
		return m.holds(s, p, false, t) && strings.Contains(t, word)
	}
}

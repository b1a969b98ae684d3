package expr

import (
	"bytes"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
)

// A regular expression costs tens of nanoseconds for each byte, and nearly all
// texts do not match. So a pattern is asked first whether the text holds one of
// the literals without which it cannot match; only then is it run.

// pattern returns the closure of `text matches "…"`.
func pattern(scan *Scanner, of text, n ast.Node) test {
	s, ok := n.(*ast.StringNode)
	if !ok {
		return nil
	}
	re, err := regexp.Compile(s.Value)
	if err != nil {
		return nil // the type checker has told
	}
	words, fold := literals(s.Value)
	switch {
	case words != nil && scan != nil:
		p := scan.need(words)
		return func(m *Machine, item string) bool {
			t := of(m, item)
			return m.holds(scan, p, fold, t) && re.MatchString(t)
		}
	case words == nil:
		return func(m *Machine, item string) bool { return re.MatchString(of(m, item)) }
	case !fold:
		return func(m *Machine, item string) bool {
			t := of(m, item)
			for _, w := range words {
				if strings.Contains(t, w.text) {
					return re.MatchString(t)
				}
			}
			return false
		}
	}
	lower := make([][]byte, len(words))
	for i, w := range words {
		lower[i] = []byte(strings.ToLower(w.text))
	}
	return func(m *Machine, item string) bool {
		t := of(m, item)
		return m.mayHold(t, lower) && re.MatchString(t)
	}
}

// mayHold reports whether t, in lower case, holds one of the words. A text
// beyond ASCII always may: there, letters have more than two cases.
func (m *Machine) mayHold(t string, words [][]byte) bool {
	b := m.lower[:0]
	for i := 0; i < len(t); i++ {
		c := t[i]
		if c >= 0x80 {
			return true
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	m.lower = b
	for _, w := range words {
		if bytes.Contains(b, w) {
			return true
		}
	}
	return false
}

// Bounds of what literals looks for.
const (
	mostWords  = 24 // more are slower than the pattern
	shortest   = 2  // a single letter is in nearly every text
	mostExact  = 16
	widestSet  = 4 // characters of a class that is taken apart
	longestLit = 64
)

// literals returns texts of which every match of the pattern holds at least one,
// nil where it finds none, and whether case is to be ignored.
func literals(pattern string) (words []needle, fold bool) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, false
	}
	f := &finder{}
	found := f.find(re.Simplify())
	list := found.need
	if good(found.exact) {
		list = better(list, found.exact)
	}
	for _, w := range list {
		words = append(words, needleOf(w))
	}
	return words, f.fold
}

// edge stands in a text where \b stood in the pattern. No literal holds this byte.
const edge = "\xff"

// needleOf takes the edges out of a text. Beside a letter of a word one says that
// no other is beyond it: an nc that is the end of runc is none.
func needleOf(w string) needle {
	n := needle{text: strings.ReplaceAll(w, edge, "")}
	if n.text != "" {
		n.left = strings.HasPrefix(w, edge) && inWord(n.text[0])
		n.right = strings.HasSuffix(w, edge) && inWord(n.text[len(n.text)-1])
	}
	return n
}

type finder struct{ fold bool }

// found is what is known of a part of a pattern: all that it can match, where
// that is few texts, and otherwise texts of which each match holds one, and those
// of which each begins with one.
type found struct {
	exact []string
	need  []string
	begin []string
}

// first returns what each match begins with, nil where nothing is known.
func (f found) first() []string {
	if f.exact != nil {
		return f.exact
	}
	return f.begin
}

func (f *finder) find(re *syntax.Regexp) found {
	f.fold = f.fold || re.Flags&syntax.FoldCase != 0
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpNoWordBoundary:
		return found{exact: []string{""}}
	case syntax.OpWordBoundary:
		return found{exact: []string{edge}}
	case syntax.OpLiteral:
		// An invalid byte matches U+FFFD and is not it.
		if !slices.Contains(re.Rune, utf8.RuneError) {
			return found{exact: []string{string(re.Rune)}}
		}
	case syntax.OpCharClass:
		return found{exact: class(re.Rune)}
	case syntax.OpCapture:
		return f.find(re.Sub[0])
	case syntax.OpQuest:
		if sub := f.find(re.Sub[0]); sub.exact != nil && len(sub.exact) < mostExact {
			return found{exact: append([]string{""}, sub.exact...)}
		}
	case syntax.OpPlus:
		sub := f.find(re.Sub[0])
		if good(sub.exact) {
			sub.need = better(sub.need, sub.exact)
		}
		return found{need: sub.need, begin: sub.first()}
	case syntax.OpStar:
		f.find(re.Sub[0]) // for its flags
	case syntax.OpAlternate:
		return f.alternate(re.Sub)
	case syntax.OpConcat:
		return f.concat(re.Sub)
	}
	return found{}
}

// class returns the characters of a small class.
func class(ranges []rune) []string {
	var out []string
	for i := 0; i+1 < len(ranges); i += 2 {
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			if len(out) == widestSet || r >= 0x80 {
				return nil
			}
			out = append(out, string(r))
		}
	}
	return out
}

func (f *finder) alternate(subs []*syntax.Regexp) found {
	all := found{exact: []string{}, need: []string{}, begin: []string{}}
	for _, sub := range subs {
		one := f.find(sub)
		if all.exact != nil && one.exact != nil && len(all.exact)+len(one.exact) <= mostExact {
			all.exact = append(all.exact, one.exact...)
		} else {
			all.exact = nil
		}
		if begin := one.first(); all.begin != nil && begin != nil && len(all.begin)+len(begin) <= mostExact {
			all.begin = append(all.begin, begin...)
		} else {
			all.begin = nil
		}
		if good(one.exact) {
			one.need = better(one.need, one.exact)
		}
		if all.need != nil && one.need != nil && len(all.need)+len(one.need) <= mostWords {
			all.need = append(all.need, one.need...)
		} else {
			all.need = nil
		}
	}
	return all
}

// concat joins what its parts match exactly as far as it goes, and keeps the
// best of the texts that must be there.
func (f *finder) concat(subs []*syntax.Regexp) found {
	run := []string{""}
	var need, begin []string
	whole := true
	for _, sub := range subs {
		one := f.find(sub)
		if one.exact != nil && len(run)*len(one.exact) <= mostExact {
			run = product(run, one.exact)
			continue
		}
		// The parser takes out what alternatives begin with: mkfifo|mknod is mk(fifo|nod).
		if first := one.first(); first != nil && len(run)*len(first) <= mostExact {
			run = product(run, first)
		}
		if whole {
			begin, whole = run, false
		}
		if good(run) {
			need = better(need, run)
		}
		need = better(need, one.need)
		run = []string{""}
		if one.exact != nil {
			run = one.exact
		}
	}
	if whole {
		return found{exact: run}
	}
	if good(run) {
		need = better(need, run)
	}
	return found{need: need, begin: begin}
}

func product(a, b []string) []string {
	out := make([]string, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			out = append(out, x+y)
		}
	}
	return out
}

// good reports whether every word is long enough to be worth looking for.
func good(words []string) bool { return len(words) > 0 && least(words) >= shortest }

func least(words []string) int {
	n := longestLit
	for _, w := range words {
		n = min(n, len(w)-strings.Count(w, edge))
	}
	return n
}

// better returns the set whose shortest word is longer.
func better(a, b []string) []string {
	if len(b) > 0 && (len(a) == 0 || least(b) > least(a)) {
		return b
	}
	return a
}

package redact

import (
	"slices"
	"strings"
)

// program says how a program takes its secrets, beside what names tell.
type program struct {
	names    []string
	begins   bool     // the names are how its name may begin
	but      string   // except this, and this with a word behind it
	attached []string // the secret follows in the same argument
	next     []string // in the same or the next
	pairs    []string // as next, of user:secret; with a percent sign, a comma, an equals or an at sign at the end for that instead
	words    []string // the secret follows this word
	flags    string   // options without a value, which may stand before one of next in its argument: -xw
	valued   []string // options with a value that is none of places
	places   []place  // secrets that no option tells
	under    []under  // more, only behind a word
	stdin    []input  // where it reads a secret from its input
	not      []string // long options whose name is that of a secret, and their value is none
	flag     bool     // a long option takes its secret only behind an equals sign
	signs    []string // how what follows a name of less than four bytes begins where it asks for a secret
	apart    bool     // an option and its secret never stand in one argument
	inner    bool     // its arguments may be texts of commands of its own: lftp -e 'open -u a,b h'
	special  special
}

// under is how a program takes secrets behind one of some words: docker login -p.
type under struct {
	words []string
	next  []string
	pairs []string
}

// input is the word, and the one before it, behind which a program reads a secret from its
// input; none for always.
type input struct{ before, word string }

// special is what a program does that no list says.
type special uint8

const (
	plain    special = iota
	wrapper          // another program stands behind it
	shell            // as wrapper; what follows -c is a text of its own
	chpasswd         // user:secret is written to it
	batch            // htpasswd -b: the last argument
	expect           // what it sends is a secret where it was asked for one
)

type programs struct {
	byName map[string]*program
	begins []*program
	short  byteSet // how names of less than four bytes begin
	starts byteSet // how those of begins do
}

func (p *programs) add(one program) {
	if p.byName == nil {
		p.byName = map[string]*program{}
		p.short['s'] = true // set, of config set
	}
	if one.begins {
		p.begins = append(p.begins, &one)
		for _, n := range one.names {
			p.starts[n[0]] = true
		}
		return
	}
	for _, n := range one.names {
		p.byName[n] = &one
		p.short[n[0]] = p.short[n[0]] || len(n) < leastLiteral && p.takes(n)
	}
}

// list returns the names that tell that a text may hold a secret.
func (p *programs) list() (names []string) {
	for n := range p.byName {
		if p.takes(n) {
			names = append(names, n)
		}
	}
	for _, one := range p.begins {
		names = append(names, one.names...)
	}
	slices.Sort(names)
	return names
}

// takes reports whether the program of that name takes a secret in a way of its
// own.
func (p *programs) takes(name string) bool {
	one := p.byName[name]
	return one != nil && (len(one.attached)+len(one.next)+len(one.pairs)+len(one.words)+len(one.places)+len(one.under) > 0 || one.special > shell)
}

// marks are what may stand before a program in a text.
var marks = [...]string{" ", "bin/", "zip/", "\"", "'", "=", ";", "|", "&", "(", "`", "\n", "\t"}

// literals returns the texts that tell the program of a name. One of a short name is told
// by the words behind it that ask for a secret, or, where it has none, by what parts it from
// others before and behind.
func (p *programs) literals(name string) (list []literal) {
	one := p.byName[name]
	switch {
	case len(name) >= leastLiteral:
		return []literal{{text: name, class: classProgram}}
	case one != nil && len(one.signs) > 0:
		for _, s := range one.signs {
			list = append(list, literal{text: name + " " + s, class: classProgram})
		}
		return list
	}
	ends := []string{name + " "}
	if len(name)+2 < leastLiteral { // too short with a mark, too
		ends = nil
		for c := byte('!'); c <= 'z'; c++ {
			ends = append(ends, name+" "+string(rune(c)))
		}
	}
	for _, end := range ends {
		list = append(list, literal{text: end, class: classProgram, start: true})
		for _, mark := range marks {
			list = append(list, literal{text: mark + end, class: classProgram})
		}
	}
	return list
}

// instead reports whether, in words of anybody, p stands where another program's arguments
// were read, and is none of its words.
func (p *program) instead(other *program, s string) bool {
	has := func(list []string) bool { return slices.Contains(list, s) }
	switch {
	case p.special == wrapper, p.special == shell, len(p.attached)+len(p.next)+len(p.pairs)+len(p.words)+len(p.places)+len(p.under) == 0 && p.special == plain:
		return false
	case has(other.words), slices.ContainsFunc(other.under, func(u under) bool { return has(u.words) }), slices.ContainsFunc(other.places, func(x place) bool { return has(x.behind) }):
		return false
	}
	return true
}

// slashes reports whether options of the program begin with a slash.
func (p *program) slashes() bool {
	for _, o := range p.attached {
		if o[0] == '/' {
			return true
		}
	}
	return false
}

// find returns the program of a word, nil for none.
func (p *programs) find(word string) *program {
	if i := strings.LastIndexByte(word, '/'); i >= 0 {
		word = word[i+1:]
	}
	if one := p.byName[word]; one != nil {
		return one
	}
	if word == "" || !p.starts[word[0]] {
		return nil
	}
	for _, one := range p.begins {
		for _, n := range one.names {
			if strings.HasPrefix(word, n) && !one.another(word) {
				return one
			}
		}
	}
	return nil
}

// another reports whether a name that begins right is another program's.
func (p *program) another(word string) bool {
	rest, ok := strings.CutPrefix(word, p.but)
	return p.but != "" && ok && (rest == "" || rest[0] == '_' || rest[0] == '-')
}

package redact

import "strings"

// class is what a literal may be the start of.
type class uint8

const (
	className    class = iota + 1 // of a password, in --password= or "token":
	classProgram                  // a program with a short option
	classToken                    // a token; arg is its place in tokens
	classURL                      // ://user:secret@
	classDSN                      // user:secret@tcp(
	classKey                      // a block of a private key
	classHeader                   // authorization:, cookie:
	classScheme                   // bearer, basic; arg 1 for basic
	classAWS                      // AKIA…:secret
	classOwn                      // a pattern of the settings
)

// literal is a text without which a kind of secret cannot be there.
type literal struct {
	text  string // at least leastLiteral bytes
	fold  bool   // in upper or lower case; text is in lower
	class class
	arg   int
}

const leastLiteral = 3

// look finds literals. It reads a text two bytes at a time and asks a table
// whether these two stand in a literal; each literal has one pair for the texts
// where it begins at an even place and one for the others, the rarest it has.
type look struct {
	at     [1 << 16]uint16 // the pair's place in probes, 0 for none
	probes [][]probe
	list   []literal
}

// probe is a literal that has a pair at an offset.
type probe struct {
	literal, offset int
}

func newLook(list []literal) *look {
	l := &look{probes: make([][]probe, 1), list: list}
	for i := range list {
		for parity := range 2 {
			l.enter(i, rarest(list[i].text, parity))
		}
	}
	return l
}

// rarest returns the even (0) or odd (1) place of the pair that texts have least.
func rarest(s string, parity int) int {
	best, least := parity, 1<<30
	for i := parity; i+1 < len(s); i += 2 {
		if n := common(s[i]) * common(s[i+1]); n < least {
			best, least = i, n
		}
	}
	return best
}

// common says how often a byte stands in command lines and paths, roughly.
func common(c byte) int {
	const order = "zjq_w:kxyvbfghmpu0d1clnar-osite/" // the later, the more often
	return strings.IndexByte(order, c) + 2
}

// enter notes a pair, in every case that it may be written in.
func (l *look) enter(i, offset int) {
	a, b := l.list[i].text[offset], l.list[i].text[offset+1]
	as, bs := []byte{a}, []byte{b}
	if l.list[i].fold {
		as, bs = cases(a), cases(b)
	}
	for _, a := range as {
		for _, b := range bs {
			cell := &l.at[int(a)<<8|int(b)]
			if *cell == 0 {
				*cell = uint16(len(l.probes))
				l.probes = append(l.probes, nil)
			}
			l.probes[*cell] = append(l.probes[*cell], probe{i, offset})
		}
	}
}

func cases(c byte) []byte {
	if c >= 'a' && c <= 'z' {
		return []byte{c, c - 'a' + 'A'}
	}
	return []byte{c}
}

// cursor is how far a text was looked through.
type cursor struct {
	i int // the pair at hand
	k int // the probes of it that were tried
}

// next returns the next literal of s and its place, in no order; nil at the end.
func (l *look) next(s string, c *cursor) (int, *literal) {
	for i := c.i; i+1 < len(s); i += 2 {
		n := l.at[int(s[i])<<8|int(s[i+1])]
		if n == 0 {
			continue
		}
		k := 0
		if i == c.i {
			k = c.k
		}
		for probes := l.probes[n]; k < len(probes); k++ {
			lit := &l.list[probes[k].literal]
			at := i - probes[k].offset
			if at < 0 || at+len(lit.text) > len(s) {
				continue
			}
			if text := s[at : at+len(lit.text)]; text == lit.text || lit.fold && equalFold(text, lit.text) {
				c.i, c.k = i, k+1
				return at, lit
			}
		}
	}
	c.i, c.k = len(s), 0
	return 0, nil
}

// equalFold compares s with a text in lower case, by the letters of ASCII.
func equalFold(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

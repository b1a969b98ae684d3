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
	classSQL                      // identified by 'secret'
	classOwn                      // a pattern of the settings
)

// literal is a text without which a kind of secret cannot be there.
type literal struct {
	text  string // at least leastLiteral bytes
	fold  bool   // in upper or lower case; text is in lower
	class class
	arg   int
}

// nameEnd returns where the name ends of which the literal at i is a part: a short one
// has the mark behind it in its text, "pwd=".
func (l *literal) nameEnd(i int) int {
	n := len(l.text)
	if !nameByte(l.text[n-1]) {
		n--
	}
	return i + n
}

// stride is how far apart the pairs of bytes stand that are looked at, and
// leastLiteral what a literal needs so that one of its pairs always is.
const (
	stride       = 3
	leastLiteral = stride + 1
)

// look finds literals. Of each three bytes of a text it asks a table whether the
// first two stand in a literal; each literal has one pair there for each of the
// three ways in which it may lie, the rarest.
type look struct {
	bits   [1 << 16 / 64]uint64 // the pairs
	ends   [1 << 16 / 64]uint64 // those of them with which a literal ends
	third  [1 << 16 / 64]uint64 // the others with the byte behind them, mixed
	at     [1 << 16]uint16      // the pair's place in probes
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
		for way := range stride {
			l.enter(i, rarest(list[i].text, way))
		}
	}
	return l
}

// rarest returns the place, of those that one way of lying has, whose pair texts
// have least.
func rarest(s string, way int) int {
	best, least := way, 1<<30
	for i := way; i+1 < len(s); i += stride {
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
	as, bs, cs := []byte{a}, []byte{b}, []byte(nil)
	if offset+2 < len(l.list[i].text) {
		cs = cases(l.list[i].text[offset+2])
	}
	if l.list[i].fold {
		as, bs = cases(a), cases(b)
	}
	for _, a := range as {
		for _, b := range bs {
			pair := uint16(a)<<8 | uint16(b)
			l.bits[pair>>6] |= 1 << (pair & 63)
			if len(cs) == 0 {
				l.ends[pair>>6] |= 1 << (pair & 63)
			}
			for _, c := range cs {
				n := mix(pair, c)
				l.third[n>>6] |= 1 << (n & 63)
			}
			if l.at[pair] == 0 {
				l.at[pair] = uint16(len(l.probes))
				l.probes = append(l.probes, nil)
			}
			l.probes[l.at[pair]] = append(l.probes[l.at[pair]], probe{i, offset})
		}
	}
}

// hit returns the first place from i on, in steps of stride, of a pair that
// stands in a literal; -1 for none.
func (l *look) hit(s string, i int) int {
	for ; i+1 < len(s); i += stride {
		pair := uint16(s[i])<<8 | uint16(s[i+1])
		if l.bits[pair>>6]>>(pair&63)&1 == 0 {
			continue
		}
		if l.ends[pair>>6]>>(pair&63)&1 != 0 {
			return i
		}
		if i+2 < len(s) {
			if n := mix(pair, s[i+2]); l.third[n>>6]>>(n&63)&1 != 0 {
				return i
			}
		}
	}
	return -1
}

// mix makes one number of three bytes; two threes may have the same.
func mix(pair uint16, c byte) uint16 { return pair ^ uint16(c)*0x9e35 }

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
	for {
		i := l.hit(s, c.i)
		if i < 0 {
			c.i, c.k = len(s), 0
			return 0, nil
		}
		if i != c.i {
			c.i, c.k = i, 0
		}
		for probes := l.probes[l.at[uint16(s[i])<<8|uint16(s[i+1])]]; c.k < len(probes); {
			p := probes[c.k]
			c.k++
			lit := &l.list[p.literal]
			at := i - p.offset
			if at < 0 || at+len(lit.text) > len(s) {
				continue
			}
			if text := s[at : at+len(lit.text)]; text == lit.text || lit.fold && equalFold(text, lit.text) {
				return at, lit
			}
		}
		c.i, c.k = i+stride, 0
	}
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

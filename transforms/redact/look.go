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
	classPipe                     // echo secret | program
	classSAS                      // ?sig=
	classAuth                     // "auth": "user:secret in base64", of Docker's configuration
	classCall                     // db.auth('user', 'secret')
	classOwn                      // a pattern of the settings
)

// literal is a text without which a kind of secret cannot be there.
type literal struct {
	text  string // at least leastLiteral bytes
	fold  bool   // in upper or lower case; text is in lower
	class class
	arg   int
	start bool // only at the start of a text; it may be shorter
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
// first two stand in a literal, and then another whether the byte beside them does;
// each literal has one pair there for each of the three ways in which it may lie, that
// which costs least.
type look struct {
	bits   [1 << 16 / 64]uint64 // the pairs
	third  [1 << 16 / 64]uint64 // with the byte behind them, mixed
	prior  [1 << 16 / 64]uint64 // those with which a literal ends, with the byte before them
	at     [buckets]uint16      // the place in probes of a pair and the byte beside it
	probes [][]probe
	list   []literal
}

// buckets is how many lists of probes there are, at most.
const buckets = 1 << 13

// probe is a literal that has a pair at an offset.
type probe struct {
	literal, offset uint16
}

func newLook(list []literal) *look {
	l := &look{probes: make([][]probe, 1), list: list}
	for i := range list {
		if list[i].start {
			l.enter(i, 0)
			continue
		}
		for way := range stride {
			l.enter(i, l.cheapest(&list[i], way))
		}
	}
	return l
}

// cheapest returns the place, of those that one way of lying has, whose pair costs least:
// each time that a text has it the byte beside it is looked at, and then its literals. A
// pair that another literal has costs only the latter.
func (l *look) cheapest(lit *literal, way int) int {
	best, least := way, 1<<60
	for i := way; i+1 < len(lit.text); i += stride {
		pair, other := often(lit.text[i])*often(lit.text[i+1]), often(lit.text[beside(lit.text, i)])
		if strings.Contains(commonThrees, lit.text[i:i+2]) {
			pair *= 4
		}
		n := pair * (1000 + 3*other)
		if at := uint16(lit.text[i])<<8 | uint16(lit.text[i+1]); l.bits[at>>6]>>(at&63)&1 != 0 {
			n = pair * 3 * other
		}
		if isCommon(lit.text, i) {
			n += 1 << 23
		}
		if n < least {
			best, least = i, n
		}
	}
	return best
}

// beside returns the place of the byte that is looked at beside the pair at i: that behind
// it, and before it where a text ends with it.
func beside(s string, i int) int {
	if i+2 < len(s) {
		return i + 2
	}
	return max(0, i-1)
}

// isCommon reports whether the pair at i and the byte that is looked at beside it are a part
// of many words.
func isCommon(s string, i int) bool {
	if beside(s, i) < i {
		i--
	}
	for n := 0; i >= 0 && i+3 <= len(s) && n < len(commonThrees); n += 4 {
		if commonThrees[n:n+3] == s[i:i+3] {
			return true
		}
	}
	return false
}

// commonThrees are parts of the words that paths and command lines of hosts with containers
// are made of.
const commonThrees = "bin exe con ner ker run usr lib app tmp opt box bus ork ain ine ont ost hos ing ion ent ser ver tai nta ock doc loc oca cal sys yst ste tem etc var log " +
	"roo oot hom ome pro roc onf nfi fig ite tes est ide ode nod pyt yth tho hon jav ava net sha har are mod odu dul ule les pac ack cka kag age ges dat ata " +
	"tar arg get rel eas ase rus ust ree cac ach che com omp pon ers ess per ate ter the and for all int str tri men man nag ana sto tor rag ove erl rla " +
	"lay sna nap aps sho hot ots sli lic ice cgr gro rou oup ups cri rip ipt unc nch shi him api com arc kub ube bel ele let pod ods mai mon dae aem use fil ile "

// often says how many of a thousand bytes of records, command lines and paths are c, roughly.
func often(c byte) int {
	if n := frequency[c&127]; n > 0 {
		return int(n)
	}
	return 3
}

var frequency = [128]uint8{'/': 40, 'e': 60, 't': 45, 'i': 45, 's': 45, 'o': 38, 'a': 40, 'r': 32, 'n': 35, 'l': 25, 'c': 30, 'd': 34, 'p': 27, 'u': 25,
	'm': 20, '-': 14, ' ': 45, '.': 16, 'b': 16, 'h': 12, 'g': 15, 'f': 18, 'y': 11, 'v': 8, 'k': 7, 'x': 7, 'w': 9, '_': 8, ':': 8, '=': 30,
	'0': 50, '1': 25, '2': 32, '3': 35, '4': 17, '5': 21, '6': 32, '7': 28, '8': 13, '9': 22, '"': 12, '(': 5, ')': 5}

// enter notes a pair, in every case that it may be written in.
func (l *look) enter(i, offset int) {
	text := l.list[i].text
	a, b, c := text[offset], text[offset+1], text[beside(text, offset)]
	as, bs, cs := []byte{a}, []byte{b}, []byte{c}
	if l.list[i].fold {
		as, bs, cs = cases(a), cases(b), cases(c)
	}
	marks, bucket := &l.third, bucketBehind
	if offset+2 >= len(text) {
		marks, bucket = &l.prior, bucketBefore
	}
	one := probe{literal: uint16(i), offset: uint16(offset)}
	for _, a := range as {
		for _, b := range bs {
			pair := uint16(a)<<8 | uint16(b)
			l.bits[pair>>6] |= 1 << (pair & 63)
			for _, c := range cs {
				n := mix(pair, c)
				marks[n>>6] |= 1 << (n & 63)
				at := &l.at[bucket(n)]
				if *at == 0 {
					*at = uint16(len(l.probes))
					l.probes = append(l.probes, nil)
				}
				l.probes[*at] = append(l.probes[*at], one)
			}
		}
	}
}

// bucketBehind and bucketBefore return the bucket of a pair that is mixed with the byte
// behind it, or before it. Letters in both cases are in different ones.
func bucketBehind(n uint16) uint16 { return (n ^ n>>3) % buckets }
func bucketBefore(n uint16) uint16 { return (n ^ n>>3 ^ 0x1555) % buckets }

// hit returns the first place from i on, in steps of stride, of a pair that
// stands in a literal; -1 for none.
func (l *look) hit(s string, i int) int {
	if i < 0 {
		return -1
	}
	pairs := &l.bits
	for ; i < len(s)-1; i += stride {
		pair := uint16(s[i])<<8 | uint16(s[i+1])
		if pairs[pair>>6]>>(pair&63)&1 == 0 {
			continue
		}
		if i < len(s)-2 {
			if n := mix(pair, s[i+2]); l.third[n>>6]>>(n&63)&1 != 0 {
				return i
			}
		}
		if i > 0 {
			if n := mix(pair, s[i-1]); l.prior[n>>6]>>(n&63)&1 != 0 {
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
		pair := uint16(s[i])<<8 | uint16(s[i+1])
		var behind, before []probe
		if i+2 < len(s) {
			behind = l.probes[l.at[bucketBehind(mix(pair, s[i+2]))]]
		}
		if i > 0 {
			before = l.probes[l.at[bucketBefore(mix(pair, s[i-1]))]]
		}
		for c.k < len(behind)+len(before) {
			list, k := behind, c.k
			if k >= len(behind) {
				list, k = before, k-len(behind)
			}
			c.k++
			lit := &l.list[list[k].literal]
			at := i - int(list[k].offset)
			if at < 0 || at+len(lit.text) > len(s) || lit.start && at > 0 {
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

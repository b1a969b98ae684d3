package session

import (
	"encoding/binary"
	"math/bits"

	"tallyman/pipeline/keep"
)

// words makes sums of command lines. What somebody ran is only ever compared, a
// snapshot of it is on disk, and a secret may stand in it.
type words struct {
	seal  *keep.Seal
	point uint64 // at which a text is taken as a polynomial; a secret like the seal
}

func newWords(seal *keep.Seal) words {
	sum := seal.Of([]byte("point"))
	return words{seal, binary.LittleEndian.Uint64(sum[:8]) % prime}
}

// cmdline is a command line.
type cmdline struct {
	exact  keep.Sum // as Kubernetes tells it, word by word
	spaced keep.Sum // as an engine tells it, with blanks between its words and none at the end
}

// of returns the sums of a command line.
func (w words) of(args []string) cmdline {
	exact, spaced := tail{w: w}, tail{w: w, trims: true}
	for i := len(args) - 1; i >= 0; i-- {
		exact.before(args[i])
		spaced.before(args[i])
		if i > 0 {
			exact.byte(0)
			spaced.byte(' ')
		}
	}
	return cmdline{exact.sum(), spaced.sum()}
}

// command returns the sum of a command as an engine tells it, spaced: one without
// arguments ends with a blank.
func (w words) command(text string) keep.Sum {
	t := tail{w: w, trims: true}
	t.before(text)
	return t.sum()
}

// target is a word of a client's command line that may name the container that it
// means, with what follows.
type target struct {
	name   keep.Sum
	length int      // of the name
	rest   keep.Sum // spaced
}

// mostTargets is how many words of a command line may name a container: far more
// than there are options before its name.
const mostTargets = 1024

// targets returns the words behind `exec` that may name a container.
func (w words) targets(args []string) (list []target) {
	first := 1
	for first < len(args) && args[first] != "exec" {
		first++
	}
	last := first + 1 // behind the last word that is kept
	for n := 0; last < len(args) && n < mostTargets; last++ {
		if isName(args[last]) {
			n++
		}
	}
	t := tail{w: w, trims: true}
	for i := len(args) - 1; i > first; i-- {
		if i < last && isName(args[i]) {
			list = append(list, target{name: w.seal.Of([]byte(args[i])), length: len(args[i]), rest: t.sum()})
		}
		t.byte(' ')
		t.before(args[i])
	}
	return list
}

// means reports whether a target is the container, by its name or by the first digits
// of its id.
func (w words) means(t *target, b *box) bool {
	return b.name != "" && t.name == w.seal.Of([]byte(b.name)) ||
		t.length >= 4 && t.length <= len(b.id) && t.name == w.seal.Of([]byte(b.id[:t.length]))
}

// isName reports whether engines take a word for the name of a container.
func isName(word string) bool {
	for i := range len(word) {
		c := word[i]
		alnum := c-'0' <= 9 || c|0x20-'a' < 26
		if !alnum && (i == 0 || c != '_' && c != '.' && c != '-') {
			return false
		}
	}
	return word != ""
}

// tail is a text that is known from its end on: the sums of a command line from each of
// its words on are had in one pass. It is a polynomial over the field of a prime, and
// what is made of that by the seal.
type tail struct {
	w     words
	value uint64 // below prime
	n     uint64
	trims bool // has no blanks at its end
}

const prime = 1<<61 - 1

// byte puts a byte before the text.
func (t *tail) byte(c byte) {
	if t.trims && t.n == 0 && c == ' ' {
		return
	}
	hi, lo := bits.Mul64(t.value, t.w.point)
	v := lo&prime + (hi<<3 | lo>>61) + uint64(c) + 1
	v = v&prime + v>>61
	if v >= prime {
		v -= prime
	}
	t.value = v
	t.n++
}

// before puts a text before the text.
func (t *tail) before(s string) {
	for i := len(s) - 1; i >= 0; i-- {
		t.byte(s[i])
	}
}

func (t *tail) sum() keep.Sum {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], t.value)
	binary.LittleEndian.PutUint64(b[8:], t.n)
	return t.w.seal.Of(b[:])
}

package container

// Where the newest life of each pid is.

import (
	"iter"
	"math/rand/v2"
)

// index finds a life by its pid. It is asked several times for each event, and often
// for a pid that nobody has. It does less for that than a map of the language, which
// holds anything. The zero index is empty.
type index struct {
	slots []newest // a power of two, at most three quarters of them in use
	n     int      // that are in use
	odd   uint64   // nobody who writes a log can know which pids come to the same place
	shift uint8
}

// newest is a pid and its newest life, 0 where it is empty.
type newest struct {
	who
	life ref
}

// fewest is the size of an index that is not empty.
const fewest = 64

// home returns the slot that w is in, or one after it.
func (x *index) home(w who) int {
	const golden = 0x9e3779b97f4a7c15
	h := (uint64(w.node)<<32 | uint64(uint32(w.pid))) * x.odd
	h ^= h >> 32
	return int(h * golden >> x.shift)
}

// place returns the slot of w, or the empty one where it is to be.
func (x *index) place(w who) int {
	i := x.home(w)
	for x.slots[i].life != 0 && x.slots[i].who != w {
		i = (i + 1) & (len(x.slots) - 1)
	}
	return i
}

// get returns the newest life of w, 0 for none.
func (x *index) get(w who) ref {
	if x.n == 0 {
		return 0
	}
	return x.slots[x.place(w)].life
}

// set makes n, which is not 0, the newest life of w.
func (x *index) set(w who, n ref) {
	if len(x.slots) > 0 {
		switch at := &x.slots[x.place(w)]; {
		case at.life != 0:
			at.life = n
			return
		case x.n < len(x.slots)/4*3:
			*at = newest{w, n}
			x.n++
			return
		}
	}
	x.grow()
	x.slots[x.place(w)] = newest{w, n}
	x.n++
}

func (x *index) grow() {
	before := x.slots
	size := max(fewest, 2*len(before))
	x.slots, x.odd, x.shift = make([]newest, size), rand.Uint64()|1, 64
	for ; size > 1; size /= 2 {
		x.shift--
	}
	for i := range before {
		if before[i].life != 0 {
			x.slots[x.place(before[i].who)] = before[i]
		}
	}
}

// remove takes w out. Those after it that would not be found across the empty slot
// move up.
func (x *index) remove(w who) {
	if x.get(w) == 0 {
		return
	}
	last := len(x.slots) - 1
	hole := x.place(w)
	for i := (hole + 1) & last; x.slots[i].life != 0; i = (i + 1) & last {
		if from := x.home(x.slots[i].who); (i-from)&last >= (i-hole)&last {
			x.slots[hole], hole = x.slots[i], i
		}
	}
	x.slots[hole] = newest{}
	x.n--
}

// clear takes all out.
func (x *index) clear() {
	clear(x.slots)
	x.n = 0
}

// all gives each pid and its newest life, in no order. Nothing is set or removed
// meanwhile.
func (x *index) all() iter.Seq2[who, ref] {
	return func(yield func(who, ref) bool) {
		for i := range x.slots {
			if s := &x.slots[i]; s.life != 0 && !yield(s.who, s.life) {
				return
			}
		}
	}
}

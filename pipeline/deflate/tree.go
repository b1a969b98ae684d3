package deflate

import (
	"math/bits"
	"slices"
)

// tree is a code of Huffman's over symbols that are counted.
type tree struct {
	freq   [litCodes]uint32
	size   [litCodes]uint8 // bits of a symbol's code, 0 where it does not occur
	symbol [litCodes]symbol

	order []uint64 // of the symbols that occur: freq<<16 | symbol
	work  []uint32
}

// build makes the code, with so many bits at most. Two symbols have one at least: not
// every reader takes a code with less.
func (t *tree) build(most int) {
	t.order = t.order[:0]
	for s, n := range t.freq {
		if n > 0 {
			t.order = append(t.order, uint64(n)<<16|uint64(s))
		}
	}
	for s := 0; len(t.order) < 2; s++ {
		if t.freq[s] == 0 {
			t.order = append(t.order, 1<<16|uint64(s))
		}
	}
	slices.Sort(t.order)
	t.work = t.work[:0]
	for _, o := range t.order {
		t.work = append(t.work, uint32(o>>16))
	}
	depths(t.work)
	t.assign(most)
}

// assign gives each symbol its code, the shorter the more often it occurs.
func (t *tree) assign(most int) {
	var count [litMost + 1]int // of codes, by their length
	for _, n := range t.work {
		count[min(int(n), most)]++
	}
	limit(count[:most+1])
	clear(t.size[:])
	at := len(t.order)
	for n := 1; n <= most; n++ {
		for range count[n] {
			at--
			t.size[t.order[at]&0xffff] = uint8(n)
		}
	}
	var next [litMost + 1]uint16
	code := uint16(0)
	for n := 1; n <= most; n++ {
		code = (code + uint16(count[n-1])) << 1
		next[n] = code
	}
	for s, n := range t.size {
		if n > 0 {
			t.symbol[s] = symbol(bits.Reverse16(next[n])>>(16-n))<<8 | symbol(n)
			next[n]++
		}
	}
}

// limit makes a code of lengths that were cut: as long as there are too many, one of
// the longest goes below a shorter one, which becomes as long as it.
func limit(count []int) {
	most := len(count) - 1
	total := 0
	for n := 1; n <= most; n++ {
		total += count[n] << (most - n)
	}
	for ; total > 1<<most; total-- {
		count[most]--
		n := most - 1
		for count[n] == 0 {
			n--
		}
		count[n]--
		count[n+1] += 2
	}
}

// depths puts into each of a list of counts, two at least and ascending, how many bits
// its symbol has in the shortest code (Moffat and Katajainen, In-Place Calculation of
// Minimum-Redundancy Codes, 1995).
func depths(a []uint32) {
	n := len(a)
	root, leaf := 0, 0
	least := func(next int) uint32 {
		if leaf >= n || root < next && a[root] < a[leaf] {
			v := a[root]
			a[root] = uint32(next)
			root++
			return v
		}
		v := a[leaf]
		leaf++
		return v
	}
	for next := range n - 1 {
		v := least(next)
		a[next] = v + least(next)
	}
	a[n-2] = 0
	for next := n - 3; next >= 0; next-- {
		a[next] = a[a[next]] + 1
	}
	free, depth := 1, uint32(0)
	root = n - 2
	for next := n - 1; free > 0; depth++ {
		used := 0
		for root >= 0 && a[root] == depth {
			used++
			root--
		}
		for ; free > used; free-- {
			a[next] = depth
			next--
		}
		free = 2 * used
	}
}

package deflate

import (
	"encoding/binary"
	"math/bits"
)

const (
	minMatch = 3
	maxMatch = 258
	window   = 32 << 10

	tableBits = 14
	// mostFound is how many matches a block has at most.
	mostFound = 32 << 10
	// mostBlock is from which length on a block ends: what comes later may need
	// another code.
	mostBlock = 1 << 20
)

// match is a text that occurred before: skip bytes as they are, then length bytes
// that stand dist before.
type match struct {
	skip   uint32
	length uint16
	dist   uint16 // 32768 is 0x8000
}

// finder finds what occurred before. A place of its table holds where a text of its hash
// was last, and one place is looked at for each position: no text makes it slow.
type finder struct {
	src   []byte
	at    int    // where the next block begins
	base  uint64 // of the places of this body; those of the ones before are below it
	rep   int    // the distance of the last match
	table [1 << tableBits]uint32
	found []match
}

// begin takes a body.
func (f *finder) begin(src []byte) {
	if f.base == 0 || f.base+uint64(len(src)) >= 1<<32 {
		clear(f.table[:])
		f.base = 1
	}
	f.src, f.at, f.rep = src, 0, 1
}

// end lets go of the body.
func (f *finder) end() {
	f.base += uint64(len(f.src))
	f.src = nil
}

func load8(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i : i+8 : len(b)]) }
func load4(b []byte, i int) uint32 { return binary.LittleEndian.Uint32(b[i : i+4 : len(b)]) }

// place is where in the table the text of the first six bytes of v is.
func place(v uint64) uint64 { return v << 16 * 0x9e3779b185ebca87 >> (64 - tableBits) }

// block finds the matches of the next block and returns where it ends.
func (f *finder) block() (end int) {
	f.found = f.found[:0]
	src, base, rep := f.src, uint32(f.base), f.rep
	table := &f.table
	i, from := f.at, f.at // from: of what no match was found for
	limit := min(len(src), f.at+mostBlock)
	last := limit - 16 // where 8 bytes cannot be read any more nothing is looked for
	for len(f.found) < mostFound {
		var cand int
		for {
			if i >= last {
				f.at, f.rep = limit, rep
				return limit
			}
			v := load8(src, i)
			if r := i + 1 - rep; uint32(v>>8) == load4(src, r) {
				i++
				cand = r
				break
			}
			h := place(v)
			c := table[h]
			here := base + uint32(i)
			table[h] = here
			if d := here - c; c >= base && d <= window {
				cand = i - int(d)
				if uint32(v) == load4(src, cand) {
					break
				}
			}
			i += 1 + (i-from)>>6
		}
		n := 4 + same(src[cand+4:], src[i+4:limit])
		dist := i - cand
		for i > from && cand > 0 && src[i-1] == src[cand-1] {
			i, cand, n = i-1, cand-1, n+1
		}
		f.add(i-from, n, dist)
		rep = dist
		i += n
		from = i
		if i < last {
			v := load8(src, i-2)
			table[place(v)] = base + uint32(i-2)
		}
	}
	f.at, f.rep = from, rep
	return from
}

// add notes a match, in parts where it is longer than one may be.
func (f *finder) add(skip, n, dist int) {
	for n > maxMatch {
		part := maxMatch
		if n-part < minMatch {
			part -= minMatch
		}
		f.found = append(f.found, match{uint32(skip), uint16(part), uint16(dist)})
		skip, n = 0, n-part
	}
	f.found = append(f.found, match{uint32(skip), uint16(n), uint16(dist)})
}

// same returns how many bytes a and b begin with in common; a is as long as b at least.
func same(a, b []byte) int {
	n := 0
	for n+8 <= len(b) {
		if x := load8(a, n) ^ load8(b, n); x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
		if n += 8; n == 32 {
			// Long ones are most of a body.
			for n+128 <= len(b) && string(a[n:n+128]) == string(b[n:n+128]) {
				n += 128
			}
		}
	}
	for n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

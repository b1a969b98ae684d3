package deflate

import "math/bits"

const (
	litMost    = 15 // bits of a code
	metaMost   = 7
	endOfBlock = 256
	lengthBase = 257
	litCodes   = 286
	distCodes  = 30
)

// run is a symbol of the code of lengths, and the bits behind it.
type run struct{ symbol, extra, bits uint8 }

// metaOrder is the order in which the lengths of the code of lengths are written.
var metaOrder = [...]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// lengthBits are how many bits follow the code of a length.
var lengthBits = [29]uint8{8: 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}

// lengthFrom is the first length of each code, less minMatch, and lengthCode the code
// of each.
var lengthFrom, lengthCode = func() (from [29]uint8, code [256]uint8) {
	at := 0
	for c := range 28 {
		from[c] = uint8(at)
		for range 1 << lengthBits[c] {
			code[at] = uint8(c)
			at++
		}
	}
	from[28], code[255] = 255, 28 // 258 has a code of its own
	return from, code
}()

// distCode is the code of a distance less one.
func distCode(d uint16) uint16 {
	if d < 4 {
		return d
	}
	n := uint16(bits.Len16(d)) - 2
	return 2*n + d>>n
}

// distBits are how many bits follow the code of a distance.
func distBits(code uint16) uint { return uint(max(code>>1, 1) - 1) }

// header makes the runs of both codes' lengths and returns how many bits they take.
func (p *Packer) header() int {
	p.runs = p.runs[:0]
	clear(p.meta.freq[:])
	var all [litCodes + distCodes]uint8
	copy(all[:], p.lit.size[:])
	copy(all[litCodes:], p.dist.size[:distCodes])
	for i := 0; i < len(all); {
		n := 1
		for i+n < len(all) && all[i+n] == all[i] {
			n++
		}
		p.run(all[i], n)
		i += n
	}
	p.meta.build(metaMost)
	size := 3 + 14 + 3*len(metaOrder)
	for _, r := range p.runs {
		size += int(p.meta.size[r.symbol]) + int(r.bits)
	}
	return size
}

// run adds a length that stands n times.
func (p *Packer) run(length uint8, n int) {
	add := func(symbol uint8, extra int, bits uint8) {
		p.meta.freq[symbol]++
		p.runs = append(p.runs, run{symbol, uint8(extra), bits})
	}
	if length > 0 {
		add(length, 0, 0)
		n--
	}
	for n > 0 {
		part := 1
		switch {
		case length == 0 && n >= 11:
			part = min(n, 138)
			add(18, part-11, 7)
		case length == 0 && n >= 3:
			part = n
			add(17, part-3, 3)
		case n >= 3:
			part = min(n, 6)
			add(16, part-3, 2)
		default:
			add(length, 0, 0)
		}
		n -= part
	}
}

// writeHeader begins a block and writes its codes. All codes are sent, also those at
// the end that do not occur: that is a few bits.
func (p *Packer) writeHeader(last bool) {
	b := &p.out
	b.add(flag(last)|2<<1, 3)
	b.add((litCodes-257)|(distCodes-1)<<5|uint64(len(metaOrder)-4)<<10, 14)
	b.flush()
	for _, s := range metaOrder {
		b.add(uint64(p.meta.size[s]), 3)
		b.flush()
	}
	for _, r := range p.runs {
		b.put(p.meta.symbol[r.symbol])
		b.add(uint64(r.extra), uint(r.bits))
		b.flush()
	}
}

// lengths are the symbols of all lengths with the bits behind them.
func (p *Packer) lengths() (all [256]symbol) {
	for i := range all {
		c := lengthCode[i]
		s := p.lit.symbol[lengthBase+int(c)]
		n := s & 0xff
		all[i] = s + symbol(uint8(i)-lengthFrom[c])<<(8+n) + symbol(lengthBits[c])
	}
	return all
}

// writeBody writes the symbols of a block. What it takes is known, and there is room.
func (p *Packer) writeBody(src []byte) {
	lengths, b, lit := p.lengths(), p.out, &p.lit.symbol
	for _, m := range p.finder.found {
		b.text(lit, src[:m.skip])
		src = src[int(m.skip)+int(m.length):]
		b.put(lengths[uint8(m.length-minMatch)])
		d := m.dist - 1
		c := distCode(d)
		b.put(p.dist.symbol[c])
		extra := distBits(c)
		b.add(uint64(d)&(1<<extra-1), extra)
		b.flush()
	}
	b.text(lit, src)
	b.put(lit[endOfBlock])
	b.flush()
	p.out = b
}

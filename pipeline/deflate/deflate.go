// Package deflate packs a whole body as gzip (RFC 1951, RFC 1952), for bodies of
// events: what one event says is for the most part what the one before it said. The
// body lies in memory, so that it is read where it lies, and one code of Huffman's
// stands for much of it. It knows one level, the fastest that pays, and no streams.
package deflate

import (
	"encoding/binary"
	"hash/crc32"
)

// Packer holds the memory of packing. The zero Packer is ready. It is not safe for
// use by several goroutines.
type Packer struct {
	finder finder
	lit    tree // of literals, the end of a block, and lengths
	dist   tree
	meta   tree // of the lengths of the codes of both
	runs   []run
	out    stream
}

// AppendGzip appends src as one member of a gzip file. It keeps neither.
func (p *Packer) AppendGzip(dst, src []byte) []byte {
	dst = append(dst, 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255) // deflate, no time, fastest, no system
	p.out = stream{buf: dst[:cap(dst)], at: len(dst)}
	p.finder.begin(src)
	for from, end := 0, -1; end < len(src); from = end {
		end = p.finder.block()
		p.block(src[from:end], end == len(src))
	}
	dst = p.out.end()
	p.finder.end()
	p.out.buf = nil // it is the caller's
	dst = binary.LittleEndian.AppendUint32(dst, crc32.ChecksumIEEE(src))
	return binary.LittleEndian.AppendUint32(dst, uint32(len(src)))
}

// block writes what was found in src as one block, or as it is where that is shorter.
func (p *Packer) block(src []byte, last bool) {
	p.count(src)
	p.lit.build(litMost)
	p.dist.build(litMost)
	size := p.header()
	for s, n := range p.lit.freq {
		size += int(n) * int(p.lit.size[s])
	}
	for c, n := range lengthBits {
		size += int(n) * int(p.lit.freq[lengthBase+c])
	}
	for c, n := range p.dist.freq[:distCodes] {
		size += int(n) * (int(p.dist.size[c]) + int(distBits(uint16(c))))
	}
	if size/8 > len(src)+5*(len(src)/mostStored+1) {
		p.store(src, last)
		return
	}
	p.out.room(size / 8)
	p.writeHeader(last)
	p.writeBody(src)
}

// count counts how often each symbol of a block occurs.
func (p *Packer) count(src []byte) {
	lit, dist := &p.lit.freq, &p.dist.freq
	clear(lit[:])
	clear(dist[:])
	for _, m := range p.finder.found {
		for _, c := range src[:m.skip] {
			lit[c]++
		}
		src = src[int(m.skip)+int(m.length):]
		lit[lengthBase+int(lengthCode[uint8(m.length-minMatch)])]++
		dist[distCode(m.dist-1)]++
	}
	for _, c := range src {
		lit[c]++
	}
	lit[endOfBlock] = 1
}

// mostStored is how many bytes a block has at most that are stored as they are.
const mostStored = 1<<16 - 1

// store writes src as it is.
func (p *Packer) store(src []byte, last bool) {
	for more := true; more; more = len(src) > 0 {
		part := src[:min(len(src), mostStored)]
		src = src[len(part):]
		p.out.room(8)
		p.out.add(flag(last && len(src) == 0), 3)
		p.out.align()
		n := uint64(len(part))
		p.out.add(n|(^n&mostStored)<<16, 32)
		p.out.flush()
		p.out.bytes(part)
	}
}

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

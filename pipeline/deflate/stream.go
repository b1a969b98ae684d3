package deflate

import "encoding/binary"

// stream writes bits, the lowest first.
type stream struct {
	buf  []byte // what is behind at is room
	at   int
	have uint64
	n    uint // how many bits of have wait
}

// symbol is a code, as it is written, and in its lowest byte how many bits it has.
type symbol uint32

// room makes room for n bytes, and for those that flush writes beside.
func (b *stream) room(n int) {
	if n += 16; len(b.buf)-b.at < n {
		b.buf = append(make([]byte, 0, 2*b.at+n), b.buf[:b.at]...)
		b.buf = b.buf[:cap(b.buf)]
	}
}

// add adds bits. Between two flushes there may be 57, of which 7 may be left from
// before.
func (b *stream) add(v uint64, n uint) {
	b.have |= v << (b.n & 63)
	b.n += n
}

func (b *stream) put(s symbol) { b.add(uint64(s>>8), uint(s&0xff)) }

// flush writes the bytes that are whole.
func (b *stream) flush() {
	binary.LittleEndian.PutUint64(b.buf[b.at:], b.have)
	b.at += int(b.n >> 3)
	b.have >>= b.n & 0x38
	b.n &= 7
}

// text writes bytes, each by its symbol.
func (b *stream) text(of *[litCodes]symbol, s []byte) {
	have, n, at, buf := b.have, b.n, b.at, b.buf
	for len(s) >= 3 {
		x, y, z := of[s[0]], of[s[1]], of[s[2]] // 45 bits at most
		have |= uint64(x>>8) << (n & 63)
		n += uint(x & 0xff)
		have |= uint64(y>>8) << (n & 63)
		n += uint(y & 0xff)
		have |= uint64(z>>8) << (n & 63)
		n += uint(z & 0xff)
		binary.LittleEndian.PutUint64(buf[at:], have)
		at += int(n >> 3)
		have >>= n & 0x38
		n &= 7
		s = s[3:]
	}
	for _, c := range s {
		x := of[c]
		have |= uint64(x>>8) << (n & 63)
		n += uint(x & 0xff)
	}
	b.have, b.n, b.at = have, n, at
	b.flush()
}

// align goes on at the next whole byte.
func (b *stream) align() {
	b.n = (b.n + 7) &^ 7
	b.flush()
}

// bytes writes whole bytes, after align.
func (b *stream) bytes(s []byte) {
	b.room(len(s))
	b.at += copy(b.buf[b.at:], s)
}

// end writes what is left and returns all.
func (b *stream) end() []byte {
	b.room(8)
	b.align()
	return b.buf[:b.at]
}

package journal

import (
	"encoding/binary"
	"errors"

	"github.com/klauspost/compress/zstd"
)

// flagZstd says that the payload of a frame is its length as an unsigned varint
// and then one zstd frame (RFC 8878). Marks are never compressed: a start reads
// them alone.
const flagZstd = 1

const (
	// compressFrom is the payload from which compression is tried; a smaller one
	// costs more than it gives.
	compressFrom = 512
	// maxPayload is what a compressed payload may say that it unfolds to.
	maxPayload = 1 << 30
)

var errUnfold = errors.New("the compressed payload does not unfold")

// packer compresses payloads. It may be used by several goroutines.
type packer struct{ enc *zstd.Encoder }

// newPacker returns a packer of the fastest level, which on events gives most of
// what the better ones give.
func newPacker() (*packer, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<20), zstd.WithEncoderCRC(false))
	return &packer{enc}, err
}

// pack appends the compressed form of payload to dst; false says that it does
// not pay, and dst is as it was.
func (p *packer) pack(dst, payload []byte) ([]byte, bool) {
	if p == nil || len(payload) < compressFrom || len(payload) > maxPayload {
		return dst, false
	}
	was := len(dst)
	dst = binary.AppendUvarint(dst, uint64(len(payload)))
	dst = p.enc.EncodeAll(payload, dst)
	if len(dst)-was > len(payload)-len(payload)/8 {
		return dst[:was], false
	}
	return dst, true
}

// unpacker unfolds payloads for one goroutine.
type unpacker struct {
	dec *zstd.Decoder
	buf []byte
}

// payload returns the payload of a frame's body, a view until the next call.
func (u *unpacker) payload(h *header, body []byte) ([]byte, error) {
	b := body[h.marks:]
	if h.flags&flagZstd == 0 {
		return b, nil
	}
	n, w := binary.Uvarint(b)
	if w <= 0 || n > maxPayload {
		return nil, errUnfold
	}
	if u.dec == nil {
		dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPayload))
		if err != nil {
			return nil, err
		}
		u.dec = dec
	}
	// The promise is checked by what comes, and believed only as far as one chunk.
	if c := cap(u.buf); c == 0 || c > keptBody && n <= keptBody/2 {
		u.buf = make([]byte, 0, min(n, 1<<20))
	}
	out, err := u.dec.DecodeAll(b[w:], u.buf[:0])
	if err != nil || uint64(len(out)) != n {
		return nil, errors.Join(errUnfold, err)
	}
	u.buf = out
	return out, nil
}

func (u *unpacker) close() {
	if u.dec != nil {
		u.dec.Close()
		u.dec = nil
	}
}

package webclient

import (
	"fmt"

	"github.com/klauspost/compress/zstd"

	"tallyman/pipeline/deflate"
)

// The words of `compression`, and of Content-Encoding.
const (
	noneName = "none"
	gzipName = "gzip"
	zstdName = "zstd"
)

// Encoder compresses bodies. It is not safe for use by several goroutines.
type Encoder struct {
	name string
	gzip *deflate.Packer
	zstd *zstd.Encoder
	buf  []byte
}

// NewEncoder returns the encoder of a word of `compression`; "" is none.
func NewEncoder(word string) (*Encoder, error) {
	e := &Encoder{name: word}
	switch word {
	case noneName, "":
		e.name = ""
	case gzipName:
		e.gzip = new(deflate.Packer)
	case zstdName:
		w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<20))
		if err != nil {
			return nil, fmt.Errorf("webclient: zstd: %w", err)
		}
		e.zstd = w
	default:
		return nil, fmt.Errorf("webclient: there is no compression %q", word)
	}
	return e, nil
}

// Name is the value of the header field Content-Encoding, "" for none.
func (e *Encoder) Name() string { return e.name }

// Encode returns body as it goes over the wire, in memory that is valid until
// the next call, or body itself.
func (e *Encoder) Encode(body []byte) []byte {
	switch {
	case e.gzip != nil:
		e.buf = e.gzip.AppendGzip(e.buf[:0], body)
	case e.zstd != nil:
		e.buf = e.zstd.EncodeAll(body, e.buf[:0])
	default:
		return body
	}
	return e.buf
}

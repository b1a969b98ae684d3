package webclient

import (
	"bytes"
	"fmt"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
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
	gzip *gzip.Writer
	zstd *zstd.Encoder
	buf  bytes.Buffer
}

// NewEncoder returns the encoder of a word of `compression`; "" is none.
func NewEncoder(word string) (*Encoder, error) {
	e := &Encoder{name: word}
	switch word {
	case noneName, "":
		e.name = ""
	case gzipName:
		w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
		if err != nil {
			return nil, fmt.Errorf("webclient: gzip: %w", err)
		}
		e.gzip = w
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
func (e *Encoder) Encode(body []byte) ([]byte, error) {
	switch {
	case e.gzip != nil:
		e.buf.Reset()
		e.gzip.Reset(&e.buf)
		if _, err := e.gzip.Write(body); err != nil {
			return nil, fmt.Errorf("webclient: gzip: %w", err)
		}
		if err := e.gzip.Close(); err != nil {
			return nil, fmt.Errorf("webclient: gzip: %w", err)
		}
		return e.buf.Bytes(), nil
	case e.zstd != nil:
		e.buf.Reset()
		return e.zstd.EncodeAll(body, e.buf.AvailableBuffer()), nil
	}
	return body, nil
}

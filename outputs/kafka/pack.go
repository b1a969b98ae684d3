package kafka

import (
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/segmentio/kafka-go/compress"
)

// packer makes batches of records. It keeps its memory.
type packer struct {
	codec  compress.Compression
	stream stream // nil for none
	lead   []byte // of the record at hand
	packed appender
}

// stream packs what is written to it. One serves all batches, one after the other; it
// has no goroutine.
type stream interface {
	io.WriteCloser
	Reset(io.Writer)
}

// appender is the batch that a stream writes to.
type appender struct{ b []byte }

// Write implements io.Writer.
func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

// newPacker returns the packer of a word of `compression`.
func newPacker(word string) (*packer, error) {
	p := &packer{}
	if word == codecNone {
		return p, nil
	}
	err := p.codec.UnmarshalText([]byte(word))
	if err != nil {
		return nil, err
	}
	if p.stream, err = newStream(p.codec); err != nil {
		return nil, fmt.Errorf("pack with %s: %w", p.codec, err)
	}
	return p, nil
}

// newStream returns the stream of a codec. None sums what it packs, except gzip, whose
// format has a sum: that of the batch is over what is packed.
func newStream(codec compress.Compression) (stream, error) {
	switch codec {
	case compress.Gzip:
		return gzip.NewWriter(nil), nil
	case compress.Snappy:
		return &snappy{}, nil
	case compress.Lz4:
		// Whoever reads it, the broker among them, takes memory for a block: in those of
		// 4 MiB, the largest, events take a twenty-fifth less.
		w := lz4.NewWriter(nil)
		return w, w.Apply(lz4.ChecksumOption(false), lz4.BlockSizeOption(lz4.Block256Kb), lz4.ConcurrencyOption(1))
	}
	// The encoder keeps twice its window, and events of one place look alike: a larger one
	// gives a fiftieth. With a concurrency of 1 it has no goroutine.
	return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithWindowSize(512<<10), zstd.WithEncoderCRC(false))
}

// snappy packs everything into one block without a frame around it, as librdkafka
// does: in the frames of Java's client, which have 32 KiB each, it takes a fifth more.
type snappy struct {
	to    *appender
	plain []byte
}

// Reset implements stream.
func (s *snappy) Reset(to io.Writer) { s.to, s.plain = to.(*appender), s.plain[:0] }

// Write implements io.Writer.
func (s *snappy) Write(p []byte) (int, error) {
	s.plain = append(s.plain, p...)
	return len(p), nil
}

// Close implements io.Closer. Memory that one large batch needed is not kept.
func (s *snappy) Close() error {
	n := len(s.to.b)
	b := slices.Grow(s.to.b, s2.MaxEncodedLen(len(s.plain)))
	s.to.b = b[:n+len(s2.EncodeSnappy(b[n:cap(b)], s.plain))]
	if cap(s.plain) > mostKept {
		s.plain = nil
	}
	return nil
}
